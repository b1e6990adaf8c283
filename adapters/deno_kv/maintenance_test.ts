import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import { type LogRecord, OffsetOutOfRangeError } from "../../ports/topic_log.ts";
import { ManualClock } from "../memory/manual_clock.ts";
import { encodeChunk } from "./chunk_codec.ts";
import { storing } from "./chunk_reader.ts";
import { Partition } from "./partition.ts";
import { type DenoKvTopicLog, openTopicLog } from "./topic_log.ts";

const HOUR_MS = 3_600_000;
const T0 = 1e12;
const signal = new AbortController().signal;
const encoder = new TextEncoder();

/** A log in memory with a topic that is compacted and one that is not. */
async function withLog(
  test: (at: { log: DenoKvTopicLog; kv: Deno.Kv; clock: ManualClock }) => Promise<void>,
) {
  using kv = await Deno.openKv(":memory:");
  const clock = new ManualClock(T0);
  const log = await openTopicLog(kv, { clock });
  const spec = { partitionCount: 1, retentionMs: 10 * HOUR_MS };
  await log.create([
    { name: "plain", compacted: false, ...spec },
    { name: "compacted", compacted: true, ...spec },
  ]);
  await test({ log, kv, clock });
}

function record(topic: string, key: string, value: string, byteCount = 0) {
  return { topic, partition: 0, key, value: encoder.encode(value.padEnd(byteCount, ".")) };
}

async function readAll(log: DenoKvTopicLog, topic: string, from = 0, byteCountMax = 500_000) {
  const records: LogRecord[] = [];
  for (let offset = from;;) {
    const fetched = await log.fetch(topic, 0, offset, { byteCountMax, waitMaxMs: 0 });
    records.push(...fetched.records);
    offset = fetched.nextOffset;
    if (offset === fetched.endOffset) return records;
  }
}

async function chunkCount(kv: Deno.Kv, topic: string): Promise<number> {
  return (await Array.fromAsync(kv.list({ prefix: ["log", topic, 0] }))).length;
}

function lastOfKeys(records: readonly LogRecord[]): LogRecord[] {
  const last = new Map(records.map((one) => [one.key, one.offset]));
  return records.filter((one) => last.get(one.key) === one.offset);
}

Deno.test("retention drops what was appended too long ago, and moves the start", () =>
  withLog(async ({ log, kv, clock }) => {
    await log.append(Array.from({ length: 2000 }, (_, i) => record("plain", "k", `${i}`, 1000)));
    await clock.advanceTo(T0 + HOUR_MS);
    await log.append([record("plain", "k", "later")]);
    await clock.advanceTo(T0 + 10 * HOUR_MS);
    strictEqual((await log.maintain(signal)).expiredChunkCount, 0);
    strictEqual((await log.describe("plain"))![0]!.startOffset, 0);
    await clock.advanceTo(T0 + 10 * HOUR_MS + 1);
    ok((await log.maintain(signal)).expiredChunkCount > 20);
    deepStrictEqual(await log.describe("plain"), [{ startOffset: 2000, endOffset: 2001 }]);
    strictEqual(await chunkCount(kv, "plain"), 1);
    await rejects(readAll(log, "plain", 1999), OffsetOutOfRangeError);
    deepStrictEqual((await readAll(log, "plain", 2000)).map(({ offset }) => offset), [2000]);
    await clock.advanceTo(T0 + 12 * HOUR_MS);
    await log.maintain(signal);
    deepStrictEqual(await log.describe("plain"), [{ startOffset: 2001, endOffset: 2001 }]);
    await log.append([record("plain", "k", "goes on")]);
    strictEqual((await readAll(log, "plain", 2001))[0]!.offset, 2001);
  }));

Deno.test("compaction keeps the last record of a key, at its offset", () =>
  withLog(async ({ log, kv }) => {
    for (let round = 0; round < 10; round++) {
      await log.append(
        Array.from({ length: 1000 }, (_, i) => record("compacted", `key ${i}`, `${round}`, 200)),
      );
    }
    await log.append([record("compacted", "large", "1", 400_000), record("compacted", "a", "1")]);
    await log.append([record("compacted", "large", "2", 300_000), record("compacted", "b", "1")]);
    const before = await readAll(log, "compacted");
    const chunksBefore = await chunkCount(kv, "compacted");
    strictEqual((await log.maintain(signal)).compactedRecordCount, 9001);
    const after = await readAll(log, "compacted");
    deepStrictEqual(after, lastOfKeys(before));
    ok(await chunkCount(kv, "compacted") < chunksBefore / 5);
    for (const from of [0, 1, 5000, 8999, 9500, 9999, 10_000, 10_003]) {
      const expected = after.filter((one) => one.offset >= from);
      deepStrictEqual(await readAll(log, "compacted", from), expected);
    }
    deepStrictEqual(await log.describe("compacted"), [{ startOffset: 0, endOffset: 10_004 }]);
    const again = await log.maintain(signal);
    deepStrictEqual([again.compactedRecordCount, again.mergedChunkCount], [0, 0]);
    await log.append([record("compacted", "key 999", "new")]);
    strictEqual((await log.maintain(signal)).compactedRecordCount, 1);
    deepStrictEqual(
      (await readAll(log, "compacted")).map(({ offset }) => offset),
      [...after.map(({ offset }) => offset).filter((offset) => offset !== 9999), 10_004],
    );
  }));

Deno.test("compaction looks no further back than its span: the rest is retention's", () =>
  withLog(async ({ log, clock }) => {
    await log.append([record("compacted", "k", "old"), record("compacted", "k", "older")]);
    await clock.advanceTo(T0 + 3 * HOUR_MS);
    await log.append([record("compacted", "k", "new"), record("compacted", "k", "newer")]);
    strictEqual((await log.maintain(signal)).compactedRecordCount, 1);
    deepStrictEqual((await readAll(log, "compacted")).map(({ offset }) => offset), [0, 1, 3]);
  }));

Deno.test("small chunks are merged, and nothing is lost by it", () =>
  withLog(async ({ log, kv }) => {
    for (let i = 0; i < 300; i++) await log.append([record("plain", `${i % 7}`, `${i}`, 300)]);
    const before = await readAll(log, "plain");
    strictEqual(before.length, 300);
    ok((await log.maintain(signal)).mergedChunkCount > 290);
    ok(await chunkCount(kv, "plain") < 4);
    deepStrictEqual(await readAll(log, "plain"), before);
    deepStrictEqual(await readAll(log, "plain", 0, 1000), before);
    deepStrictEqual(await readAll(log, "plain", 123), before.slice(123));
    // The last chunk is small still, and takes what comes next.
    for (let i = 0; i < 5; i++) await log.append([record("plain", "k", `${i}`)]);
    await log.maintain(signal);
    ok(await chunkCount(kv, "plain") < 4);
    strictEqual((await readAll(log, "plain")).length, 305);
  }));

Deno.test("what was the end when a reader looked is found although it was merged with what came later", () =>
  withLog(async ({ log, kv }) => {
    for (let i = 0; i < 3; i++) await log.append([record("plain", "k", `${i}`, 300)]);
    for (let i = 3; i < 6; i++) await log.append([record("plain", "k", `${i}`, 300)]);
    ok((await log.maintain(signal)).mergedChunkCount > 0);
    strictEqual(await chunkCount(kv, "plain"), 1);
    const partition = new Partition(kv, "plain", 0, null);
    for (const from of [0, 1, 2]) {
      const { records, nextOffset } = await partition.read(from, 3, 10_000);
      deepStrictEqual(records.map(({ offset }) => offset), [0, 1, 2].slice(from));
      strictEqual(nextOffset, 3);
    }
  }));

Deno.test("what is half written beyond the end is in no reader's way", () =>
  withLog(async ({ log, kv }) => {
    await log.append([record("plain", "k", "0")]);
    const partition = new Partition(kv, "plain", 0, null);
    // The second part of a chunk, and the first of another, each alone.
    const large = {
      offset: 7,
      appendMs: T0,
      key: "k",
      value: new Uint8Array(100_000),
      headers: {},
    };
    const parts = storing(partition.prefix, 7, encodeChunk([large]));
    for (const { key, value } of [parts[1]!, { ...parts[0]!, key: [...partition.prefix, 8] }]) {
      await kv.set(key, value);
      deepStrictEqual((await partition.read(0, 5, 10_000)).records.map(({ offset }) => offset), [
        0,
      ]);
      deepStrictEqual(await partition.read(1, 5, 10_000), { records: [], nextOffset: 5 });
    }
    // Before the end it is damage, and said to be.
    await rejects(partition.read(1, 8, 10_000), /[Cc]hunk/);
  }));

Deno.test("reading, appending and upkeep at the same time leave nothing out", () =>
  withLog(async ({ log }) => {
    const stop = new AbortController();
    const upkeep = (async () => {
      while (!stop.signal.aborted) await log.maintain(signal);
    })();
    const appending = (async () => {
      for (let i = 0; i < 400; i++) {
        await log.append([
          record("plain", "k", `${i}`, 500),
          ...["a", "b"].map((key) => record("compacted", key, `${i}`, 500)),
        ]);
      }
    })();
    const reading = ["plain", "compacted"].map(async (topic) => {
      const records: LogRecord[] = [];
      let offset = 0;
      while (offset < (topic === "plain" ? 400 : 800)) {
        const fetched = await log.fetch(topic, 0, offset, { byteCountMax: 3000, waitMaxMs: 1 });
        records.push(...fetched.records);
        offset = fetched.nextOffset;
      }
      return records;
    });
    const [plain, compacted] = await Promise.all([...reading, appending]);
    stop.abort();
    await upkeep;
    deepStrictEqual(plain!.map(({ offset }) => offset), Array.from({ length: 400 }, (_, i) => i));
    deepStrictEqual(lastOfKeys(compacted!).map(({ offset }) => offset), [798, 799]);
    ok(compacted!.every(({ offset }, i, all) => i === 0 || offset > all[i - 1]!.offset));
  }));

const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.array(
      fc.record({ key: fc.nat(9), byteCount: fc.constantFrom(0, 100, 20_000, 70_000) }),
      { minLength: 1, maxLength: 12 },
    ),
  },
  { weight: 2, arbitrary: fc.constant("maintain" as const) },
  { weight: 1, arbitrary: fc.constant("wait" as const) },
);

Deno.test("whatever is appended and whenever upkeep runs, readers see what they should", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 12 }),
      (steps) =>
        withLog(async ({ log, clock }) => {
          const all: Record<string, string>[] = [];
          for (const [i, one] of steps.entries()) {
            if (one === "maintain") await log.maintain(signal);
            else if (one === "wait") await clock.advanceTo(clock.nowMs() + HOUR_MS);
            else {
              for (const topic of ["plain", "compacted"]) {
                await log.append(
                  one.map(({ key, byteCount }, j) =>
                    record(topic, `${key}`, `${i} ${j}`, byteCount)
                  ),
                );
              }
              all.push(...one.map(({ key }, j) => ({ key: `${key}`, text: `${i} ${j}` })));
            }
          }
          const text = ({ key, value }: LogRecord) => ({
            key,
            text: new TextDecoder().decode(value!).replaceAll(".", ""),
          });
          const [plain, compacted] = [await readAll(log, "plain"), await readAll(log, "compacted")];
          deepStrictEqual(plain.map(text), all);
          // At least the last of every key, and all that is there is what was there.
          for (const one of compacted) deepStrictEqual(text(one), all[one.offset]);
          deepStrictEqual(
            lastOfKeys(compacted).map(({ offset }) => offset),
            lastOfKeys(plain).map(({ offset }) => offset),
          );
        }),
    ),
    { numRuns: 60 },
  );
});
