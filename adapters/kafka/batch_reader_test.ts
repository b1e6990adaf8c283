import assert from "node:assert/strict";
import { gzipSync, zstdCompressSync } from "node:zlib";
import type { NewRecord } from "../../ports/topic_log.ts";
import { BatchReader } from "./batch_reader.ts";
import type { Compression } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { AT, BatchBuilder, type BatchProducer, HEADER_SIZE, PREFIX_SIZE } from "./record_batch.ts";

const PRODUCER: BatchProducer = {
  producerId: "7",
  producerEpoch: 1,
  firstSequence: 0,
  isTransactional: false,
};

function recordOf(key: string, valueSize = 1): NewRecord {
  return { topic: "t", partition: 0, key, value: new Uint8Array(valueSize) };
}

function batchOf(records: NewRecord[], producer: BatchProducer, compression: Compression): Buffer {
  const building = new BatchBuilder();
  for (const record of records) building.add(record);
  return building.finish(producer, compression);
}

/** A batch as a broker keeps it, at an offset. */
function batchAt(
  offset: number,
  records: NewRecord[],
  producer: Partial<BatchProducer> = {},
  compression: Compression = "none",
): Buffer {
  const batch = Buffer.from(batchOf(records, { ...PRODUCER, ...producer }, compression));
  batch.writeBigInt64BE(BigInt(offset), AT.baseOffset);
  return batch;
}

/** The batch with other attributes and another body. */
function remade(batch: Buffer, attributes: number, body: Uint8Array = batch.subarray(HEADER_SIZE)) {
  const made = Buffer.concat([batch.subarray(0, HEADER_SIZE), body]);
  made.writeInt32BE(made.length - PREFIX_SIZE, AT.size);
  made.writeInt16BE(attributes, AT.attributes);
  made.writeUInt32BE(crc32c(made.subarray(AT.attributes)), AT.checksum);
  return made;
}

/** The mark of a transaction's end: one record, whose key is a version and a type. */
function abortMarkAt(offset: number, producerId: string): Buffer {
  return remade(batchAt(offset, [recordOf("\0\0\0\0")], { producerId }), 0x30);
}

function readAll(bytes: Buffer, offset = 0, aborted: [bigint, number][] = []) {
  const reader = new BatchReader(
    bytes,
    offset,
    aborted.map(([producerId, firstOffset]) => ({ producerId, firstOffset })),
  );
  const records = reader.read(Infinity).map(({ offset, key }) => [offset, key]);
  return { records, nextOffset: reader.nextOffset };
}

Deno.test("a reader begins in the middle of a batch and leaves out a cut one", () => {
  const bytes = Buffer.concat([
    batchAt(10, ["a", "b", "c"].map((key) => recordOf(key))),
    batchAt(20, [recordOf("d")]),
    batchAt(30, [recordOf("e")]).subarray(0, -1),
  ]);
  assert.deepEqual(readAll(bytes, 11), {
    records: [[11, "b"], [12, "c"], [20, "d"]],
    nextOffset: 21,
  });
});

Deno.test("a reader stops before the record that is one too many", () => {
  const bytes = batchAt(0, [recordOf("a", 99), recordOf("b", 99), recordOf("c", 99)]);
  for (const [byteCountMax, count] of [[1, 1], [199, 1], [200, 2], [300, 3]] as const) {
    const reader = new BatchReader(bytes, 0, []);
    assert.deepEqual([reader.read(byteCountMax).length, reader.nextOffset], [count, count]);
    assert.equal(reader.isAtEnd, count === 3);
  }
});

Deno.test("a reader goes on where it stopped, over batches of any codec and what is between", () => {
  const keys = Array.from({ length: 300 }, (_, i) => `key ${i}`);
  const bytes = Buffer.concat(
    (["none", "gzip", "zstd"] as const).flatMap((compression, i) => {
      const records = keys.slice(100 * i, 100 * (i + 1)).map((key) => recordOf(key, 20));
      return [batchAt(110 * i, records, {}, compression), abortMarkAt(110 * i + 100, "9")];
    }),
  );
  for (const byteCountMax of [1, 60, 1_000, 2_600, 1e9]) {
    const reader = new BatchReader(bytes, 0, []);
    const found: (string | null)[] = [];
    while (!reader.isAtEnd) {
      const before = reader.nextOffset;
      const records = reader.read(byteCountMax);
      const size = records.reduce((sum, { key, value }) => sum + key!.length + value!.length, 0);
      assert.ok(records.length <= 1 || size <= byteCountMax);
      assert.ok(reader.nextOffset > before && reader.nextOffset > records.at(-1)!.offset);
      found.push(...records.map(({ key }) => key));
    }
    assert.deepEqual(found, keys);
    assert.equal(reader.nextOffset, 321);
  }
});

Deno.test("a reader leaves out aborted transactions, each up to its mark, packed ones too", () => {
  const aborting = { isTransactional: true, producerId: "1" };
  const many = Array.from({ length: 100 }, () => recordOf("aborted", 20));
  const bytes = Buffer.concat([
    batchAt(0, [recordOf("committed")], aborting),
    batchAt(1, [recordOf("aborted")], aborting),
    batchAt(2, [recordOf("plain")]),
    batchAt(3, [recordOf("other")], { isTransactional: true, producerId: "2" }),
    batchAt(4, many, aborting, "zstd"),
    abortMarkAt(104, "1"),
    batchAt(105, [recordOf("next")], aborting),
    batchAt(106, [recordOf("aborted again")], aborting),
  ]);
  assert.deepEqual(readAll(bytes, 0, [[1n, 106], [1n, 1]]), {
    records: [[0, "committed"], [2, "plain"], [3, "other"], [105, "next"]],
    nextOffset: 107,
  });
});

Deno.test("a reader goes on behind a batch that compaction has emptied", () => {
  const empty = remade(batchAt(5, [recordOf("a"), recordOf("b")]), 0, new Uint8Array());
  empty.writeInt32BE(0, AT.recordCount);
  const made = remade(empty, 0);
  assert.deepEqual(readAll(made, 5), { records: [], nextOffset: 7 });
});

const good = batchAt(0, [recordOf("good")]);
const plain = batchAt(1, Array.from({ length: 100 }, () => recordOf("a", 20)));
const body = plain.subarray(HEADER_SIZE);
const damaged = Buffer.from(plain);
damaged[HEADER_SIZE + 50]! ^= 1;
const unreadable = [
  { name: "damaged", batch: damaged, why: "its checksum is wrong" },
  {
    name: "of an unknown codec",
    batch: remade(plain, 5),
    why: "compressed by codec 5; none, gzip",
  },
  { name: "of broken gzip", batch: remade(plain, 1), why: "its gzip cannot be unpacked" },
  { name: "of broken snappy", batch: remade(plain, 2), why: "its snappy cannot be unpacked" },
  { name: "of broken lz4", batch: remade(plain, 3), why: "its lz4 cannot be unpacked: not an LZ4" },
  { name: "of broken zstd", batch: remade(plain, 4), why: "its zstd cannot be unpacked" },
  {
    name: "of zstd that ends too soon",
    batch: remade(plain, 4, zstdCompressSync(body.subarray(0, -1))),
    why: "its records are cut short",
  },
  {
    name: "that unpacks to more than memory should hold",
    batch: remade(plain, 1, gzipSync(new Uint8Array(65 * 2 ** 20))),
    why: "its gzip cannot be unpacked",
  },
];

Deno.test.each(unreadable)("a batch $name is named and stays, what is before it is read", (one) => {
  const reader = new BatchReader(Buffer.concat([good, one.batch]), 0, []);
  const readable = reader.read(Infinity).length;
  assert.ok(readable >= 1);
  assert.equal(reader.nextOffset, readable);
  for (let attempt = 0; attempt < 2; attempt++) {
    assert.throws(() => reader.read(Infinity), (error: Error) => {
      assert.ok(error.message.includes("record batch from offset 1 to 100 cannot be read"));
      assert.ok(error.message.includes(one.why), error.message);
      assert.match(error.message, /kafka-delete-records, before offset 101.*SKIP_LOST=yes/);
      return true;
    });
  }
  assert.equal(reader.nextOffset, readable);
});
