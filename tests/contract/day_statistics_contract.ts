/**
 * What every statistics store must tell of days: the same as their windows do, whatever was written,
 * merged and deleted before; a part of its contract.
 *
 * @module
 */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import type { DayRow } from "../../ports/day_statistics.ts";
import {
  READ_LIMIT_MAX,
  type StatisticsRecord,
  type StatisticsRow,
} from "../../ports/statistics_store.ts";
import { mergeWindows, sumOfParts } from "../../stats/merge_windows.ts";
import { marketOf } from "../../stats/sample.ts";
import {
  ALL,
  CONFIG,
  type OpenStore,
  record,
  type RecordFields,
  type Register,
  type StoreUnderTest,
  T0,
  type Test,
} from "./statistics_store_contract.ts";

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
const ALL_DAYS = { fromMs: 0, toMs: 100_000 * DAY_MS, limit: READ_LIMIT_MAX };

/** Registers the tests. */
export function dayStatisticsContract(
  name: string,
  open: OpenStore,
  { register, test, runCount }: { register: Register; test: Test; runCount: number },
): void {
  testDays(test);
  testRetention(test);
  register(`${name}: days are what their windows are, whatever was merged when`, async () => {
    const property = fc.asyncProperty(
      fc.array(fc.oneof({ weight: 3, arbitrary: batch }, fc.constant("merge" as const)), {
        minLength: 1,
        maxLength: 12,
      }),
      fc.constantFrom(HOUR_MS, HOUR_MS, HOUR_MS / 4, 7 * HOUR_MS, 2 * DAY_MS),
      fc.constantFrom(null, 2 * DAY_MS),
      fc.integer({ min: 1, max: 5 }),
      async (steps, sizeMs, keepMs, limit) => {
        await using store = await open({ ...CONFIG, keepMs });
        for (const step of steps) {
          if (step === "merge") await mergeAll(store);
          else await store.writeStatistics(step.map((fields) => recordOf(fields, sizeMs)));
          await areAsTheirWindows(store, limit);
        }
      },
    );
    await fc.assert(property, { numRuns: runCount });
  });
}

const batch = fc.array(
  fc.record<RecordFields>({
    exchange: fc.constantFrom("a", "b"),
    instrument: fc.constantFrom("x", "y"),
    base: fc.constantFrom(null, "btc"),
    quote: fc.constantFrom(null, "usd"),
    hour: fc.oneof(fc.nat(30), fc.nat(120)),
    count: fc.integer({ min: 1, max: 9 }),
    meanHi: fc.constantFrom(100, 0.1, 1e9),
    m2Hi: fc.constantFrom(0, 3),
    openPrice: fc.constantFrom(99, 101),
    revision: fc.integer({ min: 1, max: 20 }),
    closed: fc.boolean(),
    amended: fc.boolean(),
    origin: fc.constantFrom("live", "live", "import"),
    tickCount: fc.nat(2),
  }),
  { minLength: 1, maxLength: 20 },
);

/** The same of windows of another size. */
function recordOf(fields: RecordFields, sizeMs: number): StatisticsRecord {
  const made = record(fields);
  const startMs = T0 + fields.hour! * sizeMs;
  const window = { ...made.window, startMs, endMs: startMs + sizeMs };
  return {
    ...made,
    window: { ...window, openMs: startMs + 1, closeMs: startMs + sizeMs - 1 },
    streamMs: startMs,
  };
}

async function mergeAll(store: StoreUnderTest): Promise<void> {
  for (let stepCount = 0; await store.mergeDays(); stepCount++) ok(stepCount < 100, "it ends");
}

/** Holds days, page by page, against the windows that the store has. */
async function areAsTheirWindows(store: StoreUnderTest, limit: number): Promise<void> {
  const windows = await store.statistics({ ...ALL, order: "market" });
  deepStrictEqual(await daysOf(store, limit), expectedDays(windows));
}

async function daysOf(store: StoreUnderTest, limit: number): Promise<DayRow[]> {
  const days: DayRow[] = [];
  for (;;) {
    const after = days.at(-1);
    const page = await store.days({ ...ALL_DAYS, limit, ...(after && { after }) });
    days.push(...page);
    if (page.length < limit) return days;
  }
}

function expectedDays(windows: readonly StatisticsRow[]): DayRow[] {
  const dayOf = (row: StatisticsRow) => `${marketOf(row)} ${Math.floor(row.startMs / DAY_MS)}`;
  return [...Map.groupBy(windows, dayOf).values()].map((windows) => {
    const [{ exchange, instrument, base, quote, startMs }, { endMs }] = [
      windows[0]!,
      windows.at(-1)!,
    ];
    const merged = mergeWindows(windows, startMs, endMs);
    const { windowCount: _, marketCount: __, tickCountExpected: ___, ...row } = merged;
    const names = { exchange, instrument, base, quote };
    return { ...names, ...row, intervalMs: null, parts: sumOfParts(windows) };
  });
}

/** Hours of days that are over, as the last one shows. */
function twoDays(fields: RecordFields = {}) {
  return [0, 5, 23, 24, 30, 50].map((hour) =>
    record({ hour, count: 3, closed: true, tickCount: 3, ...fields })
  );
}

function testDays(test: Test): void {
  test("a day that was merged is as it was, and changes with its windows", async (store) => {
    await store.writeStatistics([...twoDays(), ...twoDays({ exchange: "bitstamp" })]);
    const before = await daysOf(store, 100);
    deepStrictEqual(before.map(({ parts }) => parts.windowCount), [3, 2, 1, 3, 2, 1]);
    await mergeAll(store);
    deepStrictEqual(await daysOf(store, 100), before);

    const amended = { hour: 5, count: 4, meanHi: 7, closed: true, amended: true };
    strictEqual(await store.writeStatistics([record({ ...amended, revision: 3 })]), 0);
    deepStrictEqual(await daysOf(store, 100), before, "a lesser revision changes nothing");
    strictEqual(await store.writeStatistics([record({ ...amended, revision: 9 })]), 1);
    const [day] = await store.days({ ...ALL_DAYS, exchange: ["kraken"], limit: 1 });
    deepStrictEqual([day!.count, day!.min, day!.amended], [10, 7, true]);
    await areAsTheirWindows(store, 2);
    await mergeAll(store);
    await areAsTheirWindows(store, 2);
  });

  test("a window that comes late, or from an import, is in its day at once", async (store) => {
    await store.writeStatistics(twoDays());
    await mergeAll(store);
    await store.writeStatistics([
      record({ hour: 2, origin: "import", closed: true, count: 8 }),
      record({ hour: 5, origin: "import", closed: true, count: 9 }),
      record({ hour: 31 }),
      record({ exchange: "bitstamp", hour: 1, closed: true }),
    ]);
    const days = await daysOf(store, 3);
    deepStrictEqual(days.map((day) => [day.exchange, day.count, day.origin, day.state]), [
      ["bitstamp", 1, "live", "closed"],
      ["kraken", 23, "mixed", "sealed"],
      ["kraken", 7, "live", "open"],
      ["kraken", 3, "live", "closed"],
    ]);
    await mergeAll(store);
    deepStrictEqual(await daysOf(store, 3), days);
    await store.writeStatistics([record({ hour: 31, revision: 3, closed: true })]);
    await areAsTheirWindows(store, 3);
  });

  test("the shorter windows are, the fewer days are merged in one step", async (store) => {
    // It merges nothing before it is asked.
    if (store instanceof MemoryStatisticsStore) return;
    const minutes = Array.from({ length: DAY_MS / MINUTE_MS }, (_, minute) => minute);
    for (let market = 0; market < 10; market++) {
      const fields = { instrument: `m${market}`, closed: true };
      await store.writeStatistics(
        minutes.map((hour) => recordOf({ ...fields, hour, count: 1 + hour }, MINUTE_MS)),
      );
    }
    await store.writeStatistics([recordOf({ hour: 2 * minutes.length }, MINUTE_MS)]);
    strictEqual(await store.mergeDays(), true);
    await mergeAll(store);
    const days = await daysOf(store, 100);
    deepStrictEqual(
      days.map(({ parts, count }) => [parts.windowCount, count]),
      [[1, 1], ...Array(10).fill([1440, (1440 * 1441) / 2])],
    );
  });

  test("days are filtered, bounded and named as their markets are", async (store) => {
    await store.writeStatistics([
      ...twoDays({ base: "btc", quote: "usd" }),
      ...twoDays({ exchange: "bitstamp", instrument: "ethusd", base: "eth", quote: "usd" }),
    ]);
    const read = async (query: object) =>
      (await store.days({ ...ALL_DAYS, ...query })).map((day) =>
        `${day.exchange} ${day.base} ${Math.floor((day.startMs - T0) / DAY_MS)}`
      );
    const isRight = async () => {
      deepStrictEqual(await read({ fromMs: T0 + DAY_MS, toMs: T0 + 2 * DAY_MS }), [
        "bitstamp eth 1",
        "kraken btc 1",
      ]);
      deepStrictEqual(await read({ exchange: ["k*"], toMs: T0 + DAY_MS }), ["kraken btc 0"]);
      deepStrictEqual(await read({ base: ["eth"], quote: ["eur", "usd"] }), [
        "bitstamp eth 0",
        "bitstamp eth 1",
        "bitstamp eth 2",
      ]);
      deepStrictEqual(await read({ fromMs: T0 + DAY_MS, toMs: T0 + DAY_MS }), []);
    };
    await isRight();
    await mergeAll(store);
    await isRight();
    await store.writeStatistics([record({ hour: 51, base: "xbt", quote: "usd" })]);
    deepStrictEqual(await read({ base: ["xbt"] }), [
      "kraken xbt 0",
      "kraken xbt 1",
      "kraken xbt 2",
    ]);
  });

  test("a window longer than a day is in the day that it starts in", async (store) => {
    const long = [0, 48, 96, 144].map((hour) => {
      const longer = record({ hour, closed: true, count: 2 });
      longer.window.endMs = longer.window.startMs + 48 * HOUR_MS;
      return longer;
    });
    await store.writeStatistics(long);
    const before = await daysOf(store, 9);
    strictEqual(before[0]!.endMs, T0 + 48 * HOUR_MS);
    await mergeAll(store);
    deepStrictEqual(await daysOf(store, 9), before);
    strictEqual(before.length, 4);
  });

  test("a read of days that are none, or too many, is refused", async (store) => {
    await rejects(store.days({ ...ALL_DAYS, limit: READ_LIMIT_MAX + 1 }), RangeError);
    await rejects(store.days({ ...ALL_DAYS, fromMs: T0 + HOUR_MS }), RangeError);
  });
}

function testRetention(test: Test): void {
  test("days that were merged go with their windows; imported ones stay", async (store) => {
    await store.writeStatistics([
      ...twoDays(),
      ...twoDays({ exchange: "old" }),
      record({ exchange: "old", hour: 7, origin: "import", closed: true, count: 2 }),
      record({ exchange: "gone", hour: 7, closed: true }),
    ]);
    await mergeAll(store);
    for (let i = 0; i < 5; i++) {
      const late = record({ hour: 72, revision: 2 + i, streamMs: T0 + 72 * HOUR_MS });
      await store.writeStatistics([late]);
      await areAsTheirWindows(store, 2);
    }
    const left = (await daysOf(store, 9)).map((day) =>
      `${day.exchange} ${Math.floor((day.startMs - T0) / DAY_MS)} ${day.parts.windowCount}`
    );
    deepStrictEqual(left, [
      "kraken 1 2",
      "kraken 2 1",
      "kraken 3 1",
      "old 0 1",
      "old 1 2",
      "old 2 1",
    ]);
    await mergeAll(store);
    await areAsTheirWindows(store, 2);
  }, { ...CONFIG, keepMs: 2 * DAY_MS });
}
