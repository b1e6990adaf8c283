/**
 * Bounds how long an answer may take, and tells who works at it when nobody waits for it any more.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { RequestProblem } from "./problem.ts";

declare module "hono" {
  interface ContextVariableMap {
    /** Aborts when the time is up or the client has gone; its reason is a {@link RequestProblem}. */
    signal: AbortSignal;
  }
}

/** Answers 503 in the place of what takes longer than this, in ms. */
export function limitingTime(timeMaxMs: number): MiddlewareHandler {
  return async (c, next) => {
    const ending = new AbortController();
    const { signal: connection } = c.req.raw;
    connection.addEventListener("abort", () => ending.abort(clientGone()), {
      signal: ending.signal,
    });
    c.set("signal", ending.signal);
    const { promise: late, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const problem = timedOut();
      // What is read for the answer ends later than this: the order of these two matters.
      reject(problem);
      ending.abort(problem);
    }, timeMaxMs);
    try {
      await Promise.race([next(), late]);
    } finally {
      clearTimeout(timer);
    }
  };
}

function timedOut(): RequestProblem {
  return new RequestProblem(503, {
    detail: "The answer took too long: ask for less at once, by filters, times or limit",
    headers: { "retry-after": "10" },
  });
}

/** Nobody reads it. */
function clientGone(): RequestProblem {
  return new RequestProblem(503, { detail: "The client has gone" });
}
