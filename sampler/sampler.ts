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
import type { Role } from "../ports/role.ts";
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
  const { clock, join } = deps;
  const { schedule } = config;
  if ("cron" in schedule) parseCron(schedule.cron);
  else if (!isTickMs(schedule.intervalMs) || schedule.intervalMs === 0) {
    throw new RangeError(`Interval of ${schedule.intervalMs} ms: must be whole seconds, 1 or more`);
  }
  const logger = getLogger(["data-tracker", "sampler"]);
  const { observe, observeMissed } = samplerMetrics(deps.registry);
  const tasks = deps.sources.map((source) =>
    // Each its own publisher: a source that renames its markets must not push out another's.
    new SourceTask(source, { ...deps, logger, observe, publisher: new Publisher(config) })
  );
  const group = samplersOf(deps.sources.map(({ name }) => name));
  const share = new SourceShare(deps.sources, config.partitionCount, takeOver);
  const stop = new AbortController();
  const ticks = new Set<Promise<unknown>>();
  let state: "made" | "running" | "ended" = "made";
  /** The last tick that fired in this process, whoever polled for it. */
  let lastTickMs = -Infinity;
  /** Ticks since the group, and the log with it, was lost. */
  let outTickCount = 0;

  async function tick(tickMs: number): Promise<void> {
    if (state === "ended" || tickMs === lastTickMs) return;
    lastTickMs = tickMs;
    if (share.isOut) {
      outTickCount++;
      observeMissed(1);
    }
    await poll(tasks.filter(({ source }) => join === undefined || share.has(source)), tickMs);
  }

  async function poll(tasks: readonly SourceTask[], tickMs: number): Promise<void> {
    const intervalMs = spacingMs(schedule, tickMs);
    const all = Promise.all(tasks.map((task) => task.tick(tickMs, intervalMs, stop.signal)));
    ticks.add(all);
    await all;
    ticks.delete(all);
  }

  /** The tick that fired while nobody had these sources, or its owner was dead already, is theirs, too. */
  function takeOver(sources: readonly MarketSource[]): void {
    logger.info("Polling {sources}", { sources: sources.map(({ name }) => name).join(", ") });
    if (outTickCount > 0) {
      const words = "{count} ticks were not polled here while this process was out of its group";
      logger.warn(words, { count: outTickCount });
      outTickCount = 0;
    }
    const ageMs = clock.nowMs() - lastTickMs;
    if (ageMs > TAKE_OVER_MAX_MS || ageMs > spacingMs(schedule, lastTickMs)) return;
    void poll(tasks.filter(({ source }) => sources.includes(source)), lastTickMs);
  }

  /** Ticks at the multiples of the interval; those missed (a machine asleep, say) are left out. */
  async function tickEvery(intervalMs: number, signal: AbortSignal): Promise<void> {
    let lastMs = alignDown(clock.nowMs(), intervalMs);
    while (!signal.aborted) {
      const waitMs = lastMs + intervalMs - clock.nowMs();
      await clock.sleep(Math.max(0, Math.min(intervalMs, waitMs)), signal);
      const tickMs = alignDown(clock.nowMs(), intervalMs);
      if (signal.aborted || tickMs === lastMs) continue;
      const missed = Math.round((tickMs - lastMs) / intervalMs) - 1;
      if (missed > 0) {
        logger.warn("{missed} ticks missed before {tickMs}", { missed, tickMs });
        observeMissed(missed);
      }
      lastMs = tickMs;
      void tick(tickMs);
    }
  }

  async function finish(): Promise<void> {
    const done = new AbortController();
    const rest = Promise.all(ticks).then(() => done.abort());
    await Promise.race([rest, clock.sleep(FINISH_MAX_MS, done.signal)]);
    stop.abort();
    await Promise.race([rest, clock.sleep(CUT_SHORT_MAX_MS, done.signal)]);
    done.abort();
  }

  return {
    name: "sampler",
    tick,
    async run(signal) {
      state = "running";
      try {
        await Promise.all(tasks.map((task) => task.load()));
        if (join !== undefined) {
          const words = "Sharing {sources} with other samplers: one polls, the others stand by";
          logger.info(words, { sources: deps.sources.map(({ name }) => name).join(", ") });
        }
        await Promise.all([
          "intervalMs" in schedule ? tickEvery(schedule.intervalMs, signal) : aborted(signal),
          join?.(group, (partition, revoked) => share.own(partition, revoked), signal),
        ]);
      } finally {
        state = "ended";
        await finish();
      }
    },
    health() {
      const problems = tasks.map((task) => task.problem).filter((problem) => problem !== null);
      return { ready: state === "running" && problems.length < tasks.length, problems };
    },
  };
}
