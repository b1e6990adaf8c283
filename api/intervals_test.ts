import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import type { Hono } from "hono";
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

const NAMES = { base: "btc", quote: "usd" };

Deno.test("an interval's statistics are those of all its samples, not of its hours", async () => {
  const app = await apiOf(
    windowRecord("kraken:btcusd", 0, [1, 2, 3], NAMES),
    windowRecord("kraken:btcusd", 1, [10], NAMES),
    windowRecord("kraken:btcusd", 23, [4, 4], NAMES),
  );
  const { data } = await get(app, "/v1/statistics?interval=1d");
  deepStrictEqual(data, [{
    exchange: "kraken",
    instrument: "btcusd",
    base: "btc",
    quote: "usd",
    windowStart: "2018-04-05T00:00:00.000Z",
    windowEnd: "2018-04-06T00:00:00.000Z",
    count: 6,
    min: 1,
    max: 10,
    mean: 4,
    stddev: 3.1622776601683795,
    stddevPopulation: 2.8867513459481287,
    variance: 10,
    open: 1,
    close: 4,
    cv: 0.7905694150420949,
    changePct: 3,
    rangePct: 2.25,
    coverage: 6 / 1440,
    state: "closed",
    amended: false,
    origin: "live",
    revision: 15,
  }]);
});

Deno.test("weeks begin on Monday, in UTC", async () => {
  const app = await apiOf(
    windowRecord("kraken:btcusd", 95, [1]),
    windowRecord("kraken:btcusd", 96, [2]),
  );
  const { data } = await get(app, "/v1/statistics?interval=1w");
  deepStrictEqual(
    data.map((row: { windowStart: string }) => row.windowStart),
    ["2018-04-02T00:00:00.000Z", "2018-04-09T00:00:00.000Z"],
  );
});

Deno.test("interval=1h brings the stored hours themselves", async () => {
  const app = await apiOf(
    windowRecord("kraken:btcusd", 0, [0.1, 0.2, 0.3]),
    windowRecord("kraken:btcusd", 2, [1]),
  );
  const { data } = await get(app, "/v1/statistics");
  deepStrictEqual((await get(app, "/v1/statistics?interval=1h")).data, data);
});

Deno.test("an interval belongs to the range that its start is in, and is merged whole", async () => {
  const records = Array.from({ length: 12 }, (_, hour) => windowRecord("kraken:btcusd", hour, [1]));
  const app = await apiOf(...records);
  const { data } = await get(
    app,
    "/v1/statistics?interval=4h&from=2018-04-05T01:00:00Z&to=2018-04-05T05:00:00Z",
  );
  strictEqual(data.length, 1);
  strictEqual(data[0].windowStart, "2018-04-05T04:00:00.000Z");
  strictEqual(data[0].count, 4);
});

Deno.test("an interval is open until it is over, and sealed only when its last window is", async () => {
  const queries = emptyStore();
  const imported = (market: string, hour: number) => {
    const record = windowRecord(market, hour, [1]);
    return { ...record, window: { ...record.window, origin: "import" } };
  };
  await queries.writeStatistics([
    imported("kraken:btcusd", 0),
    imported("kraken:btcusd", 3),
    imported("kraken:etheur", 0),
  ]);
  const stateAt = async (hour: number, instrument: string) => {
    const clock = { nowMs: () => DAY_START_MS + hour * HOUR_MS };
    const path = `/v1/statistics?interval=4h&instrument=${instrument}`;
    return (await get(testApi({ queries, clock }), path)).data[0].state;
  };
  strictEqual(await stateAt(3.9, "btcusd"), "open");
  strictEqual(await stateAt(4, "btcusd"), "sealed");
  strictEqual(await stateAt(1000, "etheur"), "closed");
});

Deno.test("an interval that windows do not fit into is refused", async () => {
  const record = windowRecord("kraken:btcusd", 0, [1]);
  const app = await apiOf({
    ...record,
    window: { ...record.window, endMs: record.window.startMs + 6 * HOUR_MS },
  });
  const problem = await get(app, "/v1/statistics?interval=4h", 400);
  strictEqual(problem.errors[0].parameter, "interval");
  match(problem.detail, /stored windows of 21600000 ms do not fit/);
});

Deno.test("an unknown interval is refused, and a cursor keeps to its own", async () => {
  const app = await apiOf(...[0, 30].map((hour) => windowRecord("kraken:btcusd", hour, [1])));
  match((await get(app, "/v1/statistics?interval=2h", 400)).detail, /one of 1h, 4h, 1d, 1w/);
  const { nextCursor } = await get(app, "/v1/statistics?interval=1d&limit=1");
  ok(nextCursor);
  const path = `/v1/statistics?interval=4h&cursor=${nextCursor}`;
  match((await get(app, path, 400)).detail, /cursor is of a list with 1d interval/);
});

Deno.test("a cursor goes on although retention has deleted its row", async () => {
  const before = await apiOf(
    windowRecord("okx:btcusd", 0, [1]),
    windowRecord("zaif:btcusd", 0, [1]),
  );
  const { nextCursor } = await get(before, "/v1/statistics?interval=1d&limit=1");
  const after = await apiOf(windowRecord("kraken:btcusd", 24, [1]));
  const { data } = await get(after, `/v1/statistics?interval=1d&cursor=${nextCursor}`);
  strictEqual(data.length, 1);
});

Deno.test("a page of one market's intervals begins with the window at the very start of the next one", async () => {
  const app = await apiOf(...[0, 24].map((hour) => windowRecord("kraken:btcusd", hour, [1])));
  const path = "/v1/statistics?interval=1d&exchange=kraken&instrument=btcusd";
  strictEqual((await getAll(app, path, 1)).length, 2);
});

Deno.test("pages of intervals of any size hold what one page holds, and every sample once", async () => {
  const MARKETS = ["bitstamp:btcusd", "kraken:btcusd", "kraken:etheur", "okx:btcusd"];
  const window = fc.record({
    market: fc.constantFrom(...MARKETS),
    hour: fc.integer({ min: 0, max: 60 }),
    prices: fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 3 }),
  });
  const sumOf = (rows: unknown[]) =>
    (rows as { count: number }[]).reduce((sum, row) => sum + row.count, 0);
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(window, { selector: (w) => `${w.market}@${w.hour}`, maxLength: 40 }),
      fc.constantFrom("4h", "1d"),
      fc.integer({ min: 1, max: 5 }),
      async (windows, interval, limit) => {
        const app: Hono = await apiOf(
          ...windows.map((w) => windowRecord(w.market, w.hour, w.prices)),
        );
        for (const filter of ["", "&exchange=kraken", "&exchange=kraken&instrument=btcusd"]) {
          const path = `/v1/statistics?interval=${interval}${filter}`;
          const { data } = await get(app, path);
          deepStrictEqual(await getAll(app, path, limit), data);
          const places = data.map((row: Record<string, string>) =>
            `${row.windowStart} ${row.exchange}:${row.instrument}`
          );
          deepStrictEqual(places, [...new Set(places)].sort());
          const stored = await get(app, `/v1/statistics?limit=10000${filter}`);
          strictEqual(sumOf(data), sumOf(stored.data));
        }
      },
    ),
    { numRuns: 40 },
  );
});
