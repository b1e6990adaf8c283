/**
 * What the writer does while its store is away: it waits, says so, and tries again, for as long as it
 * takes. One for all partitions, so that what is wrong with the store is told once.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import type { Clock, Random } from "../ports/clock.ts";
import { StoreUnavailableError } from "../ports/statistics_store.ts";

/** First pause after a failure, in ms: a connection that was cut is there again by then. */
const PAUSE_MIN_MS = 50;
/** Longest pause, in ms: what an operator repaired is taken up again this soon. */
const PAUSE_MAX_MS = 5_000;
/** How often the waiting is told again, in ms. */
const REMINDER_INTERVAL_MS = 60_000;

/** What an outage works with. */
export interface StoreOutageDeps {
  clock: Clock;
  random: Random;
  logger: Logger;
  /** Told after each failure how long the store has been away, in ms, and `null` once it is there again. */
  observe(awayMs: number | null): void;
}

/** Whether the store is away. */
export class StoreOutage {
  #problem: string | null = null;
  #beganMs = 0;
  #saidMs = 0;
  /** When the store last took something. */
  #tookMs = -Infinity;

  constructor(private readonly deps: StoreOutageDeps) {}

  /** What keeps the store from working, in words for an operator; `null`: nothing. */
  get problem(): string | null {
    return this.#problem;
  }

  /**
   * Does `work` again and again until the store is there for it. What is under way when `signal` aborts
   * is waited for: whoever cannot wait abandons it.
   *
   * @returns What it gave; `null` where `signal` aborted first: whether it was done, nobody knows then.
   * @throws What `work` throws, but for {@link StoreUnavailableError}.
   */
  async through<T>(work: () => Promise<T>, signal: AbortSignal): Promise<{ value: T } | null> {
    const { clock, random } = this.deps;
    for (let attempt = 0; attempt === 0 || !signal.aborted; attempt++) {
      const startedMs = clock.nowMs();
      try {
        const value = await work();
        this.#ended();
        return { value };
      } catch (error) {
        if (!(error instanceof StoreUnavailableError)) throw error;
        this.#failed(error.message, startedMs);
      }
      const pauseMs = Math.min(PAUSE_MAX_MS, PAUSE_MIN_MS * 2 ** attempt);
      await clock.sleep(pauseMs * (0.5 + random.fraction() / 2), signal);
    }
    return null;
  }

  #failed(problem: string, startedMs: number): void {
    const { clock, logger, observe } = this.deps;
    // Another partition's work has gone through since this one's began.
    if (startedMs < this.#tookMs) return;
    const nowMs = clock.nowMs();
    if (this.#problem === null) {
      this.#beganMs = startedMs;
      this.#saidMs = nowMs;
      logger.warn("The store is away: {problem}; waiting for it, nothing is lost", { problem });
    } else if (nowMs - this.#saidMs >= REMINDER_INTERVAL_MS) {
      this.#saidMs = nowMs;
      const seconds = Math.round((nowMs - this.#beganMs) / 1000);
      logger.warn("The store has been away for {seconds} s: {problem}", { seconds, problem });
    }
    this.#problem = problem;
    observe(nowMs - this.#beganMs);
  }

  #ended(): void {
    const { clock, logger, observe } = this.deps;
    this.#tookMs = clock.nowMs();
    if (this.#problem === null) return;
    this.#problem = null;
    observe(null);
    const seconds = Math.round((clock.nowMs() - this.#beganMs) / 1000);
    logger.info("The store is there again, after {seconds} s", { seconds });
  }
}
