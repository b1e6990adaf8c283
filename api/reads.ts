/**
 * Bounds how many answers are being read at once: what more there is would only wait, and fill memory.
 *
 * @module
 */
import type { MiddlewareHandler } from "hono";
import { RequestProblem } from "./problem.ts";
import { Slots } from "./slots.ts";

/** Eight times the connections of a Postgres store: a queue of some hundred ms. */
const READ_COUNT_MAX = 64;

/**
 * Refuses what would be one too many. A place is held until the reading has ended, though the time
 * limit may have answered for it: so it stands behind that.
 */
export function limitingReads(countMax = READ_COUNT_MAX): MiddlewareHandler {
  const slots = new Slots(countMax);
  return async (_, next) => {
    using slot = slots.take();
    if (slot === null) {
      throw new RequestProblem(503, {
        detail: `${countMax} answers are being read, as many as may be at once; ask again`,
        headers: { "retry-after": "1" },
      });
    }
    await next();
  };
}
