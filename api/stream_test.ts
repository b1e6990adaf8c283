import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import type { Hono } from "hono";
import type { MemoryStatisticsStore } from "../adapters/memory/statistics_store.ts";
import { StoreUnavailableError } from "../ports/statistics_store.ts";
import { emptyStore, get, testApi, windowRecord } from "../tests/api_fixture.ts";

const PATH = "/v1/statistics/stream";

/** An API whose looks at the store come when the test says so. */
function liveApi(options: { queries?: MemoryStatisticsStore; streamClientsMax?: number } = {}) {
  const { queries = emptyStore(), ...config } = options;
  let timeMs = 0;
  const sleepers = new Set<() => void>();
  const clock = {
    nowMs: () => timeMs,
    sleep: (_durationMs: number, signal?: AbortSignal) =>
      new Promise<void>((resolve) => {
        const wake = () => {
          sleepers.delete(wake);
          signal?.removeEventListener("abort", wake);
          resolve();
        };
        if (signal?.aborted) return resolve();
        sleepers.add(wake);
        signal?.addEventListener("abort", wake, { once: true });
      }),
  };
  const stop = new AbortController();
  return {
    app: testApi({ queries, clock, stop: stop.signal }, config),
    queries,
    stop,
    sleepers,
    /** Lets time pass, and so the hub look. */
    async look(durationMs = 500) {
      await settled();
      timeMs += durationMs;
      for (const wake of [...sleepers]) wake();
      await settled();
    },
  };
}

/** Lets everything that waits for nothing but its turn happen. */
async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 0));
}

/** What a client of the stream would know. */
class Listener implements AsyncDisposable {
  text = "";
  isEnded = false;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array>;

  private constructor(readonly response: Response) {
    this.#reader = response.body!.getReader();
  }

  static async open(app: Hono, query = "", headers: Record<string, string> = {}) {
    const response = await app.request(`${PATH}${query}`, { headers });
    strictEqual(response.status, 200);
    return new Listener(response);
  }

  /** Reads until the text matches, or the stream ends. */
  async until(pattern: RegExp | null): Promise<string> {
    const decoder = new TextDecoder();
    while (pattern === null || !pattern.test(this.text)) {
      const { value, done } = await this.#reader.read();
      if (done) {
        this.isEnded = true;
        break;
      }
      this.text += decoder.decode(value, { stream: true });
    }
    return this.text;
  }

  get lastId(): string {
    return [...this.text.matchAll(/^id: (.*)$/gm)].at(-1)![1]!;
  }

  /** Events as `instrument count`, gaps as `gap`. */
  get events(): string[] {
    return [...this.text.matchAll(/^event: (\w+)\ndata: (.*)$/gm)].map(([, event, data]) => {
      const { instrument, count } = JSON.parse(data!);
      return event === "statistics" ? `${instrument} ${count}` : event!;
    });
  }

  async [Symbol.asyncDispose]() {
    await this.#reader.cancel().catch(() => {});
  }
}

/** A window of a market, after so many samples. */
function counted(instrument: string, count: number, exchange = "kraken") {
  const prices = Array.from({ length: count }, (_, i) => 100 + i);
  return windowRecord(`${exchange}:${instrument}`, 0, prices, { closed: false });
}

Deno.test("a change that is stored is told with the row that the list has", async () => {
  const { app, queries, look } = liveApi();
  await using listener = await Listener.open(app);
  match(listener.response.headers.get("content-type")!, /^text\/event-stream/);
  strictEqual(listener.response.headers.get("cache-control"), "no-store");
  await listener.until(/^id: .+$/m);
  await queries.writeStatistics([counted("btcusd", 3)]);
  await look();
  const text = await listener.until(/event: statistics/);
  const { data: [row] } = await get(app, "/v1/statistics");
  deepStrictEqual(JSON.parse(/^data: (.*)$/m.exec(text)![1]!), row);
});

Deno.test("what was stored before is not told, and each filter is applied", async () => {
  const { app, queries, look } = liveApi();
  await queries.writeStatistics([counted("btcusd", 1)]);
  await using all = await Listener.open(app);
  await using one = await Listener.open(app, "?exchange=okx&instrument=btcusd");
  await settled();
  await queries.writeStatistics([
    counted("btcusd", 1, "okx"),
    counted("ethusd", 1, "okx"),
    counted("btcusd", 2),
  ]);
  await look();
  await all.until(/btcusd","base":null.*"count":2/);
  deepStrictEqual(all.events, ["btcusd 1", "ethusd 1", "btcusd 2"]);
  await one.until(/event/);
  deepStrictEqual(one.events, ["btcusd 1"]);
});

Deno.test("100 clients are each told once, by one look at the store", async () => {
  const { app, queries, look } = liveApi();
  let readCount = 0;
  const changes = queries.changes.bind(queries);
  queries.changes = (...asked) => {
    readCount++;
    return changes(...asked);
  };
  await using stack = new AsyncDisposableStack();
  const listeners: Listener[] = [];
  for (let i = 0; i < 100; i++) listeners.push(stack.use(await Listener.open(app)));
  for (const listener of listeners) await listener.until(/^id: /m);
  await look();
  readCount = 0;
  for (let count = 1; count <= 3; count++) {
    await queries.writeStatistics([counted("btcusd", count)]);
    await look();
  }
  for (const listener of listeners) await listener.until(/"count":3/);
  for (const { events } of listeners) deepStrictEqual(events, ["btcusd 1", "btcusd 2", "btcusd 3"]);
  ok(readCount <= 4, `${readCount} reads of the store`);
});

for (const [way, how] of [["the header", "header"], ["a parameter", "query"]] as const) {
  Deno.test(`a client that comes again with ${way} goes on without a gap or a repeat`, async () => {
    const { app, queries, look } = liveApi();
    const told: string[] = [];
    let lastId: string | null = null;
    for (let count = 2; count <= 12; count += 2) {
      const query = lastId !== null && how === "query" ? `?lastEventId=${lastId}` : "";
      const headers: Record<string, string> = lastId !== null && how === "header"
        ? { "last-event-id": lastId }
        : {};
      await using listener = await Listener.open(app, query, headers);
      await listener.until(/^id: /m);
      await look();
      await queries.writeStatistics([counted("btcusd", count), counted("ethusd", count)]);
      await look();
      await listener.until(new RegExp(`ethusd.*"count":${count},`));
      // Every other time it is cut in the middle: the last event was not seen.
      const ids = [...listener.text.matchAll(/^id: (.*)\nevent/gm)].map(([, id]) => id!);
      const isCut = count % 4 === 0;
      told.push(...listener.events.slice(0, isCut ? -1 : undefined));
      lastId = isCut ? ids.at(-2)! : listener.lastId;
      await queries.writeStatistics([counted("btcusd", count + 1)]);
    }
    const [btc, eth] = ["btcusd", "ethusd"].map((name) =>
      told.filter((text) => text.startsWith(name)).map((text) => Number(text.split(" ")[1]))
    );
    deepStrictEqual(btc, [2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
    // What was told by nobody but the event that was not seen comes with the next stream.
    deepStrictEqual(eth, [2, 4, 6, 8, 10]);
  });
}

Deno.test("a place that is not known any more is answered by an event that says so", async () => {
  const { app, queries, look } = liveApi();
  await queries.writeStatistics([counted("btcusd", 1)]);
  await using listener = await Listener.open(app, "?lastEventId=deadbeef-000000042");
  match(await listener.until(/event: gap/), /read \/v1\/statistics\/latest/);
  await queries.writeStatistics([counted("btcusd", 2)]);
  await look();
  await listener.until(/event: statistics/);
  deepStrictEqual(listener.events, ["gap", "btcusd 2"]);
});

Deno.test("who does not read is dropped and harms nobody, and can go on later", async () => {
  const { app, queries, look } = liveApi();
  await using reading = await Listener.open(app);
  await using sleeping = await Listener.open(app);
  await sleeping.until(/^id: /m);
  const lastId = sleeping.lastId;
  let count = 0;
  const markets = Array.from({ length: 900 }, (_, i) => `m${i}`);
  for (let round = 1; round <= 6; round++) {
    await queries.writeStatistics(markets.map((name) => counted(name, round)));
    await look();
    count += markets.length;
    await reading.until(new RegExp(`m899.*"count":${round},`));
  }
  strictEqual(reading.events.length, count);
  await rejects(sleeping.until(null), /does not read/);
  await using again = await Listener.open(app, "", { "last-event-id": lastId });
  await again.until(/"m899".*"count":6,/);
  deepStrictEqual(again.events, markets.map((name) => `${name} 6`));
});

Deno.test("signs of life come as comments, and bring the place of now", async () => {
  const { app, queries, look } = liveApi();
  await using listener = await Listener.open(app, "?exchange=nowhere");
  await listener.until(/^id: /m);
  const before = listener.lastId;
  await queries.writeStatistics([counted("btcusd", 1)]);
  await look();
  await look(15_000);
  await listener.until(/(: alive[^]*){2}/);
  ok(listener.lastId > before);
  deepStrictEqual(listener.events, []);
});

Deno.test("clients are bounded in number, and who leaves makes room", async () => {
  const { app, sleepers, look } = liveApi({ streamClientsMax: 1 });
  {
    await using listener = await Listener.open(app);
    await listener.until(/^id: /m);
    const response = await app.request(PATH);
    strictEqual(response.status, 503);
    ok(Number(response.headers.get("retry-after")) > 0);
    match((await response.json()).detail, /1 clients follow/);
    strictEqual((await app.request(PATH, { method: "HEAD" })).status, 503);
    await look();
  }
  await settled();
  strictEqual(sleepers.size, 0, "nobody looks for nobody");
  strictEqual((await app.request(PATH, { method: "HEAD" })).status, 200);
  await using another = await Listener.open(app);
  await another.until(/^id: /m);
});

Deno.test("all streams end at once when the process stops", async () => {
  const { app, stop, sleepers } = liveApi();
  await using listener = await Listener.open(app);
  await listener.until(/^id: /m);
  await settled();
  stop.abort();
  await listener.until(null);
  strictEqual(listener.isEnded, true);
  await settled();
  strictEqual(sleepers.size, 0);
  await using late = await Listener.open(app);
  strictEqual(await late.until(null), "");
});

Deno.test("a store that is away for a while is waited for", async () => {
  const { app, queries, look } = liveApi();
  await using listener = await Listener.open(app);
  await listener.until(/^id: /m);
  const changes = queries.changes.bind(queries);
  queries.changes = () => Promise.reject(new StoreUnavailableError("it is away"));
  await look();
  await look();
  queries.changes = changes;
  await queries.writeStatistics([counted("btcusd", 1)]);
  await look();
  await listener.until(/event/);
  deepStrictEqual(listener.events, ["btcusd 1"]);
});

Deno.test("an id that is no event's is refused", async () => {
  const problem = await get(testApi(), `${PATH}?lastEventId=${"x".repeat(201)}`, 400);
  match(problem.detail, /lastEventId is no id of an event/);
});

Deno.test("events are what the description of the API says", async () => {
  const { app, queries, look } = liveApi();
  const { components } = await get(app, "/openapi.json");
  const { required, properties } = components.schemas.StatisticsEvent;
  await using listener = await Listener.open(app, "?lastEventId=forgotten");
  await listener.until(/gap/);
  await queries.writeStatistics([counted("btcusd", 1)]);
  await look();
  await listener.until(/"btcusd"/);
  const events = listener.text.split("\n\n").filter((block) => block.includes("data:"));
  deepStrictEqual(events.length, properties.event.enum.length);
  for (const event of events) {
    const fields = Object.fromEntries(event.split("\n").map((line) => line.split(/: (.*)/)));
    deepStrictEqual(Object.keys(fields).toSorted(), required.toSorted());
    ok(properties.event.enum.includes(fields.event));
  }
});
