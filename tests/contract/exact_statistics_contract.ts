/**
 * What the API must answer over every statistics store: each number of each window, interval and group
 * is that of exact rational arithmetic over the samples.
 *
 * @module
 */
import { ok, strictEqual } from "node:assert";
import fc from "fast-check";
import type { Hono } from "hono";
import { INTERVAL_SIZES_MS } from "../../stats/interval.ts";
import { DAY_START_MS, get, HOUR_MS, testApi, windowRecord } from "../api_fixture.ts";
import { exactChange, exactStatistics, relativeError } from "../oracle/exact.ts";
import type { OpenStore } from "./statistics_store_contract.ts";

/** How far a number may be off, relative to the exact one. */
const ERROR_MAX = 1e-14;

const CONFIG = { graceMs: 300_000, amendForMs: 6 * HOUR_MS, partitionCount: 6, keepMs: null };

const GROUPED = "/v1/statistics/aggregate?limit=1000&groupBy=quote";

/** An hour of a market, and its prices, a minute apart. */
interface Hour {
  market: string;
  hour: number;
  prices: readonly number[];
}

// deno-lint-ignore no-explicit-any -- a row of an answer
type Row = any;

const price = fc.oneof(
  fc.double({ min: 1e-12, max: 1e12, noNaN: true }),
  // Prices that differ in their last digits only, and a market that is dead now and then.
  fc.integer({ min: 0, max: 5 }).map((n) => 1e9 + n / 2 ** 20),
  fc.constant(0),
);

/** Hours of three markets in two weeks, most of them of two days. */
const hours = fc.uniqueArray(
  fc.record({
    market: fc.constantFrom("bitstamp:btcusd", "kraken:btcusd", "kraken:btceur"),
    hour: fc.oneof(fc.nat(47), fc.integer({ min: -100, max: 200 })),
    prices: fc.array(price, { minLength: 1, maxLength: 20 }),
  }),
  { selector: ({ market, hour }) => `${market}@${hour}`, minLength: 1, maxLength: 40 },
);

/** Registers the suite's test for one store. */
export function exactStatisticsContract(
  name: string,
  open: OpenStore,
  { register = Deno.test, runCount = 25 }: {
    register?: (name: string, run: () => Promise<void>) => void;
    runCount?: number;
  } = {},
): void {
  register(`${name}: every number of every interval and group is exact`, async () => {
    const property = fc.asyncProperty(hours, async (all) => {
      await using queries = await open(CONFIG);
      await queries.writeStatistics(
        all.map(({ market, hour, prices }) =>
          windowRecord(market, hour, prices, { base: "btc", quote: market.slice(-3) })
        ),
      );
      const app = testApi({ queries });
      const isExactGrouped = (asked: string) =>
        isExactList(app, `${GROUPED}${asked}`, all, all.length);
      for (const interval of ["", ...Object.keys(INTERVAL_SIZES_MS)]) {
        const asked = interval === "" ? "" : `&interval=${interval}`;
        await isExactList(app, `/v1/statistics?limit=1000${asked}`, all, all.length);
        await isExactGrouped(asked);
      }
      while (await queries.mergeDays());
      for (const interval of ["1d", "1w"]) await isExactGrouped(`&interval=${interval}`);
      const markets = new Set(all.map(({ market }) => market));
      await isExactList(app, "/v1/statistics/latest", all, markets.size);
    });
    await fc.assert(property, { numRuns: runCount });
  });
}

/** Holds every row of a list against its samples; the list must have `hourCount` hours' in all. */
async function isExactList(
  app: Hono,
  path: string,
  all: readonly Hour[],
  hourCount: number,
): Promise<void> {
  const { data, nextCursor } = await get(app, path);
  strictEqual(nextCursor, null);
  let foundCount = 0;
  for (const row of data) {
    const found = all.filter((hour) => isOf(row, hour));
    isExactRow(path, row, found);
    foundCount += found.length;
  }
  strictEqual(foundCount, hourCount, `${path}: every hour is in one row`);
}

function isOf(row: Row, { market, hour }: Hour): boolean {
  const startMs = DAY_START_MS + hour * HOUR_MS;
  const isMarket = row.marketCount === undefined
    ? market === `${row.exchange}:${row.instrument}`
    : market.endsWith(row.quote);
  return isMarket && startMs >= Date.parse(row.windowStart) && startMs < Date.parse(row.windowEnd);
}

function isExactRow(path: string, row: Row, hours: readonly Hour[]): void {
  const inTime = hours.toSorted((a, b) => a.hour - b.hour || (a.market < b.market ? -1 : 1));
  const prices = inTime.flatMap((hour) => hour.prices);
  const first = inTime[0]!;
  const minuteOf = ({ hour, prices }: Hour) => hour * 60 + prices.length;
  const lastMinute = Math.max(...inTime.map(minuteOf));
  const last = inTime.find((hour) => minuteOf(hour) === lastMinute)!;
  const [open, close] = [first.prices[0]!, last.prices.at(-1)!];
  const expected = {
    ...exactStatistics(prices),
    open,
    close,
    changePct: exactChange(open, close),
    coverage: prices.length / ticksExpected(path, row, hours),
  };
  for (const [name, value] of Object.entries(expected)) {
    const error = relativeError(row[name], value);
    ok(
      error <= ERROR_MAX,
      `${path}: ${name} is ${row[name]} and exactly ${value}: off by ${error}`,
    );
  }
}

/** A tick a minute: of one market in all the time, of a group in its rows. */
function ticksExpected(path: string, row: Row, hours: readonly Hour[]): number {
  const sizeHours = (Date.parse(row.windowEnd) - Date.parse(row.windowStart)) / HOUR_MS;
  const isByWindow = !path.includes("interval");
  if (row.marketCount === undefined) return 60 * sizeHours;
  return 60 * (isByWindow ? hours.length : row.rowCount * sizeHours);
}
