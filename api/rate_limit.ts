/**
 * Bounds how often one client asks, and tells it with every answer how much is left, by the header
 * fields of draft-ietf-httpapi-ratelimit-headers.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import type { Clock } from "../ports/clock.ts";
import { clientOf } from "./client.ts";
import { RequestProblem } from "./problem.ts";
import { RATE_WINDOW_MS, TokenBuckets } from "./token_bucket.ts";

/** Clients remembered, some 100 bytes each: whoever has more addresses gets round any limit by address. */
const CLIENT_COUNT_MAX = 20_000;

/** What is asked by machines that watch, and must never be kept from it. */
const EXEMPT: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/** Refuses what is asked beyond `rate` requests a minute; 0: nothing is. */
export function limitingRate(rate: number, clock: Pick<Clock, "nowMs">): MiddlewareHandler {
  if (rate === 0) return (_, next) => next();
  const buckets = new TokenBuckets({ rate, clientCountMax: CLIENT_COUNT_MAX });
  const policy = `"client";q=${rate};w=${RATE_WINDOW_MS / 1000}`;
  return async (c, next) => {
    if (EXEMPT.has(c.req.path)) return await next();
    const taken = buckets.take(clientOf(c), clock.nowMs());
    c.header("RateLimit-Policy", policy);
    c.header("RateLimit", `"client";r=${taken.remainingCount};t=${secondsOf(taken.fullInMs)}`);
    if (!taken.isAllowed) {
      const seconds = Math.max(1, secondsOf(taken.retryInMs));
      throw new RequestProblem(429, {
        detail: `More than ${rate} requests a minute: ask again in ${seconds} s, or for more at ` +
          "once, by limit or as NDJSON",
        headers: { "retry-after": `${seconds}` },
      });
    }
    await next();
  };
}

function secondsOf(durationMs: number): number {
  return Math.ceil(durationMs / 1000);
}
