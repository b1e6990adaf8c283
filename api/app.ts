/**
 * The API as a plain fetch handler: requests in, the store's rows out as JSON. It holds no state of
 * its own, so any number of processes may run it.
 *
 * @module
 */
import { OpenAPIHono } from "@hono/zod-openapi";
import { getLogger } from "@logtape/logtape";
import type { Context, Hono } from "hono";
import { cors } from "hono/cors";
import { timeout } from "hono/timeout";
import type { Clock } from "../ports/clock.ts";
import type { CoverageQueries } from "../ports/coverage_queries.ts";
import type { NotificationQueries } from "../ports/notification_queries.ts";
import type { StatisticsChanges } from "../ports/statistics_changes.ts";
import {
  type StatisticsQueries,
  StoreBusyError,
  StoreUnavailableError,
} from "../ports/statistics_store.ts";
import { type AccessConfig, guardingMessages, identifying, requiringToken } from "./access.ts";
import { type AggregateConfig, routeAggregate } from "./aggregate.ts";
import { routeCoverage } from "./coverage.ts";
import { guard, requestMetric } from "./guard.ts";
import { routeMarkets } from "./markets.ts";
import { routeMessages } from "./messages.ts";
import { routeNotifications } from "./notifications.ts";
import { apiDocument } from "./openapi.ts";
import { type OperationDeps, routeOperation } from "./operation.ts";
import { routePage } from "./page.ts";
import { routePolls } from "./polls.ts";
import { problem, refuseInvalid, RequestProblem } from "./problem.ts";
import { limitingRate } from "./rate_limit.ts";
import { limitingReads } from "./reads.ts";
import { createStreams } from "./row_stream.ts";
import { routeSources } from "./sources.ts";
import { routeStatistics, type StatisticsDeps } from "./statistics.ts";
import { routeStream, STREAM_CLIENTS_MAX } from "./stream.ts";
import { routeTopics, type Topics } from "./topics.ts";
import { validation } from "./validation.ts";

/** What the API needs. */
export interface ApiDeps extends OperationDeps, StatisticsDeps {
  queries: StatisticsQueries & StatisticsChanges & CoverageQueries & NotificationQueries;
  clock: Clock;
  /** Ends all live streams when it aborts. */
  stop?: AbortSignal;
  /** The log, where this process has one. */
  topics?: Topics;
}

/** How the API behaves. */
export interface ApiConfig extends AccessConfig, AggregateConfig {
  /** `token`: nobody reads messages of topics without one, even if there are none. */
  topicMessages: "open" | "token";
  /** Requests that one client may make in a minute; 0: any number. */
  rateLimitPerMinute: number;
  /** Origins whose pages may read the API; `*` for all. */
  corsOrigins: readonly string[];
  /** Longest time that an answer may take, in ms; {@link REQUEST_TIME_MAX_MS} unless given. */
  requestTimeMaxMs?: number;
  /** Most answers that are read at once; 64 unless given. */
  readCountMax?: number;
  /** Most clients that follow the statistics live; {@link STREAM_CLIENTS_MAX} unless given. */
  streamClientsMax?: number;
}

/** Longest time that an answer may take: whoever waits longer has given up. */
export const REQUEST_TIME_MAX_MS = 10_000;

/** How often it is told that the store is away, in ms: every request meets it. */
const STORE_REMINDER_INTERVAL_MS = 60_000;

const ALLOW = "GET, HEAD";
const logger = getLogger(["data-tracker", "api"]);

/** What pages of other origins may read of an answer, besides what they always may. */
const EXPOSED_HEADERS = ["ETag", "Retry-After", "RateLimit", "RateLimit-Policy"];

/** Makes the API: call its `fetch` with a request, or in a test its `request` with a path. */
export function createApi(deps: ApiDeps, config: ApiConfig): Hono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  protect(app, deps, config);

  routeMarkets(app, deps.queries);
  routeStatistics(app, deps, config);
  routeAggregate(app, deps, config);
  const { queries: changes, clock, stop = new AbortController().signal } = deps;
  routeStream(app, { changes, clock, stop }, config.streamClientsMax ?? STREAM_CLIENTS_MAX);
  routeNotifications(app, deps.queries);
  routeSources(app, deps.queries);
  routePolls(app, deps.queries);
  routeCoverage(app, deps, config.windowSizeMs);
  routeTopics(app, deps.topics);
  routeMessages(app, deps.topics);
  routePage(app);
  routeOperation(app, deps);
  const document = JSON.stringify(apiDocument(app, deps.version));
  app.get("/openapi.json", (c) => c.body(document, 200, { "content-type": "application/json" }));
  close(
    app,
    (c) => problem(c, 404, { detail: `There is no ${c.req.path}: /openapi.json has all there is` }),
  );
  return app;
}

/** What a request passes on its way to a route, in this order. */
function protect(app: OpenAPIHono, { registry, clock }: ApiDeps, config: ApiConfig): void {
  app.use(guard(requestMetric(registry)));
  if (config.corsOrigins.length > 0) {
    const origin = config.corsOrigins.includes("*") ? "*" : [...config.corsOrigins];
    app.use(cors({ origin, allowMethods: ["GET", "HEAD"], exposeHeaders: EXPOSED_HEADERS }));
  }
  // Before a token is asked for: who guesses tokens is limited, too.
  app.use(identifying(config), limitingRate(config.rateLimitPerMinute, clock));
  app.use(requiringToken(config));
  app.use("/v1/topics/:topic/messages", guardingMessages(config));
  app.use(validation(clock, config.apiTokens.length > 0));
  const streams = createStreams();
  app.use("/v1/*", async (c, next) => {
    c.set("streams", streams);
    await next();
  });
  app.use("/v1/*", timeout(config.requestTimeMaxMs ?? REQUEST_TIME_MAX_MS, timedOut));
  app.use("/v1/*", limitingReads(config.readCountMax));
}

/**
 * Makes what a process without the API, or before it is ready, answers: `/healthz`, `/readyz`,
 * `/metrics` and `/`.
 *
 * @param isApiComing Whether the rest of the API is here at other times.
 */
export function createOperation(
  deps: OperationDeps,
  config: AccessConfig,
  isApiComing: boolean,
): Hono {
  const app = new OpenAPIHono({ defaultHook: refuseInvalid });
  app.use(guard(() => {}));
  app.use(identifying(config), requiringToken(config));
  routeOperation(app, deps);
  close(app, (c) => {
    if (!isApiComing) {
      const detail = `There is no ${c.req.path}: this process does not run the API; / has all`;
      return problem(c, 404, { detail });
    }
    const detail = "The API is starting or stopping; /readyz says why";
    return problem(c, 503, { detail, headers: { "retry-after": "2" } });
  });
  return app;
}

/** What every app ends with: other methods, other paths, errors. */
function close(app: OpenAPIHono, notFound: (c: Context) => Response): void {
  for (const path of new Set(app.routes.filter((r) => r.method === "GET").map((r) => r.path))) {
    app.all(path, methodNotAllowed);
  }
  app.notFound(notFound);
  app.onError(answeringErrors());
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

function answeringErrors(): (error: Error, c: Context) => Response {
  let saidMs = -Infinity;
  return (error, c) => {
    if (error instanceof RequestProblem) return problem(c, error.status, error.options);
    if (error instanceof StoreBusyError) {
      const detail = "The store is busy: ask again later, or for less at once";
      return problem(c, 503, { detail, headers: { "retry-after": "5" } });
    }
    if (error instanceof StoreUnavailableError) {
      if (performance.now() - saidMs >= STORE_REMINDER_INTERVAL_MS) {
        saidMs = performance.now();
        const words = "The store is away: {problem}; requests are answered with 503";
        logger.warn(words, { problem: error.message });
      }
      const detail = "The statistics cannot be read now; /readyz says why. Try again later";
      return problem(c, 503, { detail, headers: { "retry-after": "5" } });
    }
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
  };
}
