/**
 * The sampler role: asks every source once a tick and publishes one sample per market (design §2, §3).
 *
 * In: market sources. Out: topics `samples` and `polls`.
 * Safe to run any number of times, even side by side: a market's tick is counted once (G6).
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
import { isTickMs } from "../stats/sample.ts";
import { samplerMetrics } from "./metrics.ts";
import { Publisher } from "./publication.ts";
import { alignDown, parseCron, type Schedule, spacingMs } from "./schedule.ts";
import { SourceTask } from "./source_task.ts";

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
  const { clock } = deps;
  const { schedule } = config;
  if ("cron" in schedule) parseCron(schedule.cron);
  else if (!isTickMs(schedule.intervalMs) || schedule.intervalMs === 0) {
    throw new RangeError(`Interval of ${schedule.intervalMs} ms: must be whole seconds, 1 or more`);
  }
  const logger = getLogger(["data-tracker", "sampler"]);
  const observe = samplerMetrics(deps.registry);
  const tasks = deps.sources.map((source) =>
    // Each its own publisher: a source that renames its markets must not push out another's.
    new SourceTask(source, { ...deps, logger, observe, publisher: new Publisher(config) })
  );
  const stop = new AbortController();
  const ticks = new Set<Promise<unknown>>();
  let state: "made" | "running" | "ended" = "made";

  async function tick(tickMs: number): Promise<void> {
    if (state === "ended") return;
    const intervalMs = spacingMs(schedule, tickMs);
    const all = Promise.all(tasks.map((task) => task.tick(tickMs, intervalMs, stop.signal)));
    ticks.add(all);
    await all;
    ticks.delete(all);
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
      if (missed > 0) logger.warn("{missed} ticks missed before {tickMs}", { missed, tickMs });
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
        if ("intervalMs" in schedule) await tickEvery(schedule.intervalMs, signal);
        else await aborted(signal);
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

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
