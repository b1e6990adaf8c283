import { deepStrictEqual, match, strictEqual } from "node:assert";
import fc from "fast-check";
import { apiOf, emptyStore, get, getAll, testApi, windowRecord } from "../tests/api_fixture.ts";

// deno-lint-ignore no-explicit-any -- a row of an answer; tests look at it
type Row = any;

/** Four markets whose cv is null, 0, small and great, in two hours. */
const RECORDS = [0, 1].flatMap((hour) => [
  windowRecord("kraken:btcusd", hour, [100, 101]),
  windowRecord("bitstamp:btcusd", hour, [100]),
  windowRecord("okx:ethusd", hour, [5, 5]),
  windowRecord("zaif:monajpy", hour, [1, 9, hour + 2]),
]);

function places(rows: Row[]): string[] {
  return rows.map((row) => `${row.windowStart.slice(11, 13)} ${row.exchange}:${row.instrument}`);
}

Deno.test("sort=-cv brings the most restless windows first, null last, equal ones by time and market", async () => {
  const app = await apiOf(...RECORDS);
  const { data } = await get(app, "/v1/statistics?sort=-cv");
  deepStrictEqual(places(data), [
    "00 zaif:monajpy",
    "01 zaif:monajpy",
    "00 kraken:btcusd",
    "01 kraken:btcusd",
    "00 okx:ethusd",
    "01 okx:ethusd",
    "00 bitstamp:btcusd",
    "01 bitstamp:btcusd",
  ]);
  const ascending = await get(app, "/v1/statistics?sort=cv&limit=3&exchange=*a*,k*,o*");
  deepStrictEqual(places(ascending.data), ["00 okx:ethusd", "01 okx:ethusd", "00 kraken:btcusd"]);
  deepStrictEqual(places((await get(app, "/v1/statistics/latest?sort=-mean")).data), [
    "01 kraken:btcusd",
    "01 bitstamp:btcusd",
    "01 okx:ethusd",
    "01 zaif:monajpy",
  ]);
});

Deno.test("pages of any size, by any statistic, hold what sorting all rows would", async () => {
  const window = fc.record({
    market: fc.constantFrom("bitstamp:btcusd", "kraken:btcusd", "kraken:etheur", "okx:btcusd"),
    hour: fc.nat(30),
    prices: fc.array(fc.constantFrom(0, 1, 2, 3.5), { minLength: 1, maxLength: 3 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(window, { selector: (w) => `${w.market}@${w.hour}`, maxLength: 25 }),
      fc.constantFrom("count", "min", "mean", "stddev", "cv", "changePct", "rangePct", "coverage"),
      fc.boolean(),
      fc.constantFrom("/v1/statistics?", "/v1/statistics?interval=4h&", "/v1/statistics/latest?"),
      fc.integer({ min: 1, max: 9 }),
      async (windows, field, isDescending, path, limit) => {
        const app = await apiOf(
          ...windows.map(({ market, hour, prices }) => windowRecord(market, hour, prices)),
        );
        const { data } = await get(app, path);
        const expected = data.toSorted((a: Row, b: Row) => {
          const [x, y] = [a[field], b[field]];
          // The list of latest windows is by market: what is equal in a sorted one is by time before.
          if (x === y) return Date.parse(a.windowStart) - Date.parse(b.windowStart);
          if (x === null || y === null) return x === null ? 1 : -1;
          return isDescending ? y - x : x - y;
        });
        const sorted = `${path}sort=${isDescending ? "-" : ""}${field}`;
        deepStrictEqual(await getAll(app, sorted, limit), expected);
      },
    ),
    { numRuns: 60 },
  );
});

Deno.test("a cursor of a sorted list passes over no row although data arrive between two pages", async () => {
  const queries = emptyStore();
  await queries.writeStatistics(RECORDS);
  const app = testApi({ queries });
  const first = await get(app, "/v1/statistics?sort=-mean&limit=3");
  await queries.writeStatistics([
    windowRecord("aax:btcusd", 0, [1000]),
    windowRecord("aax:btcusd", 1, [7]),
  ]);
  const path = `/v1/statistics?sort=-mean&cursor=${first.nextCursor}`;
  deepStrictEqual(places([...first.data, ...(await get(app, path)).data]), [
    "00 kraken:btcusd",
    "01 kraken:btcusd",
    "00 bitstamp:btcusd",
    "01 bitstamp:btcusd",
    "01 aax:btcusd",
    "00 okx:ethusd",
    "01 okx:ethusd",
    "01 zaif:monajpy",
    "00 zaif:monajpy",
  ]);
});

Deno.test("a cursor keeps to its own sort", async () => {
  const app = await apiOf(...RECORDS);
  for (const path of ["/v1/statistics", "/v1/statistics/latest"]) {
    const { nextCursor: sorted } = await get(app, `${path}?sort=-cv&limit=1`);
    const { nextCursor: plain } = await get(app, `${path}?limit=1`);
    for (
      const [query, said] of [
        [`cursor=${sorted}`, /is of a list that is sorted by -cv/],
        [`cursor=${sorted}&sort=cv`, /is of a list that is sorted by -cv/],
        [`cursor=${plain}&sort=cv`, /is of a list that is not sorted/],
      ] as const
    ) match((await get(app, `${path}?${query}`, 400)).detail, said);
  }
});

Deno.test("what is no statistic of a row is no sort", async () => {
  for (const sort of ["", "-", "--cv", "exchange", "windowStart", "__proto__", "cv,mean"]) {
    const { detail } = await get(testApi(), `/v1/statistics?sort=${sort}`, 400);
    match(detail, /sort must be one of count, min, max/);
  }
});

Deno.test("a range of more windows than one request may read is refused, a narrower one is not", async () => {
  const queries = emptyStore();
  await queries.writeStatistics(RECORDS);
  const app = testApi({ queries }, { scanRowsMax: 6 });
  for (const query of ["sort=cv", "sort=cv&interval=4h"]) {
    const { detail } = await get(app, `/v1/statistics?${query}`, 400);
    match(detail, /more than 6 windows at once: narrow it by from and to, or by filters/);
  }
  strictEqual((await get(app, "/v1/statistics?sort=cv&instrument=btcusd")).data.length, 4);
  strictEqual((await get(app, "/v1/statistics/latest?sort=cv")).data.length, 4);
  strictEqual((await get(app, "/v1/statistics")).data.length, 8);
});
