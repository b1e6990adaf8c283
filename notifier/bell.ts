/**
 * Waiting for time to pass, or for somebody to say that something has changed.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import { aborted } from "../signals.ts";

/** Longest sleep at once, in ms: timers of 2³¹ ms and more go off at once. */
const SLEEP_MAX_MS = 24 * 3_600_000;

/** Whoever waits goes on when it rings; with nobody waiting it is not heard. */
export class Bell {
  #ringing = new AbortController();

  /** Wakes all that wait. */
  ring(): void {
    const before = this.#ringing;
    this.#ringing = new AbortController();
    before.abort();
  }

  /** Resolves when it rings, after `durationMs` (`null`: however long) or sooner, or when `signal` aborts. */
  async wait(clock: Clock, durationMs: number | null, signal: AbortSignal): Promise<void> {
    const either = AbortSignal.any([this.#ringing.signal, signal]);
    if (durationMs === null) await aborted(either);
    else await clock.sleep(Math.min(durationMs, SLEEP_MAX_MS), either);
  }
}
