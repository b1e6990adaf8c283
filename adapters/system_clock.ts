/**
 * The machine's own time and chance.
 *
 * @module
 */
import type { Clock, Random } from "../ports/clock.ts";

/** The machine's clock. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  sleep(durationMs, signal) {
    if (signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, durationMs);
      signal?.addEventListener("abort", done, { once: true });
    });
  },
};

/** The machine's chance. */
export const systemRandom: Random = {
  fraction: () => Math.random(),
  id: () => crypto.randomUUID(),
};
