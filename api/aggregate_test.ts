import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import fc from "fast-check";
import { exactStatistics, relativeError } from "../tests/oracle/exact.ts";
import {
  apiOf,
  DAY_START_MS,
  emptyStore,
  get,
  getAll,
  HOUR_MS,
  testApi,
  windowRecord,
} from "../tests/api_fixture.ts";

// deno-lint-ignore no-explicit-any -- a row of an answer; tests look at it
type Row = any;

const PATH = "/v1/statistics/aggregate";
const BTC_USD = { base: "btc", quote: "usd" };
const RECORDS = [
  windowRecord("kraken:btcusd", 0, [100, 110], BTC_USD),
  windowRecord("kraken:btcusd", 25, [120], BTC_USD),
  windowRecord("kraken:etheur", 0, [8, 8], { base: "eth", quote: "eur" }),
  windowRecord("bitstamp:btc-usd", 0, [90], BTC_USD),
  windowRecord("okx:unnamed", 1, [5, 6]),
];

/** Which group a row is, and what it counts. */
function told(rows: Row[]): unknown[][] {
  return rows.map((row) => [
    ...[row.exchange, row.instrument, row.base, row.quote].map((id) => id ?? "-"),
    ...[row.marketCount, row.rowCount, row.count, row.mean],
  ]);
}

Deno.test("a group of one base and quote has the statistics of all its samples together", async () => {
  const app = await apiOf(...RECORDS);
  const { data: [row], nextCursor } = await get(app, `${PATH}?base=btc`);
  strictEqual(nextCursor, null);
  deepStrictEqual(row, {
    ...{ exchange: null, instrument: null, base: "btc", quote: "usd" },
    windowStart: "2018-04-05T00:00:00.000Z",
    windowEnd: "2018-04-06T02:00:00.000Z",
    ...{ marketCount: 2, rowCount: 3, count: 4, coverage: 4 / 180 },
    ...{ min: 90, max: 120, mean: 105, stddev: Math.sqrt(500 / 3) },
    ...{ stddevPopulation: Math.sqrt(125), variance: 500 / 3, open: 90, close: 120 },
    ...{ cv: Math.sqrt(500 / 3) / 105, changePct: 1 / 3, rangePct: 2 / 7 },
    ...{ cvMean: Math.sqrt(50) / 105, cvMedian: Math.sqrt(50) / 105, cvMax: Math.sqrt(50) / 105 },
    ...{ changePctMean: 0.1 / 3, changePctMedian: 0, changePctMax: 0.1 },
    ...{ rangePctMean: 10 / 105 / 3, rangePctMedian: 0, rangePctMax: 10 / 105 },
  });
});

for (
  const [query, expected] of [
    ["", [["-", "-", "-", "-", 4, 5, 8, null]]],
    ["groupBy=exchange", [
      ["bitstamp", "btc-usd", "btc", "usd", 1, 1, 1, 90],
      ["kraken", "-", "-", "-", 2, 3, 5, null],
      ["okx", "unnamed", "-", "-", 1, 1, 2, 5.5],
    ]],
    ["groupBy=base,quote", [
      ["-", "-", "btc", "usd", 2, 3, 4, 105],
      ["kraken", "etheur", "eth", "eur", 1, 1, 2, 8],
      ["okx", "unnamed", "-", "-", 1, 1, 2, 5.5],
    ]],
    ["groupBy=quote&groupBy=base&interval=1d&base=*", [
      ["-", "-", "btc", "usd", 2, 2, 3, 100],
      ["kraken", "etheur", "eth", "eur", 1, 1, 2, 8],
      ["kraken", "btcusd", "btc", "usd", 1, 1, 1, 120],
    ]],
    ["groupBy=instrument&exchange=kraken&to=2018-04-05T10:00:00Z", [
      ["kraken", "btcusd", "btc", "usd", 1, 1, 2, 105],
      ["kraken", "etheur", "eth", "eur", 1, 1, 2, 8],
    ]],
    ["exchange=nowhere", []],
  ] as const
) {
  Deno.test(`${PATH}?${query} makes the groups that it asks for, in order`, async () => {
    const { data } = await get(await apiOf(...RECORDS), `${PATH}?${query}`);
    deepStrictEqual(told(data), expected);
  });
}

Deno.test("with an interval the spread is over the intervals of the markets, else over their windows", async () => {
  const app = await apiOf(
    ...[0, 1, 2].map((hour) => windowRecord("kraken:btcusd", hour, [10, 10 + hour])),
    windowRecord("kraken:etheur", 0, [1, 1]),
  );
  const { data: [hours] } = await get(app, PATH);
  deepStrictEqual([hours.rowCount, hours.changePctMax], [4, 0.2]);
  deepStrictEqual([hours.changePctMean, hours.changePctMedian], [(0.1 + 0.2) / 4, 0.05]);
  const { data: [day] } = await get(app, `${PATH}?interval=1d`);
  deepStrictEqual(
    [day.rowCount, day.changePctMax, day.changePctMedian, day.rangePctMax],
    [2, 0.2, 0.1, 2 / 10.5],
  );
  deepStrictEqual(
    [day.windowStart, day.windowEnd],
    ["2018-04-05T00:00:00.000Z", "2018-04-06T00:00:00.000Z"],
  );
});

Deno.test("pages of any size hold what one page holds, and pooled numbers are exact", async () => {
  const window = fc.record({
    market: fc.constantFrom("a:btcusd", "b:btcusd", "a:btceur", "c:btceur"),
    hour: fc.nat(50),
    prices: fc.array(fc.double({ min: 1e-6, max: 1e6, noNaN: true }), {
      minLength: 1,
      maxLength: 4,
    }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(window, { selector: (w) => `${w.market}@${w.hour}`, maxLength: 30 }),
      fc.subarray(["exchange", "instrument", "base", "quote"]),
      fc.constantFrom(null, "4h", "1d"),
      fc.integer({ min: 1, max: 4 }),
      async (windows, groupBy, interval, limit) => {
        const app = await apiOf(
          ...windows.map(({ market, hour, prices }) =>
            windowRecord(market, hour, prices, { base: "btc", quote: market.slice(-3) })
          ),
        );
        const grouping = groupBy.length === 0 ? "" : `groupBy=${groupBy}&`;
        const path = `${PATH}?${grouping}${interval === null ? "" : `interval=${interval}`}`;
        const { data } = await get(app, path);
        deepStrictEqual(await getAll(app, path, limit), data);
        for (const row of data) {
          const inGroup = windows.filter(({ market, hour }) => {
            const [exchange, instrument] = market.split(":");
            const market_: Row = { exchange, instrument, base: "btc", quote: market.slice(-3) };
            const startMs = DAY_START_MS + hour * HOUR_MS;
            return groupBy.every((name) => row[name] === market_[name]) &&
              startMs >= Date.parse(row.windowStart) && startMs < Date.parse(row.windowEnd);
          });
          const prices = inGroup.flatMap((window) => window.prices);
          strictEqual(row.count, prices.length);
          const units = new Set(inGroup.map(({ market }) => market.slice(-3)));
          if (units.size > 1) strictEqual(row.mean, null);
          else {
            for (const [name, value] of Object.entries(exactStatistics(prices))) {
              ok(relativeError(row[name], value) <= 1e-14, name);
            }
          }
        }
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a cursor goes on after its group although groups arrive before and after it", async () => {
  const queries = emptyStore();
  await queries.writeStatistics(RECORDS);
  const app = testApi({ queries });
  const path = `${PATH}?groupBy=exchange`;
  const first = await get(app, `${path}&limit=2`);
  await queries.writeStatistics([
    windowRecord("aax:btcusd", 0, [1]),
    windowRecord("zaif:btcusd", 2, [1]),
  ]);
  const second = await get(app, `${path}&cursor=${first.nextCursor}`);
  deepStrictEqual(
    [...first.data, ...second.data].map((row: Row) => row.exchange),
    ["bitstamp", "kraken", "okx", "zaif"],
  );
});

Deno.test("a cursor keeps to its own groups and interval", async () => {
  const app = await apiOf(...RECORDS);
  const { nextCursor } = await get(app, `${PATH}?groupBy=exchange&interval=1d&limit=1`);
  for (
    const [query, said] of [
      ["groupBy=exchange", /is of a list with 1d interval/],
      ["groupBy=quote&interval=1d", /is of a list that is grouped by exchange/],
      ["interval=1d", /is of a list that is grouped by exchange/],
    ] as const
  ) match((await get(app, `${PATH}?${query}&cursor=${nextCursor}`, 400)).detail, said);
});

Deno.test("what cannot be grouped by, and too many groups or windows, are refused", async () => {
  const queries = emptyStore();
  await queries.writeStatistics(RECORDS);
  for (const groupBy of ["", "hour", "exchange,", "exchange&groupBy=__proto__"]) {
    const { detail } = await get(testApi({ queries }), `${PATH}?groupBy=${groupBy}`, 400);
    match(detail, /groupBy must be one or several of exchange, instrument, base, quote/);
  }
  const app = testApi({ queries }, { groupCountMax: 2 });
  match(
    (await get(app, `${PATH}?groupBy=exchange`, 400)).detail,
    /more than 2 groups: group by less, or narrow it/,
  );
  ok(await get(app, `${PATH}?groupBy=exchange&exchange=kraken`));
  match(
    (await get(testApi({ queries }, { scanRowsMax: 4 }), PATH, 400)).detail,
    /more than 4 windows at once/,
  );
});
