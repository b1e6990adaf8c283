/**
 * Which brokers are away, said once, and again every minute for as long as nothing is heard.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { formatDuration } from "../../config/duration.ts";

/** How often an outage is told again, in ms. */
const REMINDER_INTERVAL_MS = 60_000;
/** What passes within this time, in ms, is not worth a word: a broker that starts needs some of it. */
const QUIET_MS = 20_000;
/** So long, in ms, all brokers are silent before whoever needs them is not ready. */
const AWAY_MIN_MS = 5_000;
/** Longer than a request to a silent broker takes, in ms: whoever needs a lost broker has missed it within this time. */
const FORGOTTEN_MS = 15_000;

const log = getLogger(["data-tracker", "kafka"]);

/** What several connections to one cluster know of its brokers together. */
export class Reachability {
  /** How often the cluster answered again after a loss. */
  reconnectionCount = 0;
  /** Whether it has ever been reached: what is refused later is the brokers' trouble, not the configuration's. */
  wasReached = false;
  readonly #lost = new Set<string>();
  readonly #saidMs = new Map<string, number>();
  readonly #nowMs: () => number;
  #sinceMs = 0;
  #answeredMs = 0;
  #lastMs = 0;

  /** @param nowMs The clock, in ms. */
  constructor(nowMs: () => number = Date.now) {
    this.#nowMs = nowMs;
  }

  /** Whether no broker is known to be away. */
  get isConnected(): boolean {
    return this.wasReached && this.#lost.size === 0;
  }

  /** That no broker answers, in words; `null` while one does: then the others' work is its own. */
  get problem(): string | null {
    const silentMs = this.#nowMs() - Math.max(this.#answeredMs, this.#sinceMs);
    if (this.#lost.size === 0 || silentMs < AWAY_MIN_MS) return null;
    return `Kafka has not answered for ${wholeSeconds(silentMs)} (${[...this.#lost].join(", ")})`;
  }

  /** A broker's connection failed. */
  lost(broker: string, reason: string): void {
    const nowMs = this.#nowMs();
    if (this.#lost.size === 0) this.#sinceMs = nowMs;
    this.#lastMs = nowMs;
    if (!this.#lost.has(broker)) {
      this.#lost.add(broker);
      this.#saidMs.set(broker, nowMs);
      log.warning("Lost {broker}: {reason}; trying again", { broker, reason });
    } else if (nowMs - this.#saidMs.get(broker)! >= REMINDER_INTERVAL_MS) {
      for (const one of this.#lost) this.#saidMs.set(one, nowMs);
      const duration = wholeSeconds(nowMs - this.#sinceMs);
      log.warning("Kafka has been away for {duration} ({broker}: {reason}); trying again", {
        duration,
        broker,
        reason,
      });
    }
  }

  /**
   * Something was done.
   *
   * @param wasLost Whether it could not be done before, for the loss of a broker. Other successes tell
   * nothing of that broker, unless nobody has missed it for a while.
   */
  answered(wasLost: boolean): void {
    this.#answeredMs = this.#nowMs();
    if (this.#lost.size === 0) return;
    if (!wasLost && this.#nowMs() - this.#lastMs < FORGOTTEN_MS) return;
    this.#lost.clear();
    this.reconnectionCount++;
    const duration = wholeSeconds(this.#nowMs() - this.#sinceMs);
    log.info("Kafka answers again, after {duration}", { duration });
  }

  /** An action has to wait, since `sinceMs`, for what is no connection's fault. */
  waiting(action: string, reason: string, sinceMs: number): void {
    const nowMs = this.#nowMs();
    if (nowMs - sinceMs < QUIET_MS) return;
    if (nowMs - (this.#saidMs.get(reason) ?? -Infinity) < REMINDER_INTERVAL_MS) return;
    this.#saidMs.set(reason, nowMs);
    const duration = wholeSeconds(nowMs - sinceMs);
    log.warning("Kafka: {action} has waited for {duration}: {reason}; trying again", {
      action,
      duration,
      reason,
    });
  }
}

function wholeSeconds(durationMs: number): string {
  return formatDuration(Math.round(durationMs / 1_000) * 1_000);
}
