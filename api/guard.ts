/**
 * What every request passes first, and what every answer bears.
 *
 * @module
 */
import type { Context, MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import { Histogram, type Registry } from "prom-client";
import { problem } from "./problem.ts";

/** Longest URL read, in characters: all parameters at their longest fit. Deno itself takes 64 kB of URL and headers. */
const URL_LENGTH_MAX = 8000;

/** Nothing here may be framed, embedded, sniffed or run; the data change, so a cache asks every time. */
export const HEADERS: readonly [string, string][] = [
  ["X-Content-Type-Options", "nosniff"],
  ["Cross-Origin-Resource-Policy", "same-origin"],
  ["Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'"],
  ["Referrer-Policy", "no-referrer"],
  ["Cache-Control", "no-cache"],
];

/** Told of every answer. */
export type Observe = (route: string, status: number, durationMs: number) => void;

/** Counts answers and their time in a registry, for {@link guard}. */
export function requestMetric(registry: Registry): Observe {
  const seconds = new Histogram({
    name: "data_tracker_api_request_seconds",
    help: "Time to answer a request",
    labelNames: ["route", "status"],
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [registry],
  });
  return (route, status, durationMs) => seconds.observe({ route, status }, durationMs / 1000);
}

/** Bounds a request's URL, refuses its body, and gives its answer the headers that all have. */
export function guard(observe: Observe): MiddlewareHandler {
  return async (c, next): Promise<Response | void> => {
    const startedMs = performance.now();
    for (const [name, value] of HEADERS) c.header(name, value);
    const refusal = refusalOf(c);
    if (refusal === null) await next();
    // The route's pattern, never the path: whoever asks for nonsense must not make new series.
    const status = refusal?.status ?? c.res.status;
    observe(routePath(c, -1), status, performance.now() - startedMs);
    if (refusal !== null) return refusal;
  };
}

function refusalOf(c: Context): Response | null {
  if (c.req.url.length > URL_LENGTH_MAX) {
    return problem(c, 414, { detail: `The URL is longer than ${URL_LENGTH_MAX} characters` });
  }
  if (hasBody(c)) return problem(c, 413, { detail: "No answer here takes a body: leave it out" });
  return null;
}

/** Whether what should be asked without a body has one. It is never read; other methods are refused anyway. */
function hasBody(c: Context): boolean {
  if (c.req.method !== "GET" && c.req.method !== "HEAD") return false;
  return (c.req.header("content-length") ?? "0") !== "0" ||
    c.req.header("transfer-encoding") !== undefined;
}
