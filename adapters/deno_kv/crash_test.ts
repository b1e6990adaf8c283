import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { TopicSpec } from "../../ports/topic_log.ts";
import { FailingKv } from "../../tests/failing_kv.ts";
import { ManualClock } from "../memory/manual_clock.ts";
import { type DenoKvTopicLog, openTopicLog } from "./topic_log.ts";
import { DenoKvTopicReader } from "./topic_reader.ts";

const GROUP = { id: "group", topics: ["input"] };
const TOPICS: TopicSpec[] = ["input", "output", "rejected"].map((name) => ({
  name,
  partitionCount: 2,
  retentionMs: 3_600_000,
  compacted: name === "output",
}));
const clock = new ManualClock(1e12);
const signal = new AbortController().signal;

/** Records of one write: the value says which write and which of how many. */
function records(topic: string, partition: number, write: string, count: number, byteCount = 50) {
  return Array.from({ length: count }, (_, i) => ({
    topic,
    partition,
    key: `${write}/${i}`,
    value: new TextEncoder().encode(`${write} ${i} ${count} `.padEnd(byteCount, ".")),
  }));
}

/** What is written, in this order; each whole or not at all. */
const STEPS: Record<string, (log: DenoKvTopicLog) => Promise<void>> = {
  create: (log) => log.create(TOPICS),
  small: (log) => log.append(records("input", 0, "small", 3)),
  // Three atomics of chunks.
  large: (log) => log.append(records("input", 1, "large", 45, 50_000)),
  both: (log) =>
    log.append([...records("input", 0, "both", 2), ...records("output", 1, "both", 2)]),
  async transaction(log) {
    const claim = await log.claim(GROUP, 1);
    await claim.commit({
      records: [
        ...records("output", 1, "transaction", 30, 50_000),
        ...records("rejected", 1, "transaction", 2),
      ],
      offsets: { input: 45 },
      metadata: ({ output }) => `through ${output}`,
    });
  },
  again: (log) => log.append(records("output", 1, "both", 2)),
  maintain: async (log) => void await log.maintain(signal),
  last: (log) => log.append(records("output", 1, "last", 1)),
};

/** Where a write's records lie. */
const WRITTEN: Record<string, [topic: string, partition: number][]> = {
  small: [["input", 0]],
  large: [["input", 1]],
  both: [["input", 0], ["output", 1]],
  transaction: [["output", 1], ["rejected", 1]],
  last: [["output", 1]],
};

async function readNames(log: DenoKvTopicLog, topic: string, partition: number): Promise<string[]> {
  const names: string[] = [];
  let [offset, lastOffset] = [0, -1];
  for (;;) {
    const fetched = await log.fetch(topic, partition, offset, {
      byteCountMax: 300_000,
      waitMaxMs: 0,
    });
    for (const { offset, value } of fetched.records) {
      ok(offset > lastOffset);
      lastOffset = offset;
      names.push(new TextDecoder().decode(value!).replace(/ \.*$/, ""));
    }
    offset = fetched.nextOffset;
    if (offset === fetched.endOffset) return names;
  }
}

/** Checks that every step is there whole or not at all, and those that were acknowledged are. */
async function check(log: DenoKvTopicLog, acknowledged: ReadonlySet<string>): Promise<void> {
  await log.create(TOPICS);
  const isThere: Record<string, boolean[]> = {};
  for (const [topic, partition] of [["input", 0], ["input", 1], ["output", 1], ["rejected", 1]]) {
    const byWrite = new Map<string, string[]>();
    for (const name of await readNames(log, topic as string, partition as number)) {
      const write = name.split(" ")[0]!;
      byWrite.set(write, [...byWrite.get(write) ?? [], name]);
    }
    for (const [write, places] of Object.entries(WRITTEN)) {
      if (!places.some(([t, p]) => t === topic && p === partition)) continue;
      const found = byWrite.get(write) ?? [];
      if (found.length > 0) {
        const count = Number(found[0]!.split(" ")[2]);
        const whole = Array.from({ length: count }, (_, i) => `${write} ${i} ${count}`);
        // "again" writes the keys of "both" once more: twice, until they are compacted.
        const times = found.length === 2 * whole.length ? 2 : 1;
        deepStrictEqual(found, Array(times).fill(whole).flat());
      }
      (isThere[write] ??= []).push(found.length > 0);
    }
  }
  const claim = await log.claim(GROUP, 1);
  isThere.transaction!.push(claim.positions.input !== undefined);
  // "again" may have written what "both" had not.
  isThere.both = [isThere.both![0]!];
  for (const [write, places] of Object.entries(isThere)) {
    strictEqual(new Set(places).size, 1, `${write} is there in part`);
    if (acknowledged.has(write)) ok(places[0], `${write} is lost`);
  }
}

Deno.test("a Deno KV log whose n-th commit fails keeps each write whole or not at all", async () => {
  let caseCount = 0;
  for (const isDone of [false, true]) {
    for (const isLast of [false, true]) {
      for (let at = 1, hasFailed = true; hasFailed; at++) {
        using kv = await Deno.openKv(":memory:");
        const failing = new FailingKv(kv, { at, isDone, isLast });
        const acknowledged = new Set<string>();
        let log: DenoKvTopicLog | null = null;
        for (const [name, step] of Object.entries(STEPS)) {
          try {
            log ??= await openTopicLog(failing, { clock });
            await step(log);
            acknowledged.add(name);
          } catch (error) {
            ok(/on purpose|is dead|No such partition/.test(String(error)), String(error));
          }
        }
        ({ hasFailed } = failing);
        if (!isLast && hasFailed) await check(log!, acknowledged);
        const reopened = await openTopicLog(kv, { clock });
        await check(reopened, acknowledged);
        await reopened.append(records("input", 1, "after", 1));
        strictEqual((await readNames(reopened, "input", 1)).at(-1), "after 0 1");
        await nothingBeyondTheEnds(kv, reopened);
        caseCount++;
      }
    }
  }
  ok(caseCount > 60, `${caseCount} cases`);
});

async function nothingBeyondTheEnds(kv: Deno.Kv, log: DenoKvTopicLog): Promise<void> {
  for (const { name } of TOPICS) {
    const ranges = (await log.describe(name))!;
    for await (const { key } of kv.list({ prefix: ["log", name] })) {
      ok((key[3] as number) < ranges[key[2] as number]!.endOffset, `garbage at ${key.join("/")}`);
    }
  }
}

Deno.test("records beyond the visible end are seen by no reader", async () => {
  using kv = await Deno.openKv(":memory:");
  // One opens the log, three make the topics, one appends, two write most of the large append.
  const failing = new FailingKv(kv, { at: 8, isDone: false, isLast: true });
  const dying = await openTopicLog(failing, { clock });
  await dying.create(TOPICS);
  await dying.append(records("input", 1, "first", 1));
  let error: unknown;
  await dying.append(records("input", 1, "large", 45, 50_000)).catch((caught) => error = caught);
  ok(error instanceof Error);
  let chunkCount = 0;
  for await (const _ of kv.list({ prefix: ["log", "input", 1] })) chunkCount++;
  ok(chunkCount > 1, "there is something to overlook");
  const reader = new DenoKvTopicReader(kv, { clock });
  const fetched = await reader.fetch("input", 1, 0, { byteCountMax: 1e9, waitMaxMs: 0 });
  deepStrictEqual([fetched.records.length, fetched.nextOffset, fetched.endOffset], [1, 1, 1]);
});
