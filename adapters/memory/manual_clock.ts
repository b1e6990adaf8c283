/**
 * A clock for tests and simulations.
 *
 * @module
 */
import { setImmediate } from "node:timers";
import type { Clock, Random } from "../../ports/clock.ts";

/** Time that passes only when told to. */
export class ManualClock implements Clock {
  readonly #sleepers = new Set<{ atMs: number; wake: () => void }>();

  constructor(private timeMs: number) {}

  nowMs(): number {
    return this.timeMs;
  }

  sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      const sleeper = {
        atMs: this.timeMs + Math.max(1, durationMs),
        wake: () => {
          this.#sleepers.delete(sleeper);
          signal?.removeEventListener("abort", sleeper.wake);
          resolve();
        },
      };
      this.#sleepers.add(sleeper);
      signal?.addEventListener("abort", sleeper.wake, { once: true });
    });
  }

  /** Lets time pass up to `timeMs`, waking sleepers in the order of their times. */
  async advanceTo(timeMs: number): Promise<void> {
    await settle();
    for (;;) {
      let next: { atMs: number; wake: () => void } | undefined;
      for (const sleeper of this.#sleepers) {
        if (next === undefined || sleeper.atMs < next.atMs) next = sleeper;
      }
      if (next === undefined || next.atMs > timeMs) break;
      this.timeMs = Math.max(this.timeMs, next.atMs);
      next.wake();
      await settle();
    }
    this.timeMs = timeMs;
  }
}

/** Counts instead of chance. */
export function countingRandom(): Random {
  let count = 0;
  return { fraction: () => 0.5, id: () => `id${count++}` };
}

/** A macrotask, and no timer of at least a millisecond: every promise reaction that waits for no timer has run when it resolves. */
export function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
