import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import fc from "fast-check";
import type { Hono } from "hono";
import { MemoryBroker } from "../adapters/memory/topic_log.ts";
import type { FetchOptions } from "../ports/topic_log.ts";
import { get, getAll, testApi } from "../tests/api_fixture.ts";
import { GROUPS, topicSpecs } from "../topology.ts";

const START_MS = Date.UTC(2018, 3, 5, 10);
const MESSAGES = "/v1/topics/samples/messages?partition=1";

interface Shown {
  offset: number;
  time: string;
  key: string;
}

/** A log with one record for each of these keys, a second apart, each in a transaction of its own where `holes` says so. */
async function apiOf(keys: readonly string[], { holes = false, value = "1" } = {}) {
  let nowMs = START_MS;
  const broker = new MemoryBroker({ nowMs: () => nowMs, sleep: () => Promise.resolve() });
  const log = broker.connect();
  await log.create(topicSpecs("embedded", 2));
  const bytes = new TextEncoder().encode(value);
  for (const key of keys) {
    const records = [{ topic: "samples", partition: 1, key, value: bytes }];
    if (holes) {
      const claim = await log.claim(GROUPS.aggregator, 1);
      await claim.commit({ records, offsets: {}, metadata: () => "" });
    } else await log.append(records);
    nowMs += 1000;
  }
  let fetchCount = 0;
  const counted = {
    fetch: (topic: string, partition: number, offset: number, options: FetchOptions) => {
      fetchCount++;
      return log.fetch(topic, partition, offset, options);
    },
  };
  const app = testApi({ topics: { log: counted, admin: log } });
  return { app, broker, fetchCount: () => fetchCount };
}

const keysOf = (rows: readonly unknown[]) => (rows as Shown[]).map((row) => row.key);
const numbers = (count: number) => Array.from({ length: count }, (_, i) => `${i}`);
const page = async (app: Hono, query: string) => keysOf((await get(app, MESSAGES + query)).data);

Deno.test("pages in descending order are all pages in ascending order turned round, over holes too", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 0, max: 90 }),
      fc.integer({ min: 1, max: 100 }),
      fc.integer({ min: 0, max: 20 }),
      fc.constantFrom("", "&key=1", "&key=x"),
      async (count, limit, lost, key) => {
        const { app, broker } = await apiOf(numbers(count), { holes: true });
        broker.truncate("samples", 1, Math.min(lost, count));
        const ascending = await getAll(app, `${MESSAGES}${key}`, limit);
        const descending = await getAll(app, `${MESSAGES}${key}&order=descending`, limit);
        deepStrictEqual(descending, ascending.reverse());
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("descending, the messages before an offset come, or the last", async () => {
  const { app } = await apiOf(numbers(50));
  deepStrictEqual(await page(app, "&order=descending&limit=3"), ["49", "48", "47"]);
  deepStrictEqual(await page(app, "&order=descending&limit=3&offset=10"), ["9", "8", "7"]);
  deepStrictEqual(await page(app, "&order=descending&offset=0"), []);
  deepStrictEqual(await page(app, "&order=descending&limit=1&offset=99999"), ["49"]);
});

Deno.test("a time stands for the first message that the log took then or later", async () => {
  const { app } = await apiOf(numbers(300), { holes: true });
  for (const [seconds, first] of [[-1, "0"], [0, "0"], [0.5, "1"], [123, "123"], [298.1, "299"]]) {
    const timeMs = START_MS + Number(seconds) * 1000;
    deepStrictEqual(await page(app, `&limit=1&time=${timeMs}`), [first]);
  }
  deepStrictEqual(await page(app, `&time=${START_MS + 300_000}`), []);
  deepStrictEqual(await page(app, "&limit=2&order=descending&time=2018-04-05T10:01:00Z"), [
    "59",
    "58",
  ]);
});

Deno.test("only messages whose key contains what is asked for come, and their pages are full", async () => {
  const { app } = await apiOf(numbers(1000).map((n) => `kraken:m${n}`));
  deepStrictEqual(await page(app, "&key=m99&limit=2"), ["kraken:m99", "kraken:m990"]);
  deepStrictEqual(await page(app, "&key=m99&limit=1&order=descending"), ["kraken:m999"]);
  strictEqual((await getAll(app, `${MESSAGES}&key=m99`, 4)).length, 11);
  deepStrictEqual(await page(app, "&key=M99"), []);
});

Deno.test("a key that is nowhere costs a bounded answer, that goes on where it stopped", async () => {
  const long = `"${"x".repeat(64 * 1024 - 2)}"`;
  const { app, fetchCount } = await apiOf(numbers(900), { value: long });
  for (const order of ["ascending", "descending"]) {
    const before = fetchCount();
    const { data, nextCursor } = await get(app, `${MESSAGES}&key=x&order=${order}`);
    deepStrictEqual(data, []);
    ok(nextCursor !== null && fetchCount() - before <= 60);
    deepStrictEqual(keysOf(await getAll(app, `${MESSAGES}&key=450&order=${order}`, 10)), ["450"]);
  }
});

Deno.test("an answer in descending order is bounded in bytes, and goes on by its cursor", async () => {
  const { app } = await apiOf(numbers(10), { value: `"${"x".repeat(1024 * 1024)}"` });
  const query = `${MESSAGES}&order=descending`;
  ok((await get(app, query)).data.length < 6);
  deepStrictEqual(keysOf(await getAll(app, query, 100)), numbers(10).reverse());
});

for (
  const [query, said] of [
    ["&order=newest", /order must be ascending or descending/],
    ["&time=noon", /time must be ISO 8601/],
    ["&time=5&offset=5", /time is given beside offset/],
    [`&key=${"x".repeat(301)}`, /key must be at most 300/],
  ] as const
) {
  Deno.test(`messages?${query.slice(1, 40)} answers 400 and says why`, async () => {
    match((await get((await apiOf([])).app, MESSAGES + query, 400)).detail, said);
  });
}

Deno.test("a cursor of one order does not fit the other", async () => {
  const { app } = await apiOf(["a", "b"]);
  const { nextCursor } = await get(app, `${MESSAGES}&limit=1`);
  const path = `${MESSAGES}&order=descending&cursor=${nextCursor}`;
  match((await get(app, path, 400)).detail, /cursor is of partition 1 of samples, ascending/);
});
