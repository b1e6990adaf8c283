import assert from "node:assert/strict";
import { SourceError } from "../../ports/market_source.ts";
import { systemClock } from "../system_clock.ts";
import { type CryptowatchConfig, CryptowatchSource } from "./cryptowatch.ts";

const ALLOWANCE = { cost: 0.015, remaining: 9.985, upgrade: "https://cryptowat.ch" };
const TICK_MS = Date.parse("2026-03-01T12:00:00Z");

type Handler = (request: Request, count: number) => Response | Promise<Response>;

/** Polls once a local server that answers by `handler`; `count` is how many requests came before. */
async function pollFrom(handler: Handler, changes: Partial<CryptowatchConfig> = {}) {
  const requests: URL[] = [];
  await using server = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen() {}, onError: () => new Response(null) },
    (request) => handler(request, requests.push(new URL(request.url)) - 1),
  );
  const poll = await pollAt(`http://127.0.0.1:${server.addr.port}`, changes);
  return { poll, requests };
}

function pollAt(url: string, changes: Partial<CryptowatchConfig> = {}) {
  const source = new CryptowatchSource(systemClock, {
    url,
    endpoint: "prices",
    apiKey: null,
    backOffMinMs: 5,
    timeoutMs: 5000,
    ...changes,
  });
  const stop = new AbortController();
  return source.poll(TICK_MS, stop.signal);
}

const json = (body: unknown, init?: ResponseInit) => Response.json(body, init);
const page = (result: unknown, more: string | null = null) =>
  json({ result, cursor: { last: more ?? "end", hasMore: more !== null }, allowance: ALLOWANCE });

Deno.test("all forms of keys are markets: new, old and index; ids keep their hyphens, prices their digits", async () => {
  const { poll } = await pollFrom(() =>
    new Response(`{"result": {
      "market:binance-us:btcusd": 41390.5,
      "kraken:etheur": 1e-7,
      "index:kraken-futures:cf-in-xrpusd": 0.761,
      "market:bitmex:btcusd-perpetual-future-inverse": 1676448901300605400000,
      "market:bisq:dead": 0
    }}`)
  );
  assert.deepEqual(poll.quotes, [
    { exchange: "binance-us", instrument: "btcusd", base: "btc", quote: "usd", price: 41390.5 },
    { exchange: "kraken", instrument: "etheur", base: "eth", quote: "eur", price: 1e-7 },
    {
      exchange: "bitmex",
      instrument: "btcusd-perpetual-future-inverse",
      price: 1_676_448_901_300_605_400_000,
    },
    { exchange: "bisq", instrument: "dead", price: 0 },
    { exchange: "kraken-futures", instrument: "cf-in-xrpusd", price: 0.761 },
  ]);
  assert.deepEqual([poll.entryCount, poll.leftOutCount, poll.budget], [5, 0, null]);
});

Deno.test("a market named twice is one, and goes before an index of its name", async () => {
  const { poll } = await pollFrom(() =>
    page({ "index:kraken:btcusd": 1, "market:kraken:btcusd": 2, "kraken:btcusd": 3 })
  );
  assert.deepEqual(poll.quotes.map(({ price }) => price), [2]);
  assert.deepEqual([poll.entryCount, poll.leftOutCount], [3, 2]);
});

Deno.test("entries that are none are counted and shown, and the others go on", async () => {
  const { poll } = await pollFrom(() =>
    new Response(`{"result": {
      "market:kraken:btcusd": 1, "kraken": 1, "asset:kraken:btc": 1, "market:kraken:": 1,
      "a:b:c:d": 1, "market:kra ken:btcusd": 1, "market:kraken:a": "1.5", "market:kraken:b": null,
      "market:kraken:c": -1, "market:kraken:d": 1e999, "market:kraken:e": {"price": 1}
    }}`)
  );
  assert.equal(poll.quotes.length, 1);
  assert.deepEqual(poll.malformed, {
    count: 10,
    examples: ["kraken: 1", "asset:kraken:btc: 1", "market:kraken:: 1"],
  });
});

Deno.test("the pages of a cursor are one poll, and cost together", async () => {
  const { poll, requests } = await pollFrom((request) => {
    const cursor = new URL(request.url).searchParams.get("cursor");
    if (cursor === null) return page({ "market:a:btcusd": 1 }, "x/+ 2");
    return cursor === "x/+ 2"
      ? page({ "market:b:btcusd": 2 }, "3")
      : page({ "market:c:btcusd": 3 });
  });
  assert.deepEqual(poll.quotes.map(({ exchange }) => exchange), ["a", "b", "c"]);
  assert.equal(requests.length, 3);
  assert.deepEqual(poll.budget, { costPerPoll: 0.045, remaining: 9.985, resetMs: null });
});

Deno.test("summaries are read at price.last; those without one are counted", async () => {
  const { poll, requests } = await pollFrom(
    () =>
      page({ "kraken:btceur": { price: { last: 29378, high: 3 } }, "kraken:x": { price: null } }),
    { endpoint: "summaries" },
  );
  assert.deepEqual(poll.quotes.map(({ price }) => price), [29378]);
  assert.equal(poll.malformed.count, 1);
  assert.equal(requests[0]!.pathname, "/markets/summaries");
});

Deno.test("the key goes in its header, a base path stays, and paid credits count", async () => {
  const paid = { ...ALLOWANCE, cost: 0, remaining: 10, remainingPaid: 9_999_999_999 };
  let url = "";
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    url = `${new URL(request.url).pathname} ${request.headers.get("x-cw-api-key")}`;
    return json({ result: { "kraken:btcusd": 1 }, allowance: paid });
  });
  const base = `http://127.0.0.1:${server.addr.port}/proxy/v1/`;
  const poll = await pollAt(base, { apiKey: "open-sesame" });
  assert.equal(url, "/proxy/v1/markets/prices open-sesame");
  assert.deepEqual(poll.budget, { costPerPoll: 0, remaining: 10_000_000_009, resetMs: null });
});

Deno.test("hiccups are tried again within the poll, and what they cost is counted", async () => {
  const { poll, requests } = await pollFrom((_, count) => {
    if (count === 0) return json({ error: "oops", allowance: ALLOWANCE }, { status: 500 });
    if (count === 1) return new Response("<html>Bad gateway</html>", { status: 502 });
    if (count === 2) return new Response(null, { status: 429, headers: { "retry-after": "0" } });
    return page({ "kraken:btcusd": 1 });
  });
  assert.equal(requests.length, 4);
  assert.equal(poll.budget?.costPerPoll, 0.03);
});

Deno.test("Retry-After is kept to within the poll, and handed on where it is longer", async () => {
  const startMs = Date.now();
  const wait = (seconds: string) =>
    new Response(null, { status: 429, headers: { "retry-after": seconds } });
  const { requests } = await pollFrom((_, count) =>
    count === 0 ? wait("1") : page({ "kraken:btcusd": 1 })
  );
  assert.equal(requests.length, 2);
  assert.ok(Date.now() - startMs >= 1000);

  const error = await failure(() => wait("3600"));
  assert.equal(error.kind, "refused");
  assert.ok(Math.abs(error.retryAtMs! - Date.now() - 3_600_000) < 5000);
  const dated = await failure(() => wait(new Date(Date.now() + 7_200_000).toUTCString()));
  assert.ok(Math.abs(dated.retryAtMs! - Date.now() - 7_200_000) < 5000);
});

Deno.test("a 404 is not tried again, says what the source said, and costs what it says", async () => {
  let count = 0;
  const error = await failure(() => {
    count++;
    const allowance = { cost: 0.005, remaining: 9.968 };
    return json({ error: "Instrument not found", allowance }, { status: 404 });
  });
  assert.equal(count, 1);
  assert.match(
    error.message,
    /^http:\/\/127\.0\.0\.1:\d+\/markets\/prices: answered 404: Instrument not found$/,
  );
  assert.equal(error.kind, "failed");
  assert.deepEqual(error.budget, { costPerPoll: 0.005, remaining: 9.968, resetMs: null });
});

Deno.test.each<[string, Handler, SourceError["kind"], RegExp]>([
  [
    "HTML",
    () => new Response("<!DOCTYPE html>\n<title>Hi</title>"),
    "malformed",
    /answered 200 with no JSON: <!DOCTYPE html> <title>Hi<\/title>$/,
  ],
  [
    "half a JSON",
    () => new Response('{"result":{"market:kraken:btcusd":1,"mar'),
    "malformed",
    /answered 200 with no JSON: \{"result"/,
  ],
  ["nothing", () => new Response(null), "malformed", /answered 200 with nothing$/],
  ["a list", () => json([1]), "malformed", /answer: .*expected object/],
  ["null", () => json(null), "malformed", /answer: .*expected object/],
  ["no result", () => json({ error: "x" }), "malformed", /result: must be an object of markets/],
  [
    "a result that is a list",
    () => json({ result: [] }),
    "malformed",
    /result: must be an object of markets/,
  ],
  [
    "a cursor that is none",
    () => json({ result: {}, cursor: { hasMore: "yes" } }),
    "malformed",
    /cursor\.hasMore: /,
  ],
  [
    "more pages, but no cursor",
    () => json({ result: {}, cursor: { hasMore: true } }),
    "malformed",
    /cursor: has more, but no last/,
  ],
  ["no markets", () => page({}), "malformed", /no markets$/],
  [
    "ids in place of names",
    () => page({ "1": 29378, "100": 2657 }),
    "malformed",
    /no markets, but 1: 29378$/,
  ],
  [
    "the same cursor again and again",
    () => page({ "kraken:btcusd": 1 }, "again"),
    "malformed",
    /a cursor came back: pages without end$/,
  ],
  [
    "pages without end",
    (_, count) => page({ "kraken:btcusd": 1 }, String(count)),
    "malformed",
    /no end after 50 pages, 50 entries$/,
  ],
  [
    "a redirect to another host",
    () => Response.redirect("https://evil.example/markets"),
    "failed",
    /redirects to https:\/\/evil\.example\/markets, which is not followed/,
  ],
  [
    "a redirect to itself",
    (r) => Response.redirect(r.url),
    "failed",
    /redirects too often, which is not followed/,
  ],
  [
    "errors all the time",
    () => new Response("overload", { status: 503 }),
    "failed",
    /answered 503: overload$/,
  ],
  ["a refusal", () => new Response(null, { status: 403 }), "failed", /answered 403$/],
])(
  "a source that answers %s is a failed poll with a clear reason",
  async (_, handler, kind, message) => {
    const error = await failure(handler);
    assert.equal(error.kind, kind);
    assert.match(error.message, message);
    assert.match(error.message, /^http:\/\/127\.0\.0\.1:\d+\/markets\/prices: /);
  },
);

Deno.test("a redirect within the host is followed", async () => {
  const { poll } = await pollFrom((request) =>
    new URL(request.url).pathname === "/new"
      ? page({ "kraken:btcusd": 1 })
      : new Response(null, { status: 308, headers: { location: "/new" } })
  );
  assert.equal(poll.quotes.length, 1);
});

Deno.test("a source that answers 1 GB is cut off at 64 MB", async () => {
  const chunk = new Uint8Array(1 << 20).fill(32);
  let megabytes = 0;
  const error = await failure(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          if (megabytes++ === 1024) controller.close();
          else controller.enqueue(chunk);
        },
      }),
    )
  );
  assert.equal(error.kind, "malformed");
  assert.match(error.message, /answered with more than 67108864 bytes/);
  assert.ok(megabytes < 100, `${megabytes} MB were sent`);
});

Deno.test("a small gzip that swells to 70 MB is cut off too", async () => {
  const swollen = new Blob(Array(70).fill(new Uint8Array(1 << 20)));
  const gzip = swollen.stream().pipeThrough(new CompressionStream("gzip"));
  const body = await new Response(gzip).arrayBuffer();
  assert.ok(body.byteLength < 1 << 20);
  const headers = { "content-encoding": "gzip" };
  const error = await failure(() => new Response(body, { headers }));
  assert.match(error.message, /more than 67108864 bytes/);
});

Deno.test("a source that never answers, or never ends, is given up after the time-out", async () => {
  const hang = () => new Promise<Response>(() => {});
  const drip = () =>
    new Response(new ReadableStream({ start: (c) => c.enqueue(new TextEncoder().encode("{")) }));
  for (const handler of [hang, drip]) {
    const controller = new AbortController();
    const server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen() {}, signal: controller.signal },
      handler,
    );
    const startMs = Date.now();
    const poll = pollAt(`http://127.0.0.1:${server.addr.port}`, { timeoutMs: 200 });
    const error = await rejection(poll);
    assert.ok(Date.now() - startMs < 4000);
    assert.equal(error.kind, "unreachable");
    assert.match(error.message, /markets\/prices: no whole answer within 0\.2 s$/);
    controller.abort();
    await server.finished;
  }
});

Deno.test("a connection that breaks off in the middle is tried again, then said", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  let connections = 0;
  const serving = (async () => {
    for await (const connection of listener) {
      connections++;
      await connection.read(new Uint8Array(4096));
      const half = 'HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{"result":{';
      await connection.write(new TextEncoder().encode(half));
      connection.close();
    }
  })();
  const error = await rejection(pollAt(`http://127.0.0.1:${listener.addr.port}`));
  listener.close();
  await serving;
  assert.equal(connections, 4);
  assert.equal(error.kind, "unreachable");
  assert.match(error.message, /markets\/prices: the answer broke off: /);
});

Deno.test("nobody at the address is said so", async () => {
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const { port } = listener.addr;
  listener.close();
  const error = await rejection(pollAt(`http://127.0.0.1:${port}`));
  assert.equal(error.kind, "unreachable");
  assert.match(error.message, /markets\/prices: cannot be reached: .*refused/i);
});

Deno.test("a poll ends at once when its signal aborts", async () => {
  const stop = new AbortController();
  const listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  const accepting = listener.accept();
  const url = `http://127.0.0.1:${listener.addr.port}`;
  const config = { url, endpoint: "prices", apiKey: null } as const;
  const polling = rejection(new CryptowatchSource(systemClock, config).poll(TICK_MS, stop.signal));
  const connection = await accepting;
  stop.abort();
  assert.match((await polling).message, /: stopped$/);
  connection.close();
  listener.close();
});

async function failure(handler: Handler): Promise<SourceError> {
  return await rejection(pollFrom(handler).then(({ poll }) => poll));
}

async function rejection(polling: Promise<unknown>): Promise<SourceError> {
  const error = await polling.then(() => null, (error) => error);
  assert.ok(error instanceof SourceError, String(error));
  return error;
}
