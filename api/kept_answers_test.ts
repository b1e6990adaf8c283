import { deepStrictEqual, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { emptyStore, storeWith, testApi, windowRecord } from "../tests/api_fixture.ts";
import type { ApiConfig } from "./app.ts";
import { hashToken } from "./tokens.ts";

const TOKEN = "a-token-of-somebody";
const PATH = "/v1/statistics?exchange=kraken&instrument=btcusd&from=0&to=2018-04-05T05:00:00Z";

/** An API that has the answer to {@link PATH} kept, and how often its store is read. */
async function keeping(config: Partial<ApiConfig> = {}) {
  const store = emptyStore();
  const names = { base: "btc", quote: "usd" };
  await store.writeStatistics(
    Array.from({ length: 13 }, (_, hour) => windowRecord("kraken:btcusd", hour, [1, 2], names)),
  );
  const reads = { count: 0 };
  const queries = storeWith(store, {
    statistics(query) {
      reads.count++;
      return store.statistics(query);
    },
  });
  const registry = new Registry();
  const app = testApi({ queries, registry }, config);
  const ask = async (init: RequestInit = {}) => {
    const response = await app.request(PATH, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return { app, ask, reads, registry };
}

Deno.test("the short way gives the bytes and headers of the long one, and is measured as that", async () => {
  const { app, ask, reads, registry } = await keeping({ rateLimitPerMinute: 1000 });
  const first = await ask();
  const all = ({ headers }: { headers: Headers }) =>
    Object.fromEntries([...headers].filter(([name]) => name !== "ratelimit"));
  const short = app.fetch(new Request(`http://localhost${PATH}`));
  strictEqual(short instanceof Response, true, "it is there at once");
  const answer = await short;
  strictEqual(await answer.text(), first.text);
  deepStrictEqual(all(answer), all(first));
  const long = await ask({ headers: { accept: "application/json;q=0.9" } });
  deepStrictEqual([long.text, all(long)], [first.text, all(first)]);
  strictEqual(long.headers.get("ratelimit"), '"client";r=997;t=1', "all three were counted");
  strictEqual(reads.count, 1);
  const metrics = await registry.metrics();
  strictEqual(/_count\{route="\/v1\/statistics",status="200"\} (\d+)/.exec(metrics)?.[1], "3");
});

Deno.test("the short way is for who has a token alone, where one is needed", async () => {
  const { ask, reads } = await keeping({
    apiTokens: [{ name: "somebody", sha256: hashToken(TOKEN) }],
    rateLimitPerMinute: 3,
  });
  const headers = { authorization: `Bearer ${TOKEN}` };
  const first = await ask({ headers });
  strictEqual(first.headers.get("cache-control"), "private, max-age=31536000, immutable");
  deepStrictEqual([...(await ask({ headers })).headers.keys()], [...first.headers.keys()]);
  strictEqual((await ask()).status, 401);
  strictEqual((await ask({ headers: { authorization: "Bearer another" } })).status, 401);
  strictEqual((await ask({ headers })).status, 200);
  strictEqual((await ask({ headers })).status, 429, "kept or not, it counts");
  strictEqual(reads.count, 1);
});

Deno.test("what is not asked for plainly goes the long way", async () => {
  const { ask } = await keeping();
  const { text, headers } = await ask();
  const tag = headers.get("etag")!;
  strictEqual((await ask({ headers: { "if-none-match": tag } })).status, 304);
  strictEqual((await ask({ headers: { accept: "image/png" } })).status, 406);
  strictEqual((await ask({ headers: { "content-length": "1" } })).status, 413);
  strictEqual((await ask({ method: "POST", body: "x" })).status, 405);
  const head = await ask({ method: "HEAD" });
  deepStrictEqual([head.text, head.headers.get("content-length")], ["", `${text.length}`]);
});

Deno.test("an answer that is kept tells the origins that may read it", async () => {
  const { ask } = await keeping({ corsOrigins: ["https://a.example"] });
  await ask();
  const { headers } = await ask({ headers: { origin: "https://a.example" } });
  strictEqual(headers.get("access-control-allow-origin"), "https://a.example");
  strictEqual((await ask()).headers.get("access-control-allow-origin"), null);
});
