import { deepStrictEqual, match, strictEqual } from "node:assert";
import {
  DAY_START_MS,
  emptyStore,
  get,
  getAll,
  HOUR_MS,
  testApi,
  windowRecord,
} from "../tests/api_fixture.ts";
import { poll } from "../tests/contract/statistics_store_contract.ts";

const WHOLE = Array.from({ length: 60 }, (_, i) => 100 + i);

/** An API at 10:00 of the day, over windows of one market and polls of two sources. */
async function api() {
  const queries = emptyStore();
  await queries.writeStatistics([
    windowRecord("kraken:btcusd", 0, WHOLE, { base: "btc", quote: "usd" }),
    windowRecord("kraken:btcusd", 1, WHOLE.slice(0, 45)),
    windowRecord("kraken:btcusd", 5, WHOLE),
    windowRecord("kraken:btcusd", 6, WHOLE.slice(0, 10)),
    windowRecord("kraken:btcusd", 7, WHOLE.slice(0, 10), { closed: false }),
  ]);
  const at = (hour: number, minute: number) => DAY_START_MS + hour * HOUR_MS + minute * 60_000;
  const bad = (outcome: "failed" | "skipped", reason: string) => ({ outcome, reason });
  await queries.writePolls([
    poll({ source: "kraken", tickMs: at(1, 50), ...bad("failed", "no answer") }),
    poll({ source: "other", tickMs: at(1, 50), ...bad("skipped", "credits") }),
    poll({ source: "other", tickMs: at(2, 0), ...bad("skipped", "credits") }),
    poll({ source: "other", tickMs: at(3, 0) }),
    ...Array.from({ length: 60 }, (_, i) => poll({ source: "kraken", tickMs: at(6, i) })),
  ]);
  return testApi({ queries, clock: { nowMs: () => at(10, 0) } });
}

Deno.test("each window with a gap is told, and why", async () => {
  const { data, nextCursor } = await get(await api(), "/v1/coverage");
  strictEqual(nextCursor, null);
  deepStrictEqual(
    // deno-lint-ignore no-explicit-any -- JSON
    data.map((row: any) => [row.windowStart.slice(11, 13), row.ticksCounted, row.cause]),
    [
      ["01", 45, "failed"],
      ["02", 0, "skipped"],
      ["03", 0, "unknown"],
      ["04", 0, "notPolled"],
      ["06", 10, "unknown"],
    ],
  );
  deepStrictEqual(data[0], {
    ...{ exchange: "kraken", instrument: "btcusd", base: "btc", quote: "usd" },
    windowStart: "2018-04-05T01:00:00.000Z",
    windowEnd: "2018-04-05T02:00:00.000Z",
    ...{ isMissing: false, ticksCounted: 45, ticksExpected: 60, coverage: 0.75, cause: "failed" },
    polls: [{ source: "kraken", okCount: 0, skippedCount: 0, failedCount: 1, reason: "no answer" }],
  });
  deepStrictEqual(
    [data[1].isMissing, data[1].ticksExpected, data[1].coverage, data[1].polls],
    [true, null, 0, [
      { source: "other", okCount: 0, skippedCount: 1, failedCount: 0, reason: "credits" },
    ]],
  );
});

Deno.test("gaps are read page by page, filtered, and within a bounded range", async () => {
  const app = await api();
  const { data } = await get(app, "/v1/coverage");
  for (const limit of [1, 2, 5]) deepStrictEqual(await getAll(app, "/v1/coverage", limit), data);
  deepStrictEqual((await get(app, "/v1/coverage?exchange=okx")).data, []);
  const day = "from=2018-04-05T04:00:00Z&to=2018-04-05T06:00:00Z";
  strictEqual((await get(app, `/v1/coverage?${day}`)).data.length, 1);
  strictEqual((await get(app, "/v1/coverage?to=5")).data.length, 0);
  strictEqual((await get(app, "/v1/coverage?from=2030-01-01T00:00:00Z")).data.length, 0);
  for (const query of ["from=0", "from=0&to=3600000001"]) {
    match((await get(app, `/v1/coverage?${query}`, 400)).detail, /from is more than 1000 windows/);
  }
});

Deno.test("a source's polls are listed by time, page by page", async () => {
  const app = await api();
  const path = "/v1/sources/kraken/polls";
  const { data } = await get(app, path);
  strictEqual(data.length, 61);
  deepStrictEqual(data[0], {
    tick: "2018-04-05T01:50:00.000Z",
    ...{ outcome: "failed", reason: "no answer", marketCount: 10, entryCount: 13 },
    ...{ zeroPriceCount: 1, leftOutCount: 1, malformedCount: 1, latencyMs: 12.5 },
    budget: { costPerPoll: 0.015, remaining: 9.985, resetsAt: "2024-01-02T00:00:00.000Z" },
  });
  for (const limit of [1, 60, 61]) deepStrictEqual(await getAll(app, path, limit), data);
  const from = "from=2018-04-05T06:58:00Z&to=2018-04-05T06:59:00Z";
  strictEqual((await get(app, `${path}?${from}`)).data.length, 1);
  deepStrictEqual((await get(app, `${path}?from=2030-01-01T00:00:00Z`)).data, []);
  const problem = await get(app, "/v1/sources/nobody/polls", 404);
  match(problem.detail, /There is no source nobody; \/v1\/sources has all/);
  strictEqual((await get(app, `/v1/sources/${"x".repeat(101)}/polls`, 404)).status, 404);
});
