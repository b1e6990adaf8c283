import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import { exactStatistics, relativeError } from "../tests/oracle/exact.ts";
import { INTERVAL_SIZES_MS } from "./interval.ts";
import { type MergeableWindow, mergeWindows, MIXED_ORIGIN } from "./merge_windows.ts";
import { marketOf, type Sample } from "./sample.ts";
import { countSample, openWindow, revisionOf, statisticsOf } from "./window.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const MINUTE_MS = 60_000;
const DAY_START_MS = Date.UTC(2018, 3, 5);

/** The windows of samples, as a store has them. */
function rowsOf(samples: readonly Sample[], changes: Partial<MergeableWindow> = {}) {
  const windows = new Map<string, ReturnType<typeof openWindow>>();
  for (const [offset, sample] of samples.entries()) {
    const key = `${marketOf(sample)}@${
      Math.floor((sample.tickMs ?? sample.timestampMs) / HOUR_MS)
    }`;
    if (!windows.has(key)) windows.set(key, openWindow(sample, HOUR_MS));
    countSample(windows.get(key)!, sample, offset);
  }
  return [...windows.values()].map((window): MergeableWindow => ({
    ...window,
    tickCount: window.ticks?.size ?? 0,
    state: "sealed",
    revision: revisionOf(window),
    ...changes,
  }));
}

function sample(afterMs: number, price: number, rest: Partial<Sample> = {}): Sample {
  return {
    exchange: "kraken",
    instrument: "btcusd",
    price,
    timestampMs: DAY_START_MS + afterMs,
    ...rest,
  };
}

function tick(minute: number, price = 1, rest: Partial<Sample> = {}): Sample {
  const tickMs = DAY_START_MS + minute * MINUTE_MS;
  return sample(minute * MINUTE_MS, price, { tickMs, intervalMs: MINUTE_MS, ...rest });
}

function dayOf(rows: Iterable<MergeableWindow>) {
  return mergeWindows(rows, DAY_START_MS, DAY_START_MS + DAY_MS);
}

Deno.test("a day of hours, in any order and of any markets, is the statistics of all its prices", () => {
  const price = fc.oneof(
    fc.double({ min: 1e-12, max: 1e12, noNaN: true }),
    fc.integer({ min: 0, max: 5 }).map((n) => 1e9 + n / 1024),
  );
  const samples = fc.array(
    fc.record({
      price,
      afterMs: fc.oneof(
        fc.nat(DAY_MS - 1),
        fc.integer({ min: 0, max: 47 }).map((n) => n * HOUR_MS / 2),
      ),
      exchange: fc.constantFrom("kraken", "coinbase", "bitstamp"),
    }),
    { minLength: 1, maxLength: 80 },
  );
  fc.assert(fc.property(samples, fc.infiniteStream(fc.nat()), (observed, order) => {
    const samples = observed.map(({ price, afterMs, exchange }) =>
      sample(afterMs, price, { exchange })
    );
    const rows = rowsOf(samples)
      .map((row) => ({ row, at: order.next().value }))
      .sort((a, b) => a.at - b.at)
      .map(({ row }) => row);
    const merged = dayOf(rows);
    const exact = exactStatistics(samples.map(({ price }) => price));
    const read = statisticsOf(merged);
    for (const name of ["count", "min", "max", "mean", "stddev", "stddevPopulation"] as const) {
      ok(relativeError(read[name], exact[name]) <= 1e-15, name);
    }
    deepStrictEqual(
      [merged.windowCount, merged.marketCount, merged.openMs, merged.closeMs],
      [
        rows.length,
        new Set(samples.map(marketOf)).size,
        Math.min(...samples.map(({ timestampMs }) => timestampMs)),
        Math.max(...samples.map(({ timestampMs }) => timestampMs)),
      ],
    );
    // In whatever order the rows come, the same row goes out.
    const again = dayOf(rows.toReversed());
    for (const name of ["openPrice", "closePrice", "revision", "tickCountExpected"] as const) {
      strictEqual(again[name], merged[name]);
    }
  }));
});

Deno.test("days merge into a week, and hours of hours stay what they are", () => {
  const week = Array.from({ length: 7 * 24 }, (_, hour) => sample((hour - 72) * HOUR_MS, hour + 1));
  const startMs = Date.UTC(2018, 3, 2);
  const merged = mergeWindows(rowsOf(week), startMs, startMs + INTERVAL_SIZES_MS["1w"]);
  deepStrictEqual([merged.count, merged.openPrice, merged.closePrice], [168, 1, 168]);
  strictEqual(statisticsOf(merged).mean, 84.5);
  const [row] = rowsOf([tick(3, 5), tick(4, 6)]) as [MergeableWindow];
  const { windowCount: _, marketCount: __, tickCountExpected, ...same } = mergeWindows(
    [row],
    row.startMs,
    row.endMs,
  );
  strictEqual(tickCountExpected, 60);
  for (const [name, value] of Object.entries(same)) {
    strictEqual(value, row[name as keyof MergeableWindow], name);
  }
});

Deno.test("coverage counts the ticks of missing hours as missing", () => {
  const twoHours = Array.from({ length: 120 }, (_, minute) => tick(minute));
  deepStrictEqual(
    [dayOf(rowsOf(twoHours)).tickCount, dayOf(rowsOf(twoHours)).tickCountExpected],
    [120, 1440],
  );
  const whole = Array.from({ length: 1440 }, (_, minute) => tick(minute));
  strictEqual(statisticsOf(dayOf(rowsOf(whole))).coverage, 1);
});

Deno.test("a schedule slower than the windows covers a day by its own ticks", () => {
  const ninety = Array.from(
    { length: 16 },
    (_, i) => tick(90 * i, 1, { intervalMs: 90 * MINUTE_MS }),
  );
  strictEqual(dayOf(rowsOf(ninety)).tickCountExpected, 16);
  strictEqual(statisticsOf(dayOf(rowsOf(ninety.slice(4)))).coverage, 12 / 16);
});

Deno.test("a schedule that changed at noon covers each half by its own ticks", () => {
  const morning = Array.from({ length: 720 }, (_, minute) => tick(minute));
  const evening = Array.from(
    { length: 144 },
    (_, i) => tick(720 + 5 * i, 1, { intervalMs: 5 * MINUTE_MS }),
  );
  const merged = dayOf(rowsOf([...morning, ...evening]));
  deepStrictEqual([merged.tickCount, merged.tickCountExpected], [864, 864]);
});

Deno.test("each market of a pool has its own schedule; without any, coverage is null", () => {
  const minutes = Array.from({ length: 60 }, (_, minute) => tick(minute));
  const hourly = tick(0, 1, { exchange: "coinbase", intervalMs: HOUR_MS });
  const silent = sample(5, 1, { exchange: "bitstamp" });
  strictEqual(dayOf(rowsOf([...minutes, hourly, silent])).tickCountExpected, 1440 + 24);
  strictEqual(statisticsOf(dayOf(rowsOf([silent]))).coverage, null);
  // One market's rows need not stand together.
  const [first, second, other] = rowsOf([
    tick(0),
    tick(60, 1, { intervalMs: 5 * MINUTE_MS }),
    tick(0, 1, { exchange: "coinbase" }),
  ]) as [MergeableWindow, MergeableWindow, MergeableWindow];
  strictEqual(dayOf([first, other, second]).tickCountExpected, (60 + 12) / 2 * 24 + 1440);
});

Deno.test("of prices at one time, the market that sorts first opens and closes", () => {
  const at = (minute: number, exchange: string, price: number) => tick(minute, price, { exchange });
  const samples = [
    at(0, "kraken", 1),
    at(0, "coinbase", 2),
    at(9, "kraken", 3),
    at(9, "coinbase", 4),
  ];
  for (const rows of [rowsOf(samples), rowsOf(samples.toReversed())]) {
    const { openPrice, closePrice } = dayOf(rows);
    deepStrictEqual([openPrice, closePrice], [2, 4]);
  }
});

Deno.test("state, amendment, origin and revision are those of all the windows", () => {
  const rows = [0, 60, 120].map((minute) => rowsOf([tick(minute)])[0]!);
  const merged = dayOf([
    { ...rows[0]!, state: "sealed", revision: 7 },
    { ...rows[1]!, state: "open", amended: true, revision: 5, origin: "import" },
    { ...rows[2]!, state: "closed", revision: 1 },
  ]);
  deepStrictEqual(
    [merged.state, merged.amended, merged.origin, merged.revision],
    ["open", true, MIXED_ORIGIN, 13],
  );
  deepStrictEqual([dayOf(rows).state, dayOf(rows).amended, dayOf(rows).origin], [
    "sealed",
    false,
    "live",
  ]);
});

Deno.test("a window that does not fit the interval is refused, and so is none", () => {
  const rows = rowsOf([tick(0)]);
  throws(() => mergeWindows(rows, DAY_START_MS + 1, DAY_START_MS + DAY_MS), /kraken:btcusd/);
  throws(() => mergeWindows(rows, DAY_START_MS, DAY_START_MS + HOUR_MS - 1), RangeError);
  throws(() => dayOf([]), /No windows/);
});
