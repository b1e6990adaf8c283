import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { MemoryBroker } from "./adapters/memory/topic_log.ts";
import { systemClock } from "./adapters/system_clock.ts";
import { createClient } from "./client.ts";
import { emptyStore, get, testApi, windowRecord } from "./tests/api_fixture.ts";
import { notification } from "./tests/contract/notifications_contract.ts";
import { poll } from "./tests/contract/statistics_store_contract.ts";
import { topicSpecs } from "./topology.ts";

const URL_OF_NOBODY = "http://data-tracker.test";

/** A client of an API that has something of everything; and the paths that were asked for. */
async function connected() {
  const queries = emptyStore();
  const names = { base: "btc", quote: "usd" };
  await queries.writeStatistics([
    windowRecord("kraken:btcusd", 0, [6770, 6790, 6780], names),
    windowRecord("kraken:btcusd", 2, [6780], names),
  ]);
  await queries.writePolls([poll({ source: "kraken" })]);
  await queries.writeNotifications([notification({ base: "btc", quote: "usd" })]);
  const log = new MemoryBroker(systemClock).connect();
  await log.create(topicSpecs("embedded", 1));
  const value = new TextEncoder().encode('{"price":1}');
  await log.append([{ topic: "samples", partition: 0, key: "kraken:btcusd", value, headers: {} }]);
  const app = testApi({ queries, topics: { log, admin: log } });
  const asked = new Set<string>();
  const client = createClient(URL_OF_NOBODY, {
    fetch: (input: RequestInfo | URL, init?: RequestInit) => {
      asked.add(new URL(input instanceof Request ? input.url : input).pathname);
      return app.request(input, init);
    },
  });
  return { client, app, asked };
}

/** What a response has to say where it is no problem. */
type Answer<Response> = Response extends { ok: true; json(): Promise<infer Body> } ? Body : never;

async function answer<Response extends { status: number; json(): Promise<unknown> }>(
  asking: Promise<Response>,
): Promise<Answer<Response>> {
  const response = await asking;
  strictEqual(response.status, 200);
  return await response.json() as Answer<Response>;
}

Deno.test("the client asks every route, and what it answers has the type that it says", async () => {
  const { client, app, asked } = await connected();
  const { v1 } = client;

  const statistics = await v1.statistics.$get({
    query: { exchange: "kraken", interval: "4h", from: "2018-04-05T00:00:00Z", limit: 5 },
  });
  if (!statistics.ok) throw new Error((await statistics.json()).detail);
  const { data: [row], nextCursor } = await statistics.json();
  const mean: number | null = row!.mean;
  const stddev: number | null = row!.stddev;
  const state: "open" | "closed" | "sealed" = row!.state;
  const cursor: string | null = nextCursor;
  deepStrictEqual([mean, stddev !== null, state, cursor], [6780, true, "closed", null]);

  const rows = await answer(v1.statistics.latest.$get());
  ok(rows.data[0]?.windowStart === "2018-04-05T02:00:00.000Z");
  const markets = await answer(v1.markets.$get({ query: { base: "btc" } }));
  ok(markets.data[0]?.instrument === "btcusd");
  const pooled = await answer(v1.statistics.aggregate.$get({ query: { groupBy: "exchange" } }));
  ok(pooled.data[0]?.exchange === "kraken");
  const sources = await answer(v1.sources.$get());
  ok(sources.data[0]?.lastPoll.outcome === "ok");
  const polls = await answer(
    v1.sources[":source"].polls.$get({ param: { source: "kraken" }, query: { limit: 1 } }),
  );
  ok(polls.data[0]?.budget?.remaining === 9.985);
  const gaps = await answer(v1.coverage.$get({ query: { to: "2018-04-06T00:00:00Z" } }));
  ok(gaps.data[0]?.cause === "notPolled");
  const notifications = await answer(
    v1.notifications.$get({ query: { state: "firing", kind: ["ratioAbove"], sort: "-startedAt" } }),
  );
  const kind: "ratioAbove" | "ratioBelow" | "deviation" | "marketSilent" | "sourceSilent" =
    notifications.data[0]!.kind;
  const before: number | undefined = notifications.data[0]!.baseline?.mean;
  deepStrictEqual([kind, before], ["ratioAbove", 6612.983870967742]);
  const topics = await answer(v1.topics.$get());
  ok(topics.data[0]?.topic === "samples");
  const messages = await answer(
    v1.topics[":topic"].messages.$get({ param: { topic: "samples" }, query: { partition: 0 } }),
  );
  ok(messages.data[0]?.key === "kraken:btcusd");

  const stream = await v1.statistics.stream.$get({ query: { instrument: "btcusd" } });
  strictEqual(stream.headers.get("content-type"), "text/event-stream; charset=utf-8");
  await stream.body!.cancel();
  const alive = await answer(client.healthz.$get());
  ok(alive.status === "alive");
  const ready = await answer(client.readyz.$get());
  ok(ready.status === "ready");
  ok((await (await client.metrics.$get()).text()).includes("data_tracker_api_request_seconds"));
  const index = await answer(client.index.$get());
  ok(index.name === "Data Tracker");
  await answer(client["openapi.json"].$get());

  const { paths } = await get(app, "/openapi.json");
  const filled = Object.keys(paths).map((path) =>
    path.replace("{source}", "kraken").replace("{topic}", "samples")
  );
  deepStrictEqual([...asked].filter((path) => path !== "/openapi.json").sort(), filled.sort());
});

Deno.test("a problem has its type, and what no route takes does not compile", async () => {
  const { client } = await connected();
  const response = await client.v1.statistics.$get({ query: { limit: 0 } });
  strictEqual(response.ok, false);
  if (response.ok) return;
  const { status, errors } = await response.json();
  deepStrictEqual([status, errors?.[0]?.parameter], [400, "limit"]);
  // @ts-expect-error -- there is no such parameter
  strictEqual((await client.v1.statistics.$get({ query: { instrumnt: "btcusd" } })).status, 400);
  // @ts-expect-error -- there is no such interval
  strictEqual((await client.v1.statistics.$get({ query: { interval: "2h" } })).status, 400);
  // @ts-expect-error -- a topic must be named
  const unnamed = () => client.v1.topics[":topic"].messages.$get({});
  strictEqual(typeof unnamed, "function");
});
