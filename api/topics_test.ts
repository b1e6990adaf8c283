import { deepStrictEqual, match, strictEqual } from "node:assert";
import type { Hono } from "hono";
import { MemoryBroker, type MemoryTopicLog } from "../adapters/memory/topic_log.ts";
import { get, getAll, testApi } from "../tests/api_fixture.ts";
import { GROUPS, topicSpecs } from "../topology.ts";

const NOW_MS = Date.UTC(2018, 3, 5, 10, 31);

async function apiWithLog(): Promise<{ app: Hono; log: MemoryTopicLog; broker: MemoryBroker }> {
  const clock = { nowMs: () => NOW_MS, sleep: () => Promise.resolve() };
  const broker = new MemoryBroker(clock);
  const log = broker.connect();
  await log.create(topicSpecs("embedded", 2));
  return { app: testApi({ topics: { log, admin: log } }), log, broker };
}

function record(value: string | Uint8Array, headers: Record<string, string> = {}) {
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return { topic: "samples", partition: 1, key: "kraken:btcusd", value: bytes, headers };
}

Deno.test("topics are listed with their partitions, readers and lag", async () => {
  const { app, log } = await apiWithLog();
  await log.append([record("1"), record("2"), record("3")]);
  const claim = await log.claim(GROUPS.aggregator, 1);
  await claim.commit({ records: [], offsets: { samples: 1 }, metadata: () => "" });
  const { data } = await get(app, "/v1/topics");
  deepStrictEqual(
    data.map((row: { topic: string }) => row.topic),
    ["samples", "statistics", "notifications", "polls", "deliveries", "rejected"],
  );
  deepStrictEqual(data[0], {
    topic: "samples",
    partitions: [
      { partition: 0, startOffset: 0, endOffset: 0 },
      { partition: 1, startOffset: 0, endOffset: 3 },
    ],
    groups: [
      { group: "aggregator", lag: 2, lags: [0, 2], offsets: [null, 1] },
      { group: "monitor", lag: 3, lags: [0, 3], offsets: [null, null] },
    ],
  });
});

Deno.test("a message's value is shown as its own JSON text, or else in base64", async () => {
  const { app, log } = await apiWithLog();
  await log.append([
    record('{"price": 9007199254740993, "price": 1e400}', { reason: "bad" }),
    record(Uint8Array.of(0xff, 0x00)),
    record("half a {"),
  ]);
  const text = await (await app.request("/v1/topics/samples/messages?partition=1")).text();
  strictEqual(
    text,
    '{"data":[{"offset":0,"time":"2018-04-05T10:31:00.000Z","key":"kraken:btcusd",' +
      '"headers":{"reason":"bad"},"encoding":"json",' +
      '"value":{"price": 9007199254740993, "price": 1e400}},' +
      '{"offset":1,"time":"2018-04-05T10:31:00.000Z","key":"kraken:btcusd","headers":{},' +
      '"encoding":"base64","value":"/wA="},' +
      '{"offset":2,"time":"2018-04-05T10:31:00.000Z","key":"kraken:btcusd","headers":{},' +
      '"encoding":"base64","value":"aGFsZiBhIHs="}],"nextCursor":null}',
  );
});

Deno.test("pages of messages hold together all messages, over holes too", async () => {
  const { app, log, broker } = await apiWithLog();
  for (let i = 0; i < 3; i++) {
    const claim = await log.claim(GROUPS.aggregator, 1);
    await claim.commit({
      records: [record(`${3 * i}`), record(`${3 * i + 1}`), record(`${3 * i + 2}`)],
      offsets: {},
      metadata: () => "",
    });
  }
  broker.truncate("samples", 1, 1);
  for (const limit of [1, 2, 3, 4, 8, 100]) {
    const rows = await getAll(app, "/v1/topics/samples/messages?partition=1", limit);
    deepStrictEqual(
      (rows as { value: number }[]).map((row) => row.value),
      [1, 2, 3, 4, 5, 6, 7, 8],
    );
  }
});

Deno.test("an answer is bounded in bytes, and goes on by its cursor", async () => {
  const { app, log } = await apiWithLog();
  const megabyte = `"${"x".repeat(1024 * 1024)}"`;
  await log.append(Array.from({ length: 10 }, () => record(megabyte)));
  const page = await get(app, "/v1/topics/samples/messages?partition=1");
  strictEqual(page.data.length < 6, true);
  const rows = await getAll(app, "/v1/topics/samples/messages?partition=1", 100);
  strictEqual(rows.length, 10);
});

for (
  const [path, status, said] of [
    ["/v1/topics/secrets/messages", 404, /topic must be one of samples/],
    ["/v1/topics/samples/messages?partition=2", 404, /samples has 2 partitions/],
    ["/v1/topics/samples/messages?offset=1", 404, /Offset 1 is outside partition 0 of samples/],
    ["/v1/topics/samples/messages?partition=-1", 400, /partition must be a whole number/],
    ["/v1/topics/samples/messages?offset=latest", 400, /offset must be a whole number/],
  ] as const
) {
  Deno.test(`${path} answers ${status} and says why`, async () => {
    match((await get((await apiWithLog()).app, path, status)).detail, said);
  });
}

Deno.test("a cursor of one partition does not fit another", async () => {
  const { app, log } = await apiWithLog();
  await log.append([record("1"), record("2")]);
  const { nextCursor } = await get(app, "/v1/topics/samples/messages?partition=1&limit=1");
  const path = `/v1/topics/samples/messages?partition=0&cursor=${nextCursor}`;
  match((await get(app, path, 400)).detail, /cursor is of partition 1 of samples/);
});

Deno.test("without a log, topics answer 404 and say who has one", async () => {
  match((await get(testApi(), "/v1/topics", 404)).detail, /no topic log: ask one that runs/);
  match((await get(testApi(), "/v1/topics/polls/messages", 404)).detail, /no topic log/);
});
