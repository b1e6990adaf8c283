/**
 * A typed client of Data Tracker's API: Hono's own, with the type of every route, parameter and answer.
 *
 * @module
 */
import { type ClientRequestOptions, hc } from "hono/client";
import type { Api } from "./api/client_type.ts";

export type {
  Aggregate,
  Api,
  Gap,
  Market,
  Message,
  Notification,
  Page,
  Poll,
  Problem,
  Source,
  Statistics,
  Topic,
} from "./api/client_type.ts";

/** The client: `client.v1.statistics.$get({ query: { … } })`, and so on along each path. */
export type Client = ReturnType<typeof hc<Api>>;

/**
 * Makes a client.
 *
 * @param url Where the API is.
 * @param options As Hono's `hc` takes them: `headers` for a token, `fetch` for another way there.
 *
 * @example Read all statistics of a market, page by page
 * ```ts
 * import { createClient, type Statistics } from "./client.ts";
 *
 * const client = createClient("http://localhost:8000");
 *
 * async function* statisticsOf(exchange: string, instrument: string): AsyncGenerator<Statistics> {
 *   for (let cursor: string | null = null;;) {
 *     const query = { exchange, instrument, limit: 1000, ...(cursor !== null && { cursor }) };
 *     const response = await client.v1.statistics.$get({ query });
 *     if (!response.ok) throw new Error((await response.json()).detail);
 *     const { data, nextCursor } = await response.json();
 *     yield* data;
 *     if (nextCursor === null) return;
 *     cursor = nextCursor;
 *   }
 * }
 * ```
 *
 * @example Follow what is stored, live
 * ```ts
 * import { createClient, type Statistics } from "./client.ts";
 *
 * function follow(instrument: string, onRow: (row: Statistics) => void): EventSource {
 *   const client = createClient("http://localhost:8000");
 *   const events = new EventSource(client.v1.statistics.stream.$url({ query: { instrument } }));
 *   events.addEventListener("statistics", ({ data }) => onRow(JSON.parse(data)));
 *   return events;
 * }
 * ```
 */
export function createClient(url: string, options?: ClientRequestOptions): Client {
  return hc<Api>(url, options);
}
