import { deepStrictEqual, ok, throws } from "node:assert";
import fc from "fast-check";
import type { LogRecord } from "../../ports/topic_log.ts";
import { chunkHeader, chunksOf, decodeChunk, encodeChunk } from "./chunk_codec.ts";

const fields = fc.record({
  gap: fc.oneof(fc.nat(3), fc.nat(2 ** 40)),
  laterMs: fc.oneof(fc.nat(2), fc.nat(2 ** 40)),
  key: fc.option(fc.string({ unit: "binary", maxLength: 40 })),
  value: fc.option(fc.uint8Array({ maxLength: 300 })),
  headers: fc.dictionary(
    fc.string({ unit: "binary", maxLength: 10 }),
    fc.string({ unit: "grapheme" }),
  ),
});

/** Records in the order of a log. */
const records = fc.array(fields, { minLength: 1, maxLength: 50 }).map((all) => {
  let [offset, appendMs] = [2 ** 50, 1e12];
  return all.map(({ gap, laterMs, ...rest }): LogRecord => {
    offset += 1 + gap;
    appendMs += laterMs;
    return { offset, appendMs, ...rest, headers: { ...rest.headers } };
  });
});

Deno.test("records come back from a chunk as they were", () => {
  fc.assert(fc.property(records, (all) => {
    const bytes = encodeChunk(all);
    deepStrictEqual(decodeChunk(bytes).map(plain), all.map(plain));
    deepStrictEqual(chunkHeader(bytes), {
      byteCount: bytes.length,
      firstOffset: all[0]!.offset,
      lastAppendMs: all.at(-1)!.appendMs,
    });
  }));
});

Deno.test("a chunk read out of a larger buffer is the same", () => {
  const all = [{ offset: 1, appendMs: 2, key: "\ufeffk", value: new Uint8Array([7]), headers: {} }];
  const bytes = encodeChunk(all);
  const larger = new Uint8Array(bytes.length + 9);
  larger.set(bytes, 5);
  deepStrictEqual(decodeChunk(larger.subarray(5, 5 + bytes.length)).map(plain), all.map(plain));
});

Deno.test("records are cut into chunks of about one value, in order, none left out", () => {
  const value = new Uint8Array(999);
  const all = Array.from({ length: 200 }, (_, offset) => ({
    offset,
    appendMs: 0,
    key: "k",
    value: offset === 100 ? new Uint8Array(200_000) : value,
    headers: {},
  }));
  const chunks = [...chunksOf(all)];
  deepStrictEqual(chunks.flat(), all);
  const sizes = chunks.map((chunk) => encodeChunk(chunk).length);
  ok(sizes.filter((size) => size > 65_536).length === 1, `${sizes}`);
  ok(chunks.length < 6, `${sizes}`);
  deepStrictEqual([...chunksOf([])], []);
});

Deno.test("bytes of a newer layout, or of none, are refused in words", () => {
  const bytes = encodeChunk([{ offset: 0, appendMs: 0, key: "k", value: null, headers: {} }]);
  new Float64Array(bytes.buffer, 0, 1)[0] = 2;
  throws(
    () => chunkHeader(bytes),
    /version 1, the newest this program knows: \d+ bytes of version 2/,
  );
  throws(() => chunkHeader(new Uint8Array([1, 2])), TypeError);
});

function plain(record: LogRecord) {
  return { ...record, value: record.value && [...record.value] };
}
