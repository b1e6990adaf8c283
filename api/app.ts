/**
 * The API as a plain fetch handler: requests in, the store's rows out as JSON. It holds no state of
 * its own, so any number of processes may run it.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { getLogger } from "@logtape/logtape";
import type { Context, Hono, Next } from "hono";
import { cors } from "hono/cors";
import { routePath } from "hono/route";
import { timeout } from "hono/timeout";
import { Histogram, type Registry } from "prom-client";
import { routeMarkets } from "./markets.ts";
import { routeMessages } from "./messages.ts";
import { apiDocument } from "./openapi.ts";
import { type OperationDeps, routeOperation } from "./operation.ts";
import { problem, refuseInvalid, RequestProblem } from "./problem.ts";
import { routeSources } from "./sources.ts";
import { routeStatistics, type StatisticsDeps } from "./statistics.ts";
import { routeTopics, type Topics } from "./topics.ts";

/** What the API needs. */
export interface ApiDeps extends OperationDeps, StatisticsDeps {
  /** The log, where this process has one. */
  topics?: Topics;
}

/** How the API behaves. */
export interface ApiConfig {
  /** Origins whose pages may read the API; `*` for all. */
  corsOrigins: readonly string[];
  /** The size of a stored window, in ms. */
  windowSizeMs: number;
  /** Longest time that an answer may take, in ms; {@link REQUEST_TIME_MAX_MS} unless given. */
  requestTimeMaxMs?: number;
}

/** Longest time that an answer may take: whoever waits longer has given up. */
export const REQUEST_TIME_MAX_MS = 10_000;

/** Longest URL read, in characters: all parameters at their longest fit. */
const URL_LENGTH_MAX = 8000;

const ALLOW = "GET, HEAD";
const logger = getLogger(["data-tracker", "api"]);

/**
 * Nothing here may be framed, sniffed or run; the data change, so a cache asks every time. No route
 * reads a body, so nothing need bound one.
 */
const HEADERS: readonly [string, string][] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  ["Referrer-Policy", "no-referrer"],
  ["Cache-Control", "no-cache"],
];

/** Makes the API: call its `fetch` with a request, or in a test its `request` with a path. */
export function createApi(deps: ApiDeps, config: ApiConfig): Hono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  app.use(guard(deps.registry));
  if (config.corsOrigins.length > 0) {
    const origin = config.corsOrigins.includes("*") ? "*" : [...config.corsOrigins];
    app.use(cors({ origin, allowMethods: ["GET", "HEAD"] }));
  }
  app.use("/v1/*", timeout(config.requestTimeMaxMs ?? REQUEST_TIME_MAX_MS, timedOut));

  routeMarkets(app, deps.queries);
  routeStatistics(app, deps, config.windowSizeMs);
  routeSources(app, deps.queries);
  routeTopics(app, deps.topics);
  routeMessages(app, deps.topics);
  routeOperation(app, deps);
  const document = JSON.stringify(apiDocument(app, deps.version));
  app.get("/openapi.json", (c) => c.body(document, 200, { "content-type": "application/json" }));

  for (const path of new Set(app.routes.filter((r) => r.method === "GET").map((r) => r.path))) {
    app.all(path, methodNotAllowed);
  }
  app.notFound((c) =>
    problem(c, 404, { detail: `There is no ${c.req.path}: /openapi.json has all there is` })
  );
  app.onError(answerError);
  return app;
}

/** What every request passes first: its URL's length, the headers of its answer, its time. */
function guard(registry: Registry) {
  const seconds = new Histogram({
    name: "data_tracker_api_request_seconds",
    help: "Time to answer a request",
    labelNames: ["route", "status"],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [registry],
  });
  return async (c: Context, next: Next): Promise<Response | void> => {
    const startedMs = performance.now();
    for (const [name, value] of HEADERS) c.header(name, value);
    if (c.req.url.length > URL_LENGTH_MAX) {
      return problem(c, 414, { detail: `The URL is longer than ${URL_LENGTH_MAX} characters` });
    }
    await next();
    // The route's pattern, never the path: whoever asks for nonsense must not make new series.
    const labels = { route: routePath(c, -1), status: c.res.status };
    seconds.observe(labels, (performance.now() - startedMs) / 1000);
  };
}

function methodNotAllowed(c: Context): Response {
  const detail = `${c.req.method} is not possible here: only ${ALLOW}`;
  return problem(c, 405, { detail, headers: { allow: ALLOW } });
}

function timedOut(): RequestProblem {
  return new RequestProblem(503, {
    detail: "The answer took too long: ask for less at once, by filters, times or limit",
    headers: { "retry-after": "10" },
  });
}

function answerError(error: Error, c: Context): Response {
  if (error instanceof RequestProblem) return problem(c, error.status, error.options);
  const id = crypto.randomUUID();
  logger.error("Request {id} failed: {method} {path}: {message}", {
    id,
    method: c.req.method,
    path: c.req.path,
    message: error.message,
    error,
  });
  const detail = "The API failed to answer; its log says why, under the id in instance";
  return problem(c, 500, { detail, instance: `urn:uuid:${id}` });
}
