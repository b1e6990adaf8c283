import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { encodeCursor } from "./cursor.ts";
import { apiOf, emptyStore, get, getAll, testApi, windowRecord } from "../tests/api_fixture.ts";

/** Three markets in three hours. */
const RECORDS = [0, 1, 2].flatMap((hour) => [
  windowRecord("kraken:btcusd", hour, [100, 110], { base: "btc", quote: "usd" }),
  windowRecord("bitstamp:btcusd", hour, [101], { base: "btc", quote: "usd" }),
  windowRecord("kraken:etheur", hour, [7, 8, 9], { base: "eth", quote: "eur" }),
]);

function places(rows: unknown[]): string[] {
  return (rows as { exchange: string; instrument: string; windowStart: string }[])
    .map((row) => `${row.windowStart.slice(11, 13)} ${row.exchange}:${row.instrument}`);
}

Deno.test("a row has all fields of the design, in its order", async () => {
  const app = await apiOf(
    windowRecord("kraken:btcusd", 10, [6770, 6790, 6780], { base: "btc", quote: "usd" }),
  );
  const text = await (await app.request("/v1/statistics")).text();
  strictEqual(
    text,
    '{"data":[{"exchange":"kraken","instrument":"btcusd","base":"btc","quote":"usd",' +
      '"windowStart":"2018-04-05T10:00:00.000Z","windowEnd":"2018-04-05T11:00:00.000Z",' +
      '"count":3,"min":6770,"max":6790,"mean":6780,"stddev":10,' +
      '"stddevPopulation":8.16496580927726,"variance":100,"open":6770,"close":6780,' +
      '"cv":0.0014749262536873156,"changePct":0.0014771048744460858,' +
      '"rangePct":0.0029498525073746312,"coverage":0.05,"state":"closed","amended":false,' +
      '"origin":"live","revision":7}],"nextCursor":null}',
  );
});

Deno.test("a single sample has no sample deviation, and numbers read back to the same double", async () => {
  const price = 0.1 + 0.2;
  const { data: [row] } = await get(
    await apiOf(windowRecord("kraken:btcusd", 0, [price])),
    "/v1/statistics",
  );
  strictEqual(row.mean, price);
  strictEqual(row.stddev, null);
  strictEqual(row.variance, null);
  strictEqual(row.cv, null);
  strictEqual(row.stddevPopulation, 0);
  strictEqual(row.base, null);
});

for (
  const [query, expected] of [
    ["exchange=bitstamp", ["00 bitstamp:btcusd", "01 bitstamp:btcusd", "02 bitstamp:btcusd"]],
    ["base=eth&from=2018-04-05T01:00:00Z", ["01 kraken:etheur", "02 kraken:etheur"]],
    ["quote=usd&exchange=kraken&to=2018-04-05T03:00:00%2B02:00", ["00 kraken:btcusd"]],
    ["instrument=btcusd&from=1522890000000&to=1522893600000", [
      "01 bitstamp:btcusd",
      "01 kraken:btcusd",
    ]],
    ["exchange=nowhere", []],
    ["exchange=nowhere,bitstamp&to=2018-04-05T01:00:00Z", ["00 bitstamp:btcusd"]],
    ["exchange=nowhere&exchange=bitstamp&from=2018-04-05T02:00:00Z", ["02 bitstamp:btcusd"]],
    ["instrument=*e*r&from=2018-04-05T02:00:00Z", ["02 kraken:etheur"]],
    ["exchange=*&base=e*,x&quote=*&from=2018-04-05T02:00:00Z", ["02 kraken:etheur"]],
  ] as const
) {
  Deno.test(`/v1/statistics?${query} brings what it asks for, in order`, async () => {
    const { data } = await get(await apiOf(...RECORDS), `/v1/statistics?${query}`);
    deepStrictEqual(places(data), expected);
  });
}

for (const path of ["/v1/statistics", "/v1/statistics/latest", "/v1/markets"]) {
  Deno.test(`pages of ${path} of any size hold together what one page holds`, async () => {
    const app = await apiOf(...RECORDS);
    const { data, nextCursor } = await get(app, path);
    strictEqual(nextCursor, null);
    strictEqual((await get(app, `${path}?limit=${data.length}`)).nextCursor, null);
    for (const limit of [1, 2, 3, data.length, data.length + 1]) {
      deepStrictEqual(await getAll(app, path, limit), data);
    }
  });
}

Deno.test("a cursor goes on where it was although rows arrive before and after it", async () => {
  const queries = emptyStore();
  await queries.writeStatistics(RECORDS);
  const app = testApi({ queries });
  const first = await get(app, "/v1/statistics?limit=4");
  await queries.writeStatistics([
    windowRecord("aax:btcusd", 0, [1]),
    windowRecord("zaif:btcusd", 2, [1]),
  ]);
  const second = await get(app, `/v1/statistics?cursor=${first.nextCursor}`);
  deepStrictEqual(places([...first.data, ...second.data]), [
    ...["bitstamp:btcusd", "kraken:btcusd", "kraken:etheur"].map((market) => `00 ${market}`),
    ...["bitstamp:btcusd", "kraken:btcusd", "kraken:etheur"].map((market) => `01 ${market}`),
    ...["bitstamp:btcusd", "kraken:btcusd", "kraken:etheur", "zaif:btcusd"]
      .map((market) => `02 ${market}`),
  ]);
});

Deno.test("a cursor that is forged, cut, of another list or of a newer program is refused", async () => {
  const app = await apiOf(...RECORDS);
  const { nextCursor } = await get(app, "/v1/statistics?limit=1");
  const forge = (value: unknown) => btoa(JSON.stringify(value)).replace(/=+$/, "");
  const { nextCursor: ofMarkets } = await get(app, "/v1/markets?limit=1");
  for (
    const cursor of [
      encodeCursor("statistics", [null, [0, "kraken\u0000", "btcusd"]]),
      nextCursor.slice(0, -3),
      ofMarkets,
      forge([2, "statistics", [0, "a", "b"]]),
      forge([1, "statistics", ["0", "a", "b"]]),
      forge([1, "statistics", [0, "a"]]),
      forge([1, "statistics", [1e300, "a", "b"]]),
      forge({ __proto__: null }),
      "%00",
      "a".repeat(5000),
    ]
  ) {
    const problem = await get(app, `/v1/statistics?cursor=${cursor}`, 400);
    match(problem.detail, /cursor is not a cursor of this list/);
  }
  ok(await get(app, `/v1/statistics?cursor=${nextCursor}`));
  match(
    (await get(app, `/v1/statistics/latest?cursor=${ofMarkets}`, 400)).detail,
    /cursor is not a cursor of this list/,
  );
});

Deno.test("the latest window of each market, open ones too", async () => {
  const app = await apiOf(
    ...RECORDS,
    windowRecord("kraken:btcusd", 3, [120], { closed: false }),
  );
  const { data } = await get(app, "/v1/statistics/latest");
  deepStrictEqual(places(data), ["02 bitstamp:btcusd", "03 kraken:btcusd", "02 kraken:etheur"]);
  strictEqual(data[1].state, "open");
  deepStrictEqual(
    places((await get(app, "/v1/statistics/latest?base=eth")).data),
    ["02 kraken:etheur"],
  );
});
