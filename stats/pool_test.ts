import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import { exactChange, exactStatistics, relativeError } from "../tests/oracle/exact.ts";
import { Distribution } from "./distribution.ts";
import { Pool, type PoolableRow } from "./pool.ts";
import { countSample, openWindow, statisticsOf, ticksExpected } from "./window.ts";

const HOUR_MS = 3_600_000;
/** What the design promises of numbers that are pooled. */
const ERROR_MAX = 1e-14;

/** One market's hour with these prices, a minute apart. */
function rowOf(
  [exchange, instrument, base, quote]: readonly [string, string, string?, string?],
  hour: number,
  prices: readonly number[],
): PoolableRow {
  const samples = prices.map((price, minute) => {
    const tickMs = hour * HOUR_MS + minute * 60_000;
    const market = { exchange, instrument, base, quote };
    return { ...market, price, timestampMs: tickMs, tickMs, intervalMs: 60_000 };
  });
  const window = openWindow(samples[0]!, HOUR_MS);
  for (const [offset, sample] of samples.entries()) countSample(window, sample, offset);
  return { ...window, tickCount: window.ticks!.size, tickCountExpected: ticksExpected(window) };
}

function poolOf(rows: readonly PoolableRow[]) {
  const pool = new Pool();
  for (const row of rows) pool.add(row);
  return pool.read();
}

const KRAKEN = ["kraken", "btcusd", "btc", "usd"] as const;
const OKX = ["okx", "btc-usd", "btc", "usd"] as const;
const EURO = ["kraken", "btceur", "btc", "eur"] as const;

Deno.test("markets of one base and quote are pooled as if all samples were one market's", () => {
  const pooled = poolOf([
    rowOf(KRAKEN, 0, [1, 2]),
    rowOf(KRAKEN, 1, [3]),
    rowOf(OKX, 0, [10]),
  ]);
  deepStrictEqual(pooled, {
    ...{ exchange: null, instrument: null, base: "btc", quote: "usd" },
    ...{ startMs: 0, endMs: 2 * HOUR_MS, marketCount: 2, rowCount: 3, count: 4 },
    coverage: 4 / 180,
    prices: {
      ...{ min: 1, max: 10, mean: 4, stddev: Math.sqrt(50 / 3), variance: 50 / 3 },
      ...{ stddevPopulation: Math.sqrt(12.5), open: 1, close: 3, cv: Math.sqrt(50 / 3) / 4 },
      ...{ changePct: 2, rangePct: 9 / 4 },
    },
    // Of a single sample there is no cv.
    cv: { mean: Math.SQRT1_2 / 1.5, median: Math.SQRT1_2 / 1.5, max: Math.SQRT1_2 / 1.5 },
    changePct: { mean: 1 / 3, median: 0, max: 1 },
    rangePct: { mean: 2 / 9, median: 0, max: 2 / 3 },
  });
});

Deno.test("a group that mixes units has counts and spreads, and no prices", () => {
  const pooled = poolOf([rowOf(EURO, 0, [1, 3]), rowOf(KRAKEN, 0, [2, 2]), rowOf(KRAKEN, 1, [2])]);
  strictEqual(pooled.prices, null);
  deepStrictEqual(
    [pooled.exchange, pooled.instrument, pooled.base, pooled.quote],
    ["kraken", null, "btc", null],
  );
  deepStrictEqual([pooled.marketCount, pooled.rowCount, pooled.count], [2, 3, 5]);
  deepStrictEqual(pooled.changePct, { mean: 2 / 3, median: 0, max: 2 });
  deepStrictEqual(pooled.cv, {
    mean: Math.SQRT1_2 / 2,
    median: Math.SQRT1_2 / 2,
    max: Math.SQRT1_2,
  });
});

Deno.test("one market is of one unit although it does not say which; two are not", () => {
  const [nameless, other] = [["okx", "a"], ["okx", "b"]] as const;
  const rows = [rowOf(nameless, 0, [1]), rowOf(nameless, 1, [3])];
  strictEqual(poolOf(rows).prices?.mean, 2);
  strictEqual(poolOf([...rows, rowOf(other, 0, [5])]).prices, null);
});

Deno.test("a group of no rows has no statistics, and one of dead prices no quotients", () => {
  throws(() => new Pool().read(), /group of no rows/);
  const { cv, changePct, rangePct, prices } = poolOf([rowOf(KRAKEN, 0, [0, 0])]);
  const none = { mean: null, median: null, max: null };
  deepStrictEqual([cv, changePct, rangePct], [none, none, none]);
  deepStrictEqual([prices?.mean, prices?.stddev, prices?.cv], [0, 0, null]);
});

Deno.test("every pooled number is that of exact rationals over all samples", () => {
  const price = fc.oneof(
    fc.double({ min: 1e-12, max: 1e12, noNaN: true }),
    fc.integer({ min: 0, max: 5 }).map((n) => 1e9 + n / 1024),
  );
  const prices = fc.array(price, { minLength: 1, maxLength: 6 });
  const hours = fc.uniqueArray(fc.nat(5), { minLength: 1, maxLength: 5 });
  const group = fc.array(fc.tuple(hours, fc.array(prices, { minLength: 5, maxLength: 5 })), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(fc.property(group, (markets) => {
    const rows = markets.flatMap(([hours, prices], i) =>
      hours.map((hour, j) => ({ hour, prices: prices[j]!, exchange: `e${i}` }))
    );
    const pooled = poolOf(
      rows.map(({ exchange, hour, prices }) =>
        rowOf([exchange, "btcusd", "btc", "usd"], hour, prices)
      ),
    );
    const exact = exactStatistics(rows.flatMap(({ prices }) => prices));
    const read = { ...pooled.prices!, count: pooled.count };
    for (const [name, value] of Object.entries(exact)) {
      const error = relativeError(read[name as keyof typeof read], value);
      ok(error <= ERROR_MAX, `${name} is off by ${error}`);
    }
    // Of one time the market that sorts first opens, and closes.
    const first = Math.min(...rows.map(({ hour }) => hour));
    const last = Math.max(...rows.map(({ hour, prices }) => hour * 60 + prices.length));
    const opening = rows.find(({ hour }) => hour === first)!;
    const closing = rows.find(({ hour, prices }) => hour * 60 + prices.length === last)!;
    const [open, close] = [opening.prices[0]!, closing.prices.at(-1)!];
    deepStrictEqual([read.open, read.close], [open, close]);
    ok(relativeError(read.changePct, exactChange(open, close)) <= ERROR_MAX);
    const changes = rows.map(({ prices }) => exactChange(prices[0]!, prices.at(-1)!)!);
    isSpreadOf(pooled.changePct, changes);
    isSpreadOf(pooled.rangePct, rows.map(({ prices }) => exactStatistics(prices).rangePct!));
    const cvs = rows.map(({ prices }) => exactStatistics(prices).cv);
    isSpreadOf(pooled.cv, cvs.filter((cv) => cv !== null));
  }));
});

/** Holds a spread against exact values; of both signs, their greatest is what errors are relative to. */
function isSpreadOf(spread: ReturnType<Distribution["read"]>, values: readonly number[]): void {
  if (values.length === 0) return deepStrictEqual(spread, { mean: null, median: null, max: null });
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.slice((sorted.length - 1) >> 1, (sorted.length >> 1) + 1);
  const greatest = Math.max(...values.map(Math.abs));
  const expected = {
    mean: exactStatistics(values).mean,
    median: exactStatistics(middle).mean,
    max: sorted.at(-1)!,
  };
  for (const name of ["mean", "median", "max"] as const) {
    const error = Math.abs(spread[name]! - expected[name]);
    ok(error <= ERROR_MAX * greatest, `${name} ${spread[name]}, exactly ${expected[name]}`);
  }
}

Deno.test("a spread is that of sorted values, in whatever order they come", () => {
  const values = fc.array(
    fc.oneof(fc.double({ min: 1e-100, max: 10, noNaN: true }), fc.constant(0)),
  );
  fc.assert(fc.property(values, (all) => {
    const distribution = new Distribution();
    for (const value of [null, ...all]) distribution.add(value);
    isSpreadOf(distribution.read(), all);
  }));
});

Deno.test("a pool of one row is that row", () => {
  const row = rowOf(KRAKEN, 3, [5, 7, 6]);
  const { count, coverage, ...prices } = statisticsOf(row);
  const pooled = poolOf([row]);
  deepStrictEqual([pooled.count, pooled.coverage, pooled.prices], [count, coverage, prices]);
});
