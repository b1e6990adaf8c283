import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { apiOf, get, testApi, windowRecord } from "../tests/api_fixture.ts";

const JSON_TYPE = "application/json";
const NDJSON_TYPE = "application/x-ndjson";
const CSV_TYPE = "text/csv; charset=utf-8; header=present";

for (
  const [accept, expected] of [
    [undefined, JSON_TYPE],
    ["", JSON_TYPE],
    ["*/*", JSON_TYPE],
    ["application/*", JSON_TYPE],
    ["application/json, text/plain, */*", JSON_TYPE],
    ["text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", JSON_TYPE],
    ["text/csv", CSV_TYPE],
    ["TEXT/CSV; charset=utf-8", CSV_TYPE],
    ["text/*", CSV_TYPE],
    ["text/csv, */*", CSV_TYPE],
    ["text/csv;q=0.5, */*", JSON_TYPE],
    ["text/csv;q=0.5, application/json;q=0.4", CSV_TYPE],
    ["application/x-ndjson, application/json;q=0.9", NDJSON_TYPE],
    ["application/json;q=0, */*", NDJSON_TYPE],
  ] as const
) {
  Deno.test(`Accept ${accept ?? "not given"} is answered with ${expected}`, async () => {
    const app = await apiOf(windowRecord("kraken:btcusd", 0, [1]));
    for (const path of ["/v1/markets", "/v1/statistics", "/v1/statistics/latest"]) {
      const response = await app.request(path, accept === undefined ? {} : { headers: { accept } });
      strictEqual(response.status, 200);
      strictEqual(response.headers.get("content-type"), expected);
      strictEqual(response.headers.get("vary"), "Accept");
      ok((await response.text()).includes("kraken"));
    }
  });
}

for (const accept of ["text/html", "image/png", "application/json;q=0", "nonsense", ", ;q=1"]) {
  Deno.test(`Accept ${accept} is answered with 406, and told what there is`, async () => {
    const response = await testApi().request("/v1/markets", { headers: { accept } });
    strictEqual(response.status, 406);
    strictEqual(response.headers.get("content-type"), "application/problem+json");
    strictEqual(response.headers.get("vary"), "Accept");
    match((await response.json()).detail, /application\/json, application\/x-ndjson, text\/csv/);
  });
}

const RECORDS = Array.from({ length: 7 }, (_, hour) => [
  windowRecord("kraken:btcusd", hour, [100, 110], { base: "btc", quote: "usd" }),
  windowRecord("zaif:=1+1", hour, [0.1 + 0.2]),
]).flat();

Deno.test("NDJSON holds the rows of JSON, a line each; limit bounds them only where it is given", async () => {
  const app = await apiOf(...RECORDS);
  const lines = async (path: string) => {
    const response = await app.request(path, { headers: { accept: NDJSON_TYPE } });
    const text = await response.text();
    ok(text === "" || text.endsWith("\n"));
    return text.split("\n").slice(0, -1).map((line) => JSON.parse(line));
  };
  for (
    const path of ["/v1/statistics?", "/v1/statistics?interval=1d&", "/v1/statistics/latest?"]
  ) {
    const { data } = await get(app, path);
    deepStrictEqual(await lines(path), data);
    deepStrictEqual(await lines(`${path}limit=1`), data.slice(0, 1));
  }
  const { data, nextCursor } = await get(app, "/v1/statistics?limit=5");
  const rest = await lines(`/v1/statistics?cursor=${nextCursor}`);
  deepStrictEqual([...data, ...rest], (await get(app, "/v1/statistics")).data);
  deepStrictEqual(await lines("/v1/statistics?exchange=nowhere"), []);
});

Deno.test("CSV has a header, exact numbers, nothing for null, and lines that end as RFC 4180 wants", async () => {
  const app = await apiOf(RECORDS[0]!, RECORDS[1]!);
  const csv = async (path: string) =>
    await (await app.request(path, { headers: { accept: "text/csv" } })).text();
  strictEqual(
    await csv("/v1/statistics"),
    "exchange,instrument,base,quote,windowStart,windowEnd,count,min,max,mean,stddev," +
      "stddevPopulation,variance,open,close,cv,changePct,rangePct,coverage,state,amended,origin," +
      "revision\r\n" +
      "kraken,btcusd,btc,usd,2018-04-05T00:00:00.000Z,2018-04-05T01:00:00.000Z,2,100,110,105," +
      "7.0710678118654755,5,50,100,110,0.06734350297014739,0.1,0.09523809523809523," +
      "0.03333333333333333,closed,false,live,5\r\n" +
      "zaif,=1+1,,,2018-04-05T00:00:00.000Z,2018-04-05T01:00:00.000Z,1," +
      "0.30000000000000004,0.30000000000000004,0.30000000000000004,,0,,0.30000000000000004," +
      "0.30000000000000004,,0,0,0.016666666666666666,closed,false,live,3\r\n",
  );
  strictEqual(
    await csv("/v1/markets?exchange=nowhere"),
    "exchange,instrument,base,quote,firstWindowStart,lastWindowStart\r\n",
  );
});

Deno.test("what is wrong with a request is a problem in every format", async () => {
  const app = await apiOf(...RECORDS);
  for (const accept of [JSON_TYPE, NDJSON_TYPE, "text/csv"]) {
    const response = await app.request("/v1/statistics?limit=x", { headers: { accept } });
    strictEqual(response.status, 400);
    strictEqual(response.headers.get("content-type"), "application/problem+json");
    await response.body?.cancel();
  }
});
