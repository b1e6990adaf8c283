/**
 * The sampler role: asks every source once a tick and publishes one sample per market (design §2, §3).
 *
 * In: market sources. Out: topics `samples` and `polls`.
 * Safe to run any number of times, even side by side: a market's tick is counted once (G6). Several
 * processes share the sources by a group, so that each is polled by one of them, within its budget.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import type { Clock, Random } from "../ports/clock.ts";
import type { MarketSource } from "../ports/market_source.ts";
import type { Role, RoleHealth } from "../ports/role.ts";
import type { StateStore } from "../ports/state_store.ts";
import type { TopicLog } from "../ports/topic_log.ts";
import { aborted } from "../signals.ts";
import { isTickMs } from "../stats/sample.ts";
import { samplersOf } from "../topology.ts";
import { samplerMetrics } from "./metrics.ts";
import { Publisher } from "./publication.ts";
import { alignDown, parseCron, type Schedule, spacingMs } from "./schedule.ts";
import { SourceShare } from "./source_share.ts";
import { SourceTask } from "./source_task.ts";

/**
 * A tick this old, in ms, is not polled for any more by who takes a source over: the session of a
 * dead owner and a rebalance, by default, take less.
 */
const TAKE_OVER_MAX_MS = 15_000;
/** How long running ticks may still take after the signal, in ms, before they are cut short… */
const FINISH_MAX_MS = 2_500;
/** …and until they are left, together well within the 8 s of a shutdown. */
const CUT_SHORT_MAX_MS = 1_500;

/** What the sampler works with. */
export interface SamplerDeps {
  log: Pick<TopicLog, "append">;
  sources: readonly MarketSource[];
  /** Keeps the sources' budgets over restarts. */
  state: StateStore;
  /** The processes that share the sources, as {@link TopicLog.join}; without it this one polls all. */
  join?: TopicLog["join"];
  clock: Clock;
  random: Random;
  registry: Registry;
}

/** How the sampler works. */
export interface SamplerConfig {
  /** Of `samples`. */
  partitionCount: number;
  /** With `cron`, whoever registers it with Deno.cron calls `tick`; with `intervalMs` the role does. */
  schedule: Schedule;
  zeroPrices: "skip" | "keep";
}

/** The role, and its tick. */
export interface Sampler extends Role {
  /**
   * Polls all sources for the tick at `tickMs` ({@link tickOfFiring} makes it of a cron firing) and
   * publishes what they bring. Never rejects; nothing happens after the role has ended.
   */
  tick(tickMs: number): Promise<void>;
}

/**
 * Makes the role.
 *
 * @throws {RangeError} Where the schedule is none.
 */
export function createSampler(deps: SamplerDeps, config: SamplerConfig): Sampler {
  const { schedule } = config;
  if ("cron" in schedule) parseCron(schedule.cron);
  else if (!isTickMs(schedule.intervalMs) || schedule.intervalMs === 0) {
    throw new RangeError(`Interval of ${schedule.intervalMs} ms: must be whole seconds, 1 or more`);
  }
  return new SamplerRole(deps, config);
}

class SamplerRole implements Sampler {
  readonly name = "sampler";
  readonly #logger = getLogger(["data-tracker", "sampler"]);
  readonly #observeMissed: (count: number) => void;
  readonly #tasks: readonly SourceTask[];
  readonly #share: SourceShare;
  readonly #stop = new AbortController();
  readonly #ticks = new Set<Promise<unknown>>();
  #state: "made" | "running" | "ended" = "made";
  /** The last tick that fired in this process, whoever polled for it. */
  #lastTickMs = -Infinity;
  /** Ticks since the group, and the log with it, was lost. */
  #outTickCount = 0;

  constructor(private readonly deps: SamplerDeps, private readonly config: SamplerConfig) {
    const { observe, observeMissed } = samplerMetrics(deps.registry);
    this.#observeMissed = observeMissed;
    this.#tasks = deps.sources.map((source) => {
      // Each its own: a source that renames its markets must not push out another's.
      const publisher = new Publisher(config);
      return new SourceTask(source, { ...deps, logger: this.#logger, observe, publisher });
    });
    const takeOver = (sources: readonly MarketSource[]) => this.#takeOver(sources);
    this.#share = new SourceShare(deps.sources, config.partitionCount, takeOver);
  }

  async tick(tickMs: number): Promise<void> {
    if (this.#state === "ended" || tickMs === this.#lastTickMs) return;
    this.#lastTickMs = tickMs;
    if (this.#share.isOut) {
      this.#outTickCount++;
      this.#observeMissed(1);
    }
    const isAlone = this.deps.join === undefined;
    await this.#poll((source) => isAlone || this.#share.has(source), tickMs);
  }

  async run(signal: AbortSignal): Promise<void> {
    this.#state = "running";
    const { sources, join } = this.deps;
    const { schedule } = this.config;
    try {
      await Promise.all(this.#tasks.map((task) => task.load()));
      if (join !== undefined) {
        const words = "Sharing {sources} with other samplers: one polls, the others stand by";
        this.#logger.info(words, { sources: namesOf(sources).join(", ") });
      }
      const group = samplersOf(namesOf(sources));
      await Promise.all([
        "intervalMs" in schedule ? this.#tickEvery(schedule.intervalMs, signal) : aborted(signal),
        join?.(group, (partition, revoked) => this.#share.own(partition, revoked), signal),
      ]);
    } finally {
      this.#state = "ended";
      await this.#finish();
    }
  }

  health(): RoleHealth {
    const problems = this.#tasks.map(({ problem }) => problem).filter((problem) =>
      problem !== null
    );
    const ready = this.#state === "running" && problems.length < this.#tasks.length;
    return { ready, problems };
  }

  async #poll(isOurs: (source: MarketSource) => boolean, tickMs: number): Promise<void> {
    const intervalMs = spacingMs(this.config.schedule, tickMs);
    const tasks = this.#tasks.filter(({ source }) => isOurs(source));
    const all = Promise.all(tasks.map((task) => task.tick(tickMs, intervalMs, this.#stop.signal)));
    this.#ticks.add(all);
    await all;
    this.#ticks.delete(all);
  }

  /** The tick that fired while nobody had these sources, or its owner was dead already, is theirs, too. */
  #takeOver(sources: readonly MarketSource[]): void {
    this.#logger.info("Polling {sources}", { sources: namesOf(sources).join(", ") });
    if (this.#outTickCount > 0) {
      const words = "{count} ticks were not polled here while this process was out of its group";
      this.#logger.warn(words, { count: this.#outTickCount });
      this.#outTickCount = 0;
    }
    const ageMs = this.deps.clock.nowMs() - this.#lastTickMs;
    if (ageMs > TAKE_OVER_MAX_MS) return;
    if (ageMs > spacingMs(this.config.schedule, this.#lastTickMs)) return;
    void this.#poll((source) => sources.includes(source), this.#lastTickMs);
  }

  /** Ticks at the multiples of the interval; those missed (a machine asleep, say) are left out. */
  async #tickEvery(intervalMs: number, signal: AbortSignal): Promise<void> {
    const { clock } = this.deps;
    let lastMs = alignDown(clock.nowMs(), intervalMs);
    while (!signal.aborted) {
      const waitMs = lastMs + intervalMs - clock.nowMs();
      await clock.sleep(Math.max(0, Math.min(intervalMs, waitMs)), signal);
      const tickMs = alignDown(clock.nowMs(), intervalMs);
      if (signal.aborted || tickMs === lastMs) continue;
      const missed = Math.round((tickMs - lastMs) / intervalMs) - 1;
      if (missed > 0) {
        this.#logger.warn("{missed} ticks missed before {tickMs}", { missed, tickMs });
        this.#observeMissed(missed);
      }
      lastMs = tickMs;
      void this.tick(tickMs);
    }
  }

  async #finish(): Promise<void> {
    const { clock } = this.deps;
    const done = new AbortController();
    const rest = Promise.all(this.#ticks).then(() => done.abort());
    await Promise.race([rest, clock.sleep(FINISH_MAX_MS, done.signal)]);
    this.#stop.abort();
    await Promise.race([rest, clock.sleep(CUT_SHORT_MAX_MS, done.signal)]);
    done.abort();
  }
}

function namesOf(sources: readonly MarketSource[]): string[] {
  return sources.map(({ name }) => name);
}
