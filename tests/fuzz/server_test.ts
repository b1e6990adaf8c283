import { deepStrictEqual, ok } from "node:assert";
import { testApi } from "../api_fixture.ts";
import { historyCsv } from "./history.ts";
import { countsOf } from "./server.ts";

Deno.test("requests are counted by status, as the metrics have them", async () => {
  const app = testApi();
  const ask = async (path: string, method = "GET") =>
    await (await app.request(path, { method })).text();
  for (const path of ["/v1/markets", "/healthz", "/v1/markets?limit=0", "/nope"]) await ask(path);
  await ask("/v1/markets", "DELETE");
  await ask(`/v1/markets?base=${"a".repeat(9000)}`);
  deepStrictEqual(countsOf(await ask("/metrics")), {
    "200": 2,
    "400": 1,
    "404": 1,
    "405": 1,
    "414": 1,
  });
});

Deno.test("history has two days of every market, up to this hour", () => {
  const hourMs = Date.UTC(2018, 3, 5, 10);
  const rows = historyCsv(hourMs + 1).trim().split("\n").slice(1).map((line) => line.split(","));
  const times = rows.map(([, , time]) => Number(time));
  deepStrictEqual(Math.max(...times), hourMs - 60_000);
  deepStrictEqual(Math.min(...times), hourMs - 48 * 3_600_000);
  ok(rows.every(([, , , price]) => Number(price) >= 0));
});
