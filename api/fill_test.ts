import { deepStrictEqual, match, strictEqual } from "node:assert";
import fc from "fast-check";
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

const PATH = "/v1/statistics?fill=null";

function hours(from: number, to: number): string {
  const time = (hour: number) => DAY_START_MS + hour * HOUR_MS;
  return `from=${time(from)}&to=${time(to)}`;
}

function told(rows: Row[]): string[] {
  return rows.map((row) =>
    `${row.windowStart.slice(8, 13)} ${row.exchange}:${row.instrument} ${row.count}`
  );
}

Deno.test("a window that is missing has no statistics, and all that is known of its market", async () => {
  const app = await apiOf(windowRecord("kraken:btcusd", 0, [1], { base: "btc", quote: "usd" }));
  const { data } = await get(app, `${PATH}&${hours(1, 2)}`);
  deepStrictEqual(data, [{
    exchange: "kraken",
    instrument: "btcusd",
    base: "btc",
    quote: "usd",
    windowStart: "2018-04-05T01:00:00.000Z",
    windowEnd: "2018-04-05T02:00:00.000Z",
    count: 0,
    min: null,
    max: null,
    mean: null,
    stddev: null,
    stddevPopulation: null,
    variance: null,
    open: null,
    close: null,
    cv: null,
    changePct: null,
    rangePct: null,
    coverage: null,
    state: "closed",
    amended: false,
    origin: null,
    revision: 0,
  }]);
});

Deno.test("every window of the range is there for each market that the filters match", async () => {
  const app = await apiOf(
    windowRecord("kraken:btcusd", 0, [1, 2]),
    windowRecord("bitstamp:btcusd", 2, [1]),
    windowRecord("okx:etheur", 1, [1]),
  );
  const query = `instrument=btc*&from=2018-04-05T00:30:00Z&to=2018-04-05T02:30:00Z`;
  deepStrictEqual(told((await get(app, `${PATH}&${query}`)).data), [
    "05T01 bitstamp:btcusd 0",
    "05T01 kraken:btcusd 0",
    "05T02 bitstamp:btcusd 1",
    "05T02 kraken:btcusd 0",
  ]);
  const days = `interval=1d&exchange=kraken&${hours(-24, 48)}`;
  deepStrictEqual(told((await get(app, `${PATH}&${days}`)).data), [
    "04T00 kraken:btcusd 0",
    "05T00 kraken:btcusd 2",
    "06T00 kraken:btcusd 0",
  ]);
  deepStrictEqual((await get(app, `${PATH}&exchange=nowhere&${hours(0, 9)}`)).data, []);
  strictEqual((await get(app, `/v1/statistics?fill=none&${hours(0, 9)}`)).data.length, 3);
});

Deno.test("a window that is not over and has nothing yet is open", async () => {
  const queries = emptyStore();
  await queries.writeStatistics([windowRecord("kraken:btcusd", 0, [1])]);
  const clock = { nowMs: () => DAY_START_MS + 2.5 * HOUR_MS };
  const { data } = await get(testApi({ queries, clock }), `${PATH}&${hours(1, 4)}`);
  deepStrictEqual(data.map((row: Row) => row.state), ["closed", "open", "open"]);
});

Deno.test("pages of any size hold every place once, and what is stored besides", async () => {
  const markets = ["bitstamp:btcusd", "kraken:btcusd", "kraken:etheur"];
  const window = fc.record({ market: fc.constantFrom(...markets), hour: fc.nat(30) });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(window, { selector: (w) => `${w.market}@${w.hour}`, maxLength: 25 }),
      fc.constantFrom("", "&interval=4h", "&interval=1h"),
      fc.integer({ min: 1, max: 8 }),
      fc.nat(10),
      async (windows, interval, limit, fromHour) => {
        const odd = windowRecord("kraken:btcusd", 11.5, [1]);
        const records = windows.map(({ market, hour }) => windowRecord(market, hour, [1, 2]));
        const app = await apiOf(...records, ...(interval === "" ? [odd] : []));
        const range = `${interval}&${hours(fromHour, 25)}`;
        const { data: stored } = await get(app, `/v1/statistics?limit=1000${range}`);
        const { data } = await get(app, `${PATH}&limit=1000${range}`);
        deepStrictEqual(data.filter((row: Row) => row.count > 0), stored);
        const known = (await get(app, "/v1/markets")).data;
        const sizeHours = interval === "&interval=4h" ? 4 : 1;
        const starts = new Set<string>();
        for (let hour = Math.ceil(fromHour / sizeHours) * sizeHours; hour < 25; hour += sizeHours) {
          starts.add(new Date(DAY_START_MS + hour * HOUR_MS).toISOString());
        }
        const onGrid = data.filter((row: Row) => starts.has(row.windowStart));
        const expected = [...starts].flatMap((start) =>
          known.map((market: Row) => `${start} ${market.exchange}:${market.instrument}`)
        );
        deepStrictEqual(
          onGrid.map((row: Row) => `${row.windowStart} ${row.exchange}:${row.instrument}`),
          expected,
        );
        deepStrictEqual(await getAll(app, `${PATH}${range}`, limit), data);
      },
    ),
    { numRuns: 60 },
  );
});

for (
  const [query, said] of [
    ["fill=null", /fill is null, which needs from and to, and takes no sort/],
    ["fill=null&from=0", /needs from and to/],
    [`fill=null&sort=cv&${hours(0, 1)}`, /takes no sort/],
    ["fill=zero", /fill must be none or null/],
    ["fill=null&from=0&to=2000000000000", /to is 555556 windows after from: .* at most 10000/],
  ] as const
) {
  Deno.test(`/v1/statistics?${query} is refused`, async () => {
    match((await get(testApi(), `/v1/statistics?${query}`, 400)).detail, said);
  });
}
