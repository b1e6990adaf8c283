import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { configure, type LogRecord, reset } from "@logtape/logtape";
import type { ApiDeps } from "./app.ts";
import { apiOf, emptyStore, get, testApi, windowRecord } from "../tests/api_fixture.ts";
import { StoreBusyError, StoreUnavailableError } from "../ports/statistics_store.ts";

/** A store each of whose reads does `act`. */
function storeThat(act: () => Promise<never>): ApiDeps["queries"] {
  const others = { days: act, polls: act, gaps: act, pollCounts: act, notifications: act };
  return { statistics: act, latest: act, markets: act, sources: act, changes: act, ...others };
}

for (
  const [path, parameter, said] of [
    ["/v1/statistics?instrumnt=btcusd", "instrumnt", /known are: exchange, instrument/],
    ["/v1/statistics?__proto__=1", "__proto__", /not a parameter/],
    ["/v1/sources?limit=1", "limit", /known are: none/],
    ["/v1/statistics?from=2018-04-05", "from", /ISO 8601 with an offset/],
    ["/v1/statistics?from=2018-04-05T00:00:00", "from", /ISO 8601 with an offset/],
    ["/v1/statistics?from=2018-02-30T00:00:00Z", "from", /ISO 8601/],
    ["/v1/statistics?from=2018-04-05T00:00:00+02:00", "from", /written %2B/],
    ["/v1/statistics?to=-5", "to", /milliseconds/],
    ["/v1/statistics?from=5&to=5", "to", /later than from/],
    ["/v1/statistics?limit=0", "limit", /1 to 10000/],
    ["/v1/statistics?limit=10001", "limit", /1 to 10000/],
    ["/v1/markets?limit=1e2", "limit", /1 to 10000/],
    ["/v1/markets?limit=", "limit", /1 to 10000/],
    ["/v1/markets?limit=5&limit=6", "limit", /more than once/],
    ["/v1/markets?exchange=kraken:btcusd", "exchange", /without spaces, ':'/],
    ["/v1/markets?exchange=kraken&exchange=a%20b", "exchange", /without spaces, ':'/],
    ["/v1/markets?exchange=kraken,,okx", "exchange", /1 to 100 characters/],
    ["/v1/markets?exchange=", "exchange", /1 to 100 characters/],
    [`/v1/markets?exchange=${"a,".repeat(100)}a`, "exchange", /at most 100 values/],
    ["/v1/markets?quote=%00", "quote", /1 to 100 characters/],
    ["/v1/markets?cursor=nonsense", "cursor", /not a cursor/],
    ["/v1/notifications?kind=leap", "kind", /one of ratioAbove/],
    ["/v1/notifications?state=firing,gone", "state", /one of firing, resolved/],
    ["/v1/notifications?sort=-value", "sort", /startedAt/],
  ] as const
) {
  Deno.test(`${path} is refused with a problem that names ${parameter}`, async () => {
    const response = await testApi().request(path);
    strictEqual(response.status, 400);
    strictEqual(response.headers.get("content-type"), "application/problem+json");
    const problem = await response.json();
    strictEqual(problem.status, 400);
    strictEqual(problem.title, "Bad Request");
    strictEqual(problem.errors.length, 1);
    strictEqual(problem.errors[0].parameter, parameter);
    match(problem.detail, said);
  });
}

Deno.test("every wrong parameter is named at once", async () => {
  const problem = await get(testApi(), "/v1/statistics?limit=x&from=y&nope=1", 400);
  deepStrictEqual(
    problem.errors.map((error: { parameter: string }) => error.parameter).sort(),
    ["from", "limit", "nope"],
  );
});

Deno.test("a path that does not exist answers 404, whatever the method", async () => {
  for (const method of ["GET", "POST"]) {
    for (const path of ["/nope", "/v1", "/v1/markets/", "/v1/topics/samples"]) {
      const response = await testApi().request(path, { method });
      strictEqual(response.status, 404, path);
      match((await response.json()).detail, /openapi\.json/);
    }
  }
});

Deno.test("any other method answers 405 with Allow, on every path of the index", async () => {
  const app = testApi();
  const { links } = await get(app, "/");
  ok(links.length >= 10);
  for (const link of ["/", ...links]) {
    const path = link.replace("{topic}", "samples");
    for (const method of ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "BREW"]) {
      const response = await app.request(path, { method });
      strictEqual(response.status, 405, `${method} ${path}`);
      strictEqual(response.headers.get("allow"), "GET, HEAD");
      strictEqual((await response.json()).title, "Method Not Allowed");
    }
  }
});

Deno.test("HEAD answers as GET does, without the body", async () => {
  const response = await testApi().request("/v1/markets", { method: "HEAD" });
  strictEqual(response.status, 200);
  strictEqual(await response.text(), "");
});

Deno.test("a URL beyond the limit answers 414", async () => {
  const problem = await get(testApi(), `/v1/markets?exchange=${"a".repeat(9000)}`, 414);
  strictEqual(problem.title, "URI Too Long");
});

Deno.test("an error inside answers 500 with an id that is in the log, and tells nothing else", async () => {
  const records: LogRecord[] = [];
  await configure({
    sinks: { kept: (record) => records.push(record) },
    loggers: [{ category: "data-tracker", sinks: ["kept"] }, {
      category: ["logtape", "meta"],
      lowestLevel: "warning",
    }],
  });
  try {
    const queries = storeThat(() => Promise.reject(new Error("SELECT secret FROM password")));
    const problem = await get(testApi({ queries }), "/v1/markets", 500);
    ok(!JSON.stringify(problem).includes("secret"));
    strictEqual(records.length, 1);
    strictEqual(`urn:uuid:${records[0]!.properties.id}`, problem.instance);
    match(String(records[0]!.properties.message), /SELECT secret/);
  } finally {
    await reset();
  }
});

Deno.test("a store that is away answers 503 with a time to try again, and is logged once", async () => {
  const records: LogRecord[] = [];
  await configure({
    sinks: { kept: (record) => records.push(record) },
    loggers: [{ category: "data-tracker", sinks: ["kept"] }, {
      category: ["logtape", "meta"],
      lowestLevel: "warning",
    }],
  });
  try {
    const away = new StoreUnavailableError("DATABASE_URL: cannot reach db:5432");
    const app = testApi({ queries: storeThat(() => Promise.reject(away)) });
    for (const path of ["/v1/markets", "/v1/statistics", "/v1/sources"]) {
      const response = await app.request(path);
      deepStrictEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
      strictEqual(response.headers.get("content-type"), "application/problem+json");
      match((await response.json()).detail, /cannot be read now/);
    }
    strictEqual(records.length, 1);
    match(String(records[0]!.properties.problem), /cannot reach db:5432/);
  } finally {
    await reset();
  }
});

Deno.test("a store that is busy answers 503 with a time to try again, and is not logged", async () => {
  const busy = new StoreBusyError("statistics store a.db: 100 reads are waiting already");
  const app = testApi({ queries: storeThat(() => Promise.reject(busy)) });
  const response = await app.request("/v1/markets");
  deepStrictEqual([response.status, response.headers.get("retry-after")], [503, "5"]);
  match((await response.json()).detail, /The store is busy/);
});

Deno.test("an answer that takes too long is given up with 503", async () => {
  const slow = Promise.withResolvers<never>();
  const app = testApi({ queries: storeThat(() => slow.promise) }, { requestTimeMaxMs: 5 });
  const response = await app.request("/v1/markets");
  strictEqual(response.status, 503);
  ok(Number(response.headers.get("retry-after")) > 0);
  match((await response.json()).detail, /took too long/);
  slow.reject(new Error("ends after all, and nobody listens"));
});

Deno.test("every answer forbids sniffing, framing and running", async () => {
  const app = testApi();
  for (const path of ["/", "/v1/markets", "/nope", "/v1/markets?x=1", "/metrics"]) {
    const { headers } = await app.request(path);
    strictEqual(headers.get("x-content-type-options"), "nosniff", path);
    match(headers.get("content-security-policy")!, /default-src 'none'/);
    strictEqual(headers.get("access-control-allow-origin"), null);
  }
});

Deno.test("only the origins that are configured may read across origins", async () => {
  const app = testApi({}, { corsOrigins: ["https://charts.example"] });
  const allowedOf = async (origin: string, app_ = app) =>
    (await app_.request("/v1/markets", { headers: { origin } }))
      .headers.get("access-control-allow-origin");
  strictEqual(await allowedOf("https://charts.example"), "https://charts.example");
  strictEqual(await allowedOf("https://evil.example"), null);
  strictEqual(await allowedOf("https://any.example", testApi({}, { corsOrigins: ["*"] })), "*");
});

Deno.test("readiness names the roles that are not ready; liveness does not care", async () => {
  const health = () => ({
    api: { ready: true, problems: [] },
    writer: { ready: false, problems: ["the store is full"] },
  });
  const app = testApi({ health: () => Promise.resolve(health()) });
  const problem = await get(app, "/readyz", 503);
  strictEqual(problem.detail, "writer: the store is full");
  deepStrictEqual(problem.roles, health());
  deepStrictEqual(await get(app, "/healthz"), { status: "alive" });
  deepStrictEqual(await get(testApi(), "/readyz"), { status: "ready", roles: ["api"] });
});

Deno.test("metrics count requests by route, not by path", async () => {
  const app = testApi();
  await get(app, "/v1/markets?exchange=a");
  await get(app, "/v1/markets?exchange=b");
  await get(app, "/no/such/path", 404);
  await get(app, `/v1/markets?exchange=${"a".repeat(9000)}`, 414);
  const response = await app.request("/metrics");
  match(response.headers.get("content-type")!, /^text\/plain; version=/);
  const text = await response.text();
  match(text, /data_tracker_api_request_seconds_count\{route="\/v1\/markets",status="200"\} 2/);
  match(text, /data_tracker_api_request_seconds_count\{route="\/v1\/markets",status="414"\} 1/);
  ok(!text.includes("such"));
});

Deno.test("the index says what is served and whether it is simulated", async () => {
  const index = await get(testApi({ simulated: false }), "/");
  strictEqual(index.simulated, false);
  strictEqual(index.version, "0.0.0");
  ok(index.links.includes("/v1/topics/{topic}/messages"));
});

Deno.test("/v1/markets lists markets with their first and last window", async () => {
  const app = await apiOf(
    windowRecord("kraken:btcusd", 1, [1], { base: "btc", quote: "usd" }),
    windowRecord("kraken:btcusd", 3, [1]),
    windowRecord("bitstamp:ethusd", 2, [1]),
  );
  deepStrictEqual(await get(app, "/v1/markets"), {
    data: [
      {
        exchange: "bitstamp",
        instrument: "ethusd",
        base: null,
        quote: null,
        firstWindowStart: "2018-04-05T02:00:00.000Z",
        lastWindowStart: "2018-04-05T02:00:00.000Z",
      },
      {
        exchange: "kraken",
        instrument: "btcusd",
        base: "btc",
        quote: "usd",
        firstWindowStart: "2018-04-05T01:00:00.000Z",
        lastWindowStart: "2018-04-05T03:00:00.000Z",
      },
    ],
    nextCursor: null,
  });
});

Deno.test("/v1/sources tells each source's health, budget and last poll", async () => {
  const queries = emptyStore();
  const poll = {
    source: "cryptowatch",
    tickMs: Date.UTC(2018, 3, 5, 10),
    outcome: "ok" as const,
    reason: null,
    marketCount: 10_374,
    entryCount: 10_630,
    zeroPriceCount: 256,
    leftOutCount: 5,
    malformedCount: 0,
    latencyMs: 212.5,
    budget: { costPerPoll: 0.015, remaining: 7.4, resetMs: Date.UTC(2018, 3, 6) },
  };
  const skipped = { ...poll, tickMs: poll.tickMs + 60_000, outcome: "skipped" as const };
  await queries.writePolls([poll, { ...skipped, reason: "saving credits", latencyMs: null }]);
  const { data, nextCursor } = await get(testApi({ queries }), "/v1/sources");
  strictEqual(nextCursor, null);
  deepStrictEqual(data, [{
    source: "cryptowatch",
    health: "pausing",
    lastSuccess: "2018-04-05T10:00:00.000Z",
    budget: { costPerPoll: 0.015, remaining: 7.4, resetsAt: "2018-04-06T00:00:00.000Z" },
    lastPoll: {
      tick: "2018-04-05T10:01:00.000Z",
      outcome: "skipped",
      reason: "saving credits",
      marketCount: 10_374,
      entryCount: 10_630,
      zeroPriceCount: 256,
      leftOutCount: 5,
      malformedCount: 0,
      latencyMs: null,
    },
  }]);
});
