import assert from "node:assert/strict";
import fc from "fast-check";
import type { NewRecord } from "../../ports/topic_log.ts";
import { BatchReader } from "./batch_reader.ts";
import type { Compression } from "./compression.ts";
import {
  AT,
  ATTRIBUTE,
  BatchBuilder,
  type BatchProducer,
  HEADER_SIZE,
  sizeBoundOf,
} from "./record_batch.ts";

const PRODUCER = { producerId: "7", producerEpoch: 1, firstSequence: 0, isTransactional: false };
const COMPRESSIONS = [{ compression: "none" }, { compression: "gzip" }, {
  compression: "zstd",
}] as const;

function batchOf(
  records: readonly NewRecord[],
  producer: BatchProducer,
  compression: Compression,
): Buffer {
  const building = new BatchBuilder();
  for (const record of records) building.add(record);
  return building.finish(producer, compression);
}

Deno.test.each(COMPRESSIONS)(
  "what BatchBuilder writes by $compression is read back",
  ({ compression }) => {
    const text = fc.string({ unit: "binary" }).map((one) => one.toWellFormed());
    const record: fc.Arbitrary<NewRecord> = fc.record({
      topic: fc.constant("t"),
      partition: fc.constant(0),
      key: text,
      value: fc.uint8Array({ maxLength: 300 }),
      headers: fc.dictionary(text.filter((name) => name !== "__proto__"), text),
    });
    const records = fc.array(record, { minLength: 1, size: "+1" });
    fc.assert(fc.property(records, fc.nat(2 ** 40), (records, offset) => {
      const bytes = Buffer.from(batchOf(records, PRODUCER, compression));
      bytes.writeBigInt64BE(BigInt(offset), AT.baseOffset);
      const bound = records.reduce((sum, one) => sum + sizeBoundOf(one), HEADER_SIZE);
      assert.ok(bytes.length <= bound);
      const reader = new BatchReader(bytes, offset, []);
      assert.deepEqual(
        reader.read(Infinity).map((
          { offset, key, value, headers },
        ) => [offset, key, value, { ...headers }]),
        records.map(({ key, value, headers }, i) => [offset + i, key, value, { ...headers }]),
      );
      assert.equal(reader.nextOffset, offset + records.length);
    }));
  },
);

Deno.test("BatchBuilder compresses what gains by it, and marks the codec", () => {
  const record = (size: number): NewRecord => {
    return { topic: "t", partition: 0, key: "k", value: new Uint8Array(size) };
  };
  const noise: NewRecord = { ...record(0), value: crypto.getRandomValues(new Uint8Array(5_000)) };
  const codecOf = (record: NewRecord, compression: "none" | "gzip" | "zstd") => {
    const batch = batchOf([record], PRODUCER, compression);
    return [batch.readInt16BE(AT.attributes) & ATTRIBUTE.codec, batch.length > 5_000];
  };
  assert.deepEqual(codecOf(record(10_000), "none"), [0, true]);
  assert.deepEqual(codecOf(record(10_000), "gzip"), [1, false]);
  assert.deepEqual(codecOf(record(10_000), "zstd"), [4, false]);
  assert.deepEqual(codecOf(record(500), "zstd"), [0, false], "too small to gain");
  assert.deepEqual(codecOf(noise, "zstd"), [0, true], "it would grow");
});
