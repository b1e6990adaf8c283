/**
 * `/v1/statistics/stream`: what `/v1/statistics` would show anew, as it is stored, by server-sent events.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { given, MARKET_FILTERS, queryOf } from "./parameters.ts";
import { RequestProblem } from "./problem.ts";
import { responsesOf } from "./responses.ts";
import { type StreamDeps, StreamHub } from "./stream_hub.ts";

/** Clients at a time: 60 kB each of this process's memory. */
export const STREAM_CLIENTS_MAX = 4_000;

const PLACE = z.string().max(200, { error: "is no id of an event of this stream" }).optional();

const ABOUT =
  `Follows what is stored: an event for each window of live statistics that changes, with
the row that /v1/statistics has. While it is open a window is stored each time it is published, every
30 s unless configured otherwise. History that is imported is not told, nor that a window is sealed,
which is a matter of time.

- \`event: statistics\`: \`data\` is the row, \`id\` a place to go on from.
- \`event: gap\`: what changed since the place asked for is not known any more (SQLite keeps the last
  200,000 changes, Postgres those of ten minutes), or the store is another. Read
  /v1/statistics/latest, and go on with the stream.
- Comments are signs of life, at least every 15 s; with them comes an \`id\`, so that whoever waits for
  a rare market need not go far back.

A stream that ends or is cut (whoever does not read is dropped) is asked for again with the last \`id\`:
\`EventSource\` does so by itself. Nothing between is missed, and nothing told twice.`;

/** One event: in OpenAPI 3.1 a stream has the schema of what comes again and again in it. */
const eventSchema = z.object({
  id: z.string().openapi({ description: "A place to go on from." }),
  event: z.enum(["statistics", "gap"]),
  data: z.string().openapi({
    description: "JSON: of `statistics` a row of Statistics; of `gap` what to do, as its `detail`.",
  }),
}).openapi("StatisticsEvent");

const EXAMPLE = {
  id: "1f0c9a7e-0000000000001042",
  event: "statistics",
  data: '{"exchange":"kraken","instrument":"btcusd","windowStart":"2018-04-05T10:00:00.000Z",' +
    '"mean":6780}',
};

/** The route, as it is checked and described. */
export const streamRoute = createRoute({
  method: "get",
  path: "/v1/statistics/stream",
  tags: ["statistics"],
  summary: "Live statistics, by server-sent events",
  description: ABOUT,
  request: {
    query: queryOf({
      ...MARKET_FILTERS,
      lastEventId: PLACE.openapi({
        description:
          "As the header Last-Event-ID, for those who cannot set one; the header counts.",
      }),
    }),
    headers: z.object({
      "last-event-id": PLACE.openapi({
        description: "Go on after this event, as its `id` names it; without it, from now on.",
      }),
    }),
  },
  responses: responsesOf("Events, without end", {
    "text/event-stream": { schema: eventSchema, example: EXAMPLE },
  }, [400, 401, 429, 503]),
});

/** Adds the route. */
export function routeStream(
  app: OpenAPIHono,
  deps: StreamDeps,
  clientsMax = STREAM_CLIENTS_MAX,
): void {
  const hub = new StreamHub(deps);
  app.openapi(streamRoute, (c) => {
    const { lastEventId, ...filters } = given(c.req.valid("query"));
    const after = c.req.valid("header")["last-event-id"] || lastEventId || null;
    if (hub.clientCount >= clientsMax) {
      throw new RequestProblem(503, {
        detail: `${clientsMax} clients follow the statistics here already; try again later`,
        headers: { "retry-after": "30" },
      });
    }
    const headers = {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    };
    // A HEAD request has no reader: nobody would ever leave.
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    return c.body(hub.open(filters, after), 200, headers);
  });
}
