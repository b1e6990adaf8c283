import { deepStrictEqual, match, notStrictEqual, strictEqual } from "node:assert";
import type { Hono } from "hono";
import { emptyStore, storeWith, testApi, windowRecord } from "../tests/api_fixture.ts";
import type { StatisticsRecord } from "../ports/statistics_store.ts";

const FOR_EVER = "public, max-age=31536000, immutable";
const NAMED = { base: "btc", quote: "usd" };

/** Hours 0 to 12 of a market: the stream is known to have come to 12:00, so 0 to 4 are sealed. */
function hoursOf(market: string, names = NAMED): StatisticsRecord[] {
  return Array.from({ length: 13 }, (_, hour) => windowRecord(market, hour, [1, 2], names));
}

/** A record of history: the same window with this origin. */
function imported(record: StatisticsRecord): StatisticsRecord {
  return { ...record, window: { ...record.window, origin: "import" } };
}

async function cacheControlOf(app: Hono, path: string): Promise<string | null> {
  const response = await app.request(path);
  strictEqual(response.status, 200, await response.text());
  return response.headers.get("cache-control");
}

async function appOf(records: readonly StatisticsRecord[]): Promise<Hono> {
  const queries = emptyStore();
  await queries.writeStatistics(records);
  return testApi({ queries });
}

const ONE = "/v1/statistics?exchange=kraken&instrument=btcusd";
const day = (hour: string) => `2018-04-05T${hour}:00Z`;

Deno.test.each([
  ["sealed whole", `${ONE}&from=${day("00:00")}&to=${day("05:00")}`, FOR_EVER],
  ["whole in times of an epoch", `${ONE}&from=0&to=${Date.UTC(2018, 3, 5, 5)}`, FOR_EVER],
  ["ends within its last window", `${ONE}&from=${day("00:00")}&to=${day("04:01")}`, FOR_EVER],
  ["not sealed at its end", `${ONE}&from=${day("00:00")}&to=${day("06:00")}`, "no-cache"],
  ["without an end", `${ONE}&from=${day("00:00")}`, "no-cache"],
  ["without a beginning", `${ONE}&to=${day("05:00")}`, "no-cache"],
  ["a page that is followed", `${ONE}&from=0&to=${day("05:00")}&limit=4`, "no-cache"],
  ["a page that holds all", `${ONE}&from=0&to=${day("05:00")}&limit=5`, FOR_EVER],
  ["before all windows", `${ONE}&from=0&to=1000`, "no-cache"],
  ["of any exchange", `/v1/statistics?instrument=btcusd&from=0&to=${day("05:00")}`, "no-cache"],
  ["an interval that is not sealed", `${ONE}&from=0&to=${day("05:00")}&interval=1d`, "no-cache"],
  ["a sealed interval", `${ONE}&from=0&to=${day("04:00")}&interval=4h`, FOR_EVER],
  [
    "an interval behind the last sealed",
    `${ONE}&from=0&to=${day("05:00")}&interval=4h`,
    "no-cache",
  ],
  ["the latest", "/v1/statistics/latest", "no-cache"],
  ["markets", "/v1/markets", "no-cache"],
])("%s: %s is %s", async (_, path, expected) => {
  strictEqual(await cacheControlOf(await appOf(hoursOf("kraken:btcusd")), path!), expected);
});

Deno.test("a range whose last window has no row, or only history, may still get one", async () => {
  const path = `${ONE}&from=0&to=${day("05:00")}`;
  const hours = hoursOf("kraken:btcusd");
  strictEqual(await cacheControlOf(await appOf(hours.toSpliced(2, 1)), path), FOR_EVER);
  strictEqual(await cacheControlOf(await appOf(hours.toSpliced(4, 1)), path), "no-cache");
  const history = hours.toSpliced(4, 1, imported(hours[4]!));
  strictEqual(await cacheControlOf(await appOf(history), path), "no-cache");
  const older = hours.toSpliced(2, 1, imported(hours[2]!));
  strictEqual(await cacheControlOf(await appOf(older), path), FOR_EVER);
  const alone = hours.slice(0, 5).map(imported);
  strictEqual(await cacheControlOf(await appOf(alone), path), "no-cache");
});

Deno.test("rows that do not yet say what they price may still be named", async () => {
  const app = await appOf(hoursOf("kraken:btcusd", {} as typeof NAMED));
  strictEqual(await cacheControlOf(app, `${ONE}&from=0&to=${day("05:00")}`), "no-cache");
});

Deno.test("who has an answer is told that it has not changed, on every route of JSON", async () => {
  const app = await appOf(hoursOf("kraken:btcusd"));
  for (
    const path of [
      ...["/v1/statistics", "/v1/markets", "/v1/sources", "/v1/notifications"],
      ...["/openapi.json", "/", "/readyz"],
    ]
  ) {
    const first = await app.request(path);
    const tag = first.headers.get("etag")!;
    match(tag, /^"[\w-]{22}"$/, path);
    for (const given of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const again = await app.request(path, { headers: { "if-none-match": given } });
      strictEqual(again.status, 304, `${path} ${given}`);
      strictEqual(await again.text(), "");
      for (
        const name of [
          "etag",
          "cache-control",
          "vary",
          "content-security-policy",
          "referrer-policy",
        ]
      ) strictEqual(again.headers.get(name), first.headers.get(name), name);
      strictEqual(again.headers.get("content-type"), null);
    }
    const other = await app.request(path, { headers: { "if-none-match": '"other"' } });
    strictEqual(other.status, 200);
    strictEqual(await other.text(), await first.text());
    const head = await app.request(path, { method: "HEAD" });
    deepStrictEqual([head.status, head.headers.get("etag"), await head.text()], [200, tag, ""]);
    const bytes = await (await app.request(path)).arrayBuffer();
    strictEqual(head.headers.get("content-length"), `${bytes.byteLength}`);
  }
});

Deno.test("an answer has another tag when its rows have changed", async () => {
  const queries = emptyStore();
  const app = testApi({ queries });
  const tagNow = async () => (await app.request("/v1/statistics")).headers.get("etag");
  const before = await tagNow();
  strictEqual(await tagNow(), before);
  await queries.writeStatistics(hoursOf("kraken:btcusd"));
  notStrictEqual(await tagNow(), before);
});

Deno.test("problems and long answers have no tag", async () => {
  const app = await appOf(hoursOf("kraken:btcusd"));
  for (const [path, accept] of [["/nope"], ["/v1/markets?x=1"], ["/v1/markets", "text/csv"]]) {
    const response = await app.request(path!, accept === undefined ? {} : { headers: { accept } });
    deepStrictEqual([response.headers.get("etag"), response.headers.get("cache-control")], [
      null,
      "no-cache",
    ]);
    await response.body?.cancel();
  }
});

Deno.test("an answer that stays is given from memory, whatever the order of its parameters, for a minute", async () => {
  const queries = emptyStore();
  await queries.writeStatistics(hoursOf("kraken:btcusd"));
  let readCount = 0;
  let nowMs = Date.UTC(2018, 4, 1);
  const counted = storeWith(queries, {
    statistics(query) {
      readCount++;
      return queries.statistics(query);
    },
  });
  const app = testApi({ queries: counted, clock: { nowMs: () => nowMs } });
  const paths = [
    `${ONE}&from=0&to=${day("05:00")}`,
    `/v1/statistics?to=${day("05:00")}&instrument=btcusd&from=0&exchange=kraken`,
  ];
  const first = await app.request(paths[0]!);
  const text = await first.text();
  for (const path of paths) {
    const again = await app.request(path);
    strictEqual(await again.text(), text);
    deepStrictEqual([...again.headers], [...first.headers]);
    const tag = { "if-none-match": first.headers.get("etag")! };
    strictEqual((await app.request(path, { headers: tag })).status, 304);
  }
  strictEqual(readCount, 1);
  await (await app.request(paths[0]!, { headers: { "cache-control": "no-cache" } })).text();
  strictEqual(readCount, 2);
  const csv = await app.request(paths[0]!, { headers: { accept: "text/csv" } });
  match(await csv.text(), /^exchange,/);
  strictEqual(readCount, 3);
  nowMs += 60_000;
  await (await app.request(paths[0]!)).text();
  strictEqual(readCount, 4);
});
