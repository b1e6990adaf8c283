/**
 * One source, tick after tick: poll, publish, record the outcome. Never overlaps itself.
 *
 * In: the source's answers. Out: topics `samples` and `polls`. State: the pace, in the state store.
 * Safe to run twice for one tick: samples of a tick already counted are duplicates to the aggregator.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { encodePoll } from "../adapters/codecs/poll_codec.ts";
import { inWords } from "../errors.ts";
import type { Clock, Random } from "../ports/clock.ts";
import { type MarketSource, type Poll, SourceError } from "../ports/market_source.ts";
import type { StateStore } from "../ports/state_store.ts";
import type { PollRecord } from "../ports/statistics_store.ts";
import type { NewRecord, TopicLog } from "../ports/topic_log.ts";
import { TOPICS } from "../topology.ts";
import { holdReason, learn, type PacingState, type PollLesson, UNPACED } from "./pacing.ts";
import { decodePacing, encodePacing } from "./pacing_codec.ts";
import type { Publisher } from "./publication.ts";

/** First wait before publishing again, in ms: a broker's hiccup is over by then. */
const BACK_OFF_MIN_MS = 200;
/** Longest wait before publishing again, in ms. */
const BACK_OFF_MAX_MS = 5_000;
/** Tries of a `polls` record: it is of use later too, but must not hold up the next tick. */
const POLL_RECORD_TRIES_MAX = 3;

/** What a source's task works with. */
export interface SourceTaskDeps {
  log: Pick<TopicLog, "append">;
  state: StateStore;
  clock: Clock;
  random: Random;
  logger: Logger;
  publisher: Publisher;
  /** Told of every poll recorded. */
  observe: (poll: PollRecord) => void;
}

/** Nothing came of a tick. */
const NOTHING = {
  reason: null,
  marketCount: 0,
  entryCount: 0,
  zeroPriceCount: 0,
  leftOutCount: 0,
  malformedCount: 0,
  latencyMs: null,
};

/** The task of one source. */
export class SourceTask {
  #pacing: Promise<PacingState> | null = null;
  #runningMs: number | null = null;
  #lastMs: number | null = null;
  #last: PollRecord | null = null;

  constructor(readonly source: MarketSource, private readonly deps: SourceTaskDeps) {}

  /** What is wrong with the source now, in words; `null`: nothing. */
  get problem(): string | null {
    return this.#last?.outcome === "failed" ? `${this.source.name}: ${this.#last.reason}` : null;
  }

  /**
   * Reads the pace kept by an earlier run.
   *
   * @throws {Error} Where it cannot be read, or a newer program wrote it.
   */
  load(): Promise<PacingState> {
    return this.#pacing ??= this.#load();
  }

  /** One tick; never rejects. `signal` ends it early. */
  async tick(tickMs: number, intervalMs: number, signal: AbortSignal): Promise<void> {
    // Deno.cron may run a handler again.
    if (tickMs === this.#lastMs || tickMs === this.#runningMs) return;
    try {
      if (this.#runningMs !== null) {
        const since = new Date(this.#runningMs).toISOString();
        await this.#record(tickMs, "skipped", `the poll of ${since} is still running`, signal);
        return;
      }
      this.#runningMs = this.#lastMs = tickMs;
      try {
        await this.#run(tickMs, intervalMs, signal);
      } finally {
        this.#runningMs = null;
      }
    } catch (error) {
      this.deps.logger.error("{source}: tick lost: {problem}", {
        source: this.source.name,
        problem: inWords(error),
      });
    }
  }

  async #run(tickMs: number, intervalMs: number, signal: AbortSignal): Promise<void> {
    const pacing = await this.load();
    const held = holdReason(pacing, tickMs);
    if (held !== null) return this.#record(tickMs, "skipped", held, signal);

    const { clock } = this.deps;
    const startMs = clock.nowMs();
    let poll: Poll;
    try {
      poll = await this.source.poll(tickMs, signal);
    } catch (error) {
      if (signal.aborted) {
        return this.#record(tickMs, "skipped", "stopped before the source answered", signal);
      }
      const told = error instanceof SourceError ? error : null;
      const outcome = told?.kind === "refused" ? "refused" : "failed";
      const { budget = null, retryAtMs = null } = told ?? {};
      await this.#learn(pacing, { tickMs, intervalMs, outcome, budget, retryAtMs });
      return this.#record(tickMs, "failed", inWords(error), signal);
    }
    const { budget, observedMs } = poll;
    await this.#learn(pacing, { tickMs, intervalMs, outcome: "ok", budget, retryAtMs: null });
    await this.#publish(poll, { tickMs, intervalMs, observedMs }, observedMs - startMs, signal);
  }

  async #publish(
    poll: Poll,
    times: { tickMs: number; intervalMs: number; observedMs: number },
    latencyMs: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { tickMs, intervalMs } = times;
    const made = this.deps.publisher.recordsOf(poll.quotes, times);
    const counts = {
      entryCount: poll.entryCount,
      zeroPriceCount: made.zeroPriceCount,
      leftOutCount: poll.leftOutCount + made.repeatedCount,
      malformedCount: poll.malformed.count + made.malformedCount,
      latencyMs,
    };
    if (counts.malformedCount > 0 && counts.malformedCount !== this.#last?.malformedCount) {
      this.deps.logger.warn("{source}: {count} entries could not be understood: {examples}", {
        source: this.source.name,
        count: counts.malformedCount,
        examples: [...poll.malformed.examples, ...made.examples],
      });
    }
    try {
      // After its interval the next tick's prices matter more.
      await this.#append(made.records, tickMs + intervalMs, Infinity, signal);
    } catch (error) {
      return this.#record(tickMs, "failed", `not published: ${inWords(error)}`, signal, counts);
    }
    const { length: marketCount } = made.records;
    await this.#record(tickMs, "ok", null, signal, { ...counts, marketCount });
  }

  /** Appends, again and again until `untilMs`: what a failed try may have appended is a duplicate. */
  async #append(
    records: readonly NewRecord[],
    untilMs: number,
    triesMax: number,
    signal: AbortSignal,
  ): Promise<void> {
    if (records.length === 0) return;
    const { log, clock, random, logger } = this.deps;
    for (let tries = 1;; tries++) {
      try {
        return await log.append(records);
      } catch (error) {
        const backOffMs = Math.min(BACK_OFF_MAX_MS, BACK_OFF_MIN_MS * 2 ** (tries - 1));
        const waitMs = backOffMs * (0.5 + random.fraction() / 2);
        if (signal.aborted || tries >= triesMax || clock.nowMs() + waitMs >= untilMs) throw error;
        logger.warn("{source}: publishing failed, trying again in {waitMs} ms: {problem}", {
          source: this.source.name,
          waitMs: Math.round(waitMs),
          problem: inWords(error),
        });
        await clock.sleep(waitMs, signal);
      }
    }
  }

  async #record(
    tickMs: number,
    outcome: PollRecord["outcome"],
    reason: string | null,
    signal: AbortSignal,
    counts: Partial<PollRecord> = {},
  ): Promise<void> {
    const { name: source } = this.source;
    const { budget } = await this.load();
    const record = { source, tickMs, outcome, ...NOTHING, ...counts, reason, budget };
    this.#log(record);
    this.#last = record;
    this.deps.observe(record);
    const value = encodePoll(record);
    const records = [{ topic: TOPICS.polls, partition: 0, key: source, value }];
    try {
      await this.#append(records, Infinity, POLL_RECORD_TRIES_MAX, signal);
    } catch (error) {
      const tick = new Date(tickMs).toISOString();
      const problem = inWords(error);
      const words = "{source}: what came of tick {tick} ({outcome}) was not recorded: {problem}";
      this.deps.logger.warn(words, { source, tick, outcome, problem });
    }
  }

  /** Once per change: a source that is down for a night is two lines, not hundreds. */
  #log(poll: PollRecord): void {
    const { logger } = this.deps;
    const { source, reason, marketCount, zeroPriceCount, latencyMs } = poll;
    if (poll.outcome === "failed") {
      const again = this.#last?.outcome === "failed" && this.#last.reason === reason;
      logger[again ? "debug" : "warn"]("{source}: {reason}", { source, reason });
    } else if (poll.outcome === "skipped") {
      logger.debug("{source}: skipped: {reason}", { source, reason });
    } else {
      const news = this.#last === null || this.#last.outcome === "failed";
      logger[news ? "info" : "debug"](
        "{source}: {marketCount} markets, {zeroPriceCount} zero prices left out ({latencyMs} ms)",
        { source, marketCount, zeroPriceCount, latencyMs },
      );
    }
  }

  async #learn(pacing: PacingState, lesson: PollLesson): Promise<void> {
    const next = learn(pacing, lesson);
    this.#pacing = Promise.resolve(next);
    if (next.budget === null && next.dueMs === 0 && pacing.dueMs === 0) return;
    try {
      await this.deps.state.write(this.#stateName, encodePacing(next));
    } catch (error) {
      this.deps.logger.warn("{source}: its budget will be forgotten at a restart: {problem}", {
        source: this.source.name,
        problem: inWords(error),
      });
    }
  }

  async #load(): Promise<PacingState> {
    const text = await this.deps.state.read(this.#stateName);
    if (text === null) return UNPACED;
    let state: PacingState | null;
    try {
      state = decodePacing(text);
    } catch (cause) {
      throw new Error(`${this.#stateName}: the kept budget cannot be used`, { cause });
    }
    if (state !== null) return state;
    this.deps.logger.warn("{source}: the kept budget is damaged and was left", {
      source: this.source.name,
    });
    return UNPACED;
  }

  get #stateName(): string {
    return `sampler-${this.source.name}`;
  }
}
