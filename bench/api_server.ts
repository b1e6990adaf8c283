/**
 * What the bench of the API asks, as a process of its own: the API over a store with all that guards
 * it, or a bare Hono route that answers with the bytes of a file. Says its port.
 *
 * @module
 */
import { Hono } from "hono";
import { Registry } from "prom-client";
import { openPostgresStore } from "../adapters/postgres/statistics_store.ts";
import { SqliteReader } from "../adapters/sqlite/reader.ts";
import { systemClock } from "../adapters/system_clock.ts";
import { type ApiDeps, createApi } from "../api/app.ts";
import { listen } from "../process/http_server.ts";
import { STORE_CONFIG } from "./api_store.ts";

/** Counted as always, and never reached. */
const RATE_LIMIT_PER_MINUTE = 1e9;

async function openToRead(database: string): Promise<ApiDeps["queries"]> {
  if (!database.startsWith("postgres")) return new SqliteReader(database, STORE_CONFIG);
  return await openPostgresStore(database, STORE_CONFIG, { isReadOnly: true });
}

/** Serves the bytes of a file, and nothing else; the port. */
async function serveBare(file: string): Promise<number> {
  const bytes = await Deno.readFile(file);
  const app = new Hono();
  app.get("/v1/statistics", (c) => c.body(bytes, 200, { "content-type": "application/json" }));
  return Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch).addr.port;
}

/** Serves the API as a process of the program does; the port. */
async function serveApi(database: string): Promise<number> {
  const app = createApi({
    queries: await openToRead(database),
    clock: systemClock,
    health: () => Promise.resolve({ api: { ready: true, problems: [] } }),
    registry: new Registry(),
    version: "0.0.0",
    simulated: false,
  }, {
    ...{ corsOrigins: [], apiTokens: [], topicMessages: "open" },
    ...{ rateLimitPerMinute: RATE_LIMIT_PER_MINUTE, windowSizeMs: 3_600_000 },
  });
  const server = listen(app.fetch, { host: "127.0.0.1", port: 0 }, systemClock);
  return Number(new URL(server.url).port);
}

if (import.meta.main) {
  const [kind, what] = Deno.args as [string, string];
  const port = await (kind === "bare" ? serveBare : serveApi)(what);
  Deno.stdout.writeSync(new TextEncoder().encode(`${port}\n`));
}
