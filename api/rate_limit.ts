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
import { RATE_WINDOW_MS, type Taken, TokenBuckets } from "./token_bucket.ts";

/** Clients remembered, some 100 bytes each: whoever has more addresses gets round any limit by address. */
const CLIENT_COUNT_MAX = 20_000;

/** What is asked by machines that watch, and must never be kept from it. */
const EXEMPT: ReadonlySet<string> = new Set(["/healthz", "/readyz", "/metrics"]);

/** What became of a request, and what its answer says of it. */
export type Counted = Taken & { rate: number; policy: string; left: string };

/** Counts what each client asks; `null` where any number is allowed. */
export type RateLimit = ((client: string) => Counted) | null;

/** Counts up to `rate` requests a minute of each client; 0: any number. */
export function createRateLimit(rate: number, clock: Pick<Clock, "nowMs">): RateLimit {
  if (rate === 0) return null;
  const buckets = new TokenBuckets({ rate, clientCountMax: CLIENT_COUNT_MAX });
  const policy = `"client";q=${rate};w=${RATE_WINDOW_MS / 1000}`;
  return (client) => {
    const taken = buckets.take(client, clock.nowMs());
    const left = `"client";r=${taken.remainingCount};t=${secondsOf(taken.fullInMs)}`;
    return { ...taken, rate, policy, left };
  };
}

/** Refuses what is asked beyond the limit. */
export function limitingRate(limit: RateLimit): MiddlewareHandler {
  if (limit === null) return (_, next) => next();
  return async (c, next) => {
    if (EXEMPT.has(c.req.path)) return await next();
    const counted = limit(clientOf(c));
    c.header("RateLimit-Policy", counted.policy);
    c.header("RateLimit", counted.left);
    if (!counted.isAllowed) {
      const seconds = Math.max(1, secondsOf(counted.retryInMs));
      throw new RequestProblem(429, {
        detail: `More than ${counted.rate} requests a minute: ask again in ${seconds} s, or for ` +
          "more at once, by limit or as NDJSON",
        headers: { "retry-after": `${seconds}` },
      });
    }
    await next();
  };
}

function secondsOf(durationMs: number): number {
  return Math.ceil(durationMs / 1000);
}
