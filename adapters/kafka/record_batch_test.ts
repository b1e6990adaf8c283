import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import type { NewRecord } from "../../ports/topic_log.ts";
import { type BatchProducer, decodeBatches, encodeBatch, sizeBoundOf } from "./record_batch.ts";

const PRODUCER: BatchProducer = {
  producerId: "7",
  producerEpoch: 1,
  firstSequence: 0,
  isTransactional: false,
};
const ALL = { offset: 0, byteCountMax: Infinity, aborted: [] };
const HEADER_SIZE = 61;

function recordOf(key: string, valueSize = 1): NewRecord {
  return { topic: "t", partition: 0, key, value: new Uint8Array(valueSize) };
}

/** A batch as a broker keeps it, at an offset. */
function batchAt(offset: number, records: NewRecord[], producer: Partial<BatchProducer> = {}) {
  const batch = Buffer.from(encodeBatch(records, { ...PRODUCER, ...producer }));
  batch.writeBigInt64BE(BigInt(offset), 0);
  return batch;
}

/** The mark of a transaction's end: one record, whose key is a version and a type. */
function abortMarkAt(offset: number, producerId: string): Buffer {
  const batch = batchAt(offset, [recordOf("\0\0\0\0")], { producerId, isTransactional: true });
  batch.writeInt16BE(0x30, 21);
  return batch;
}

Deno.test("decodeBatches() gives back what encodeBatch() wrote", () => {
  const text = fc.string({ unit: "binary" }).map((one) => one.toWellFormed());
  const record = fc.record({
    topic: fc.constant("t"),
    partition: fc.constant(0),
    key: text,
    value: fc.uint8Array({ maxLength: 300 }),
    headers: fc.dictionary(text.filter((name) => name !== "__proto__"), text),
  });
  fc.assert(fc.property(fc.array(record, { minLength: 1 }), fc.nat(2 ** 40), (records, offset) => {
    const bytes = batchAt(offset, records);
    assert.ok(
      bytes.length <= HEADER_SIZE + records.reduce((sum, one) => sum + sizeBoundOf(one), 0),
    );
    const decoded = decodeBatches(bytes, { ...ALL, offset });
    assert.equal(decoded.nextOffset, offset + records.length);
    assert.deepEqual(
      decoded.records.map((
        { offset, key, value, headers },
      ) => [offset, key, value, { ...headers }]),
      records.map(({ key, value, headers }, i) => [offset + i, key, value, { ...headers }]),
    );
  }));
});

Deno.test("decodeBatches() begins in the middle of a batch and leaves out a cut one", () => {
  const bytes = Buffer.concat([
    batchAt(10, ["a", "b", "c"].map((key) => recordOf(key))),
    batchAt(20, [recordOf("d")]),
    batchAt(30, [recordOf("e")]).subarray(0, -1),
  ]);
  const { records, nextOffset } = decodeBatches(bytes, { ...ALL, offset: 11 });
  assert.deepEqual(records.map(({ offset, key }) => [offset, key]), [[11, "b"], [12, "c"], [
    20,
    "d",
  ]]);
  assert.equal(nextOffset, 21);
});

Deno.test("decodeBatches() stops before the record that is one too many", () => {
  const bytes = batchAt(0, [recordOf("a", 99), recordOf("b", 99), recordOf("c", 99)]);
  for (const [byteCountMax, count] of [[1, 1], [199, 1], [200, 2], [300, 3]] as const) {
    const { records, nextOffset } = decodeBatches(bytes, { ...ALL, byteCountMax });
    assert.deepEqual([records.length, nextOffset], [count, count]);
  }
});

Deno.test("decodeBatches() leaves out aborted transactions, each up to its mark", () => {
  const inTransaction = { isTransactional: true, producerId: "1" };
  const bytes = Buffer.concat([
    batchAt(0, [recordOf("committed")], inTransaction),
    batchAt(1, [recordOf("aborted")], inTransaction),
    batchAt(2, [recordOf("plain")]),
    batchAt(3, [recordOf("other")], { isTransactional: true, producerId: "2" }),
    abortMarkAt(4, "1"),
    batchAt(5, [recordOf("next")], inTransaction),
    batchAt(6, [recordOf("aborted again")], inTransaction),
  ]);
  const aborted = [{ producerId: 1n, firstOffset: 6 }, { producerId: 1n, firstOffset: 1 }];
  const { records, nextOffset } = decodeBatches(bytes, { ...ALL, aborted });
  assert.deepEqual(records.map(({ key }) => key), ["committed", "plain", "other", "next"]);
  assert.equal(nextOffset, 7);
});

Deno.test("decodeBatches() goes on behind a batch that compaction has emptied", () => {
  const empty = Buffer.from(batchAt(5, [recordOf("a"), recordOf("b")]).subarray(0, HEADER_SIZE));
  empty.writeInt32BE(HEADER_SIZE - 12, 8);
  empty.writeInt32BE(0, 57);
  assert.deepEqual(decodeBatches(empty, { ...ALL, offset: 5 }), { records: [], nextOffset: 7 });
});

Deno.test("decodeBatches() inflates gzip and names what it cannot read", () => {
  const plain = batchAt(0, [recordOf("a")]);
  const packed = Buffer.concat([
    plain.subarray(0, HEADER_SIZE),
    gzipSync(plain.subarray(HEADER_SIZE)),
  ]);
  packed.writeInt32BE(packed.length - 12, 8);
  packed.writeInt16BE(1, 21);
  assert.equal(decodeBatches(packed, ALL).records[0]!.key, "a");
  packed.writeInt16BE(2, 21);
  assert.throws(() => decodeBatches(packed, ALL), /compressed by snappy.*compression.type/);
});
