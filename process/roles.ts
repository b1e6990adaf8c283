/**
 * The roles that a configuration names, on the engine it chose.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { createChannels } from "../adapters/channels/channels.ts";
import { createSources } from "../adapters/sources/sources.ts";
import { systemClock as clock, systemRandom as random } from "../adapters/system_clock.ts";
import { createAggregator } from "../aggregator/aggregator.ts";
import { createApiRole } from "../api/role.ts";
import type { Config, RoleName } from "../config.ts";
import { formatDuration } from "../config/duration.ts";
import { inWords } from "../errors.ts";
import { createNotifier } from "../notifier/notifier.ts";
import type { Engine } from "./engine.ts";
import { createMonitor } from "../monitor/monitor.ts";
import type { Role } from "../ports/role.ts";
import { StoreUnavailableError } from "../ports/statistics_store.ts";
import type { ProcessServer } from "./server.ts";
import { isReplayable, playHistory } from "../sampler/history.ts";
import { createSampler } from "../sampler/sampler.ts";
import { mergingDays } from "../writer/day_merging.ts";
import { createWriter } from "../writer/writer.ts";
import { VERSION } from "../version.ts";

const MINUTE_MS = 60_000;
/** What a fresh `deno task dev` has to show, in ms of simulated past. */
const PAST_MS = 24 * 60 * MINUTE_MS;
/** And no more ticks of it: with `INTERVAL=1s` a day would take minutes to play. */
const PAST_TICKS_MAX = 1_440;

/** Under which name the state store remembers whether the past was played whole. */
const PAST_STATE = "past";

/** How long a question for the health waits for the store, in ms: less than whoever asks does. */
const LOOK_MAX_MS = 2_000;

/** The roles of one process. */
export interface Roles {
  roles: readonly Role[];
  /** What Deno.cron calls at a tick; nothing where the sampler is not among the roles. */
  tick(tickMs: number): Promise<void>;
}

/** Makes the roles that `config.roles` names, each of what it needs of the engine alone. */
export async function createRoles(
  config: Config,
  engine: Engine,
  server: ProcessServer,
): Promise<Roles> {
  const sampling = config.roles.includes("sampler")
    ? await createSampling(config, engine, server)
    : null;
  const makers = makersOf(config, engine, server);
  const others = Object.keys(makers) as (keyof typeof makers)[];
  const roles = [
    ...(sampling === null ? [] : [sampling.role]),
    ...others.filter((name) => config.roles.includes(name)).map((name) => makers[name]()),
  ];
  const onLog = () => Promise.resolve(engine.logProblem === null ? [] : [engine.logProblem]);
  server.watch(roles, {
    ...{ sampler: onLog, aggregator: onLog, writer: onLog, monitor: onLog, notifier: onLog },
    api: storeProblems(engine),
  });
  return { roles, tick: async (tickMs) => await sampling?.tick(tickMs) };
}

/** How to make every role but the sampler. */
function makersOf(config: Config, engine: Engine, server: ProcessServer) {
  const { registry } = server;
  const shared = { clock, random, registry };
  return {
    aggregator: () => {
      const { log, windows } = engine;
      return createAggregator({ ...shared, log, windows }, config);
    },
    monitor: () => {
      const { log, watched: states } = engine;
      return createMonitor({ ...shared, log, states }, config);
    },
    writer: () => {
      const { log, store } = engine;
      return mergingDays(createWriter({ ...shared, log, sink: store }), { days: store, clock });
    },
    api: () => {
      const { store, logReader: log } = engine;
      return createApiRole({
        clock,
        server,
        queries: store,
        ...(log === null ? {} : { topics: { log, admin: log } }),
        health: server.health,
        registry,
        version: VERSION,
        simulated: config.sources.includes("simulated"),
      }, config);
    },
    notifier: () => {
      const { partitionCount, channels: policies } = config;
      const channels = createChannels(policies);
      return createNotifier({ ...shared, log: engine.log, channels }, { partitionCount, policies });
    },
  } satisfies Record<Exclude<RoleName, "sampler">, () => Role>;
}

/** The sampler, and before its first tick the past of a fresh `deno task dev`. */
async function createSampling(config: Config, engine: Engine, { registry }: ProcessServer) {
  const { log, state } = engine;
  const schedule = config.intervalMs === null
    ? { cron: config.schedule }
    : { intervalMs: config.intervalMs };
  const sources = createSources(config);
  const past = sources.find(isReplayable);
  // A first start that was cut short plays the past again: ticks that were counted are known.
  const isFresh = config.dev && past !== undefined &&
    (await engine.isEmpty() || await state.read(PAST_STATE) === "playing");
  let isPastPlayed = !isFresh;
  // The embedded log is one process's: there is nobody to share with.
  const sharing = config.kafka === null ? {} : { join: log.join.bind(log) };
  const deps = { clock, random, registry, log, sources, state, ...sharing };
  const sampler = createSampler(deps, { ...config, schedule });

  /** What comes after it in time must come after it in the log. */
  async function playPast(signal: AbortSignal): Promise<void> {
    const nowMs = clock.nowMs();
    const pastMs = Math.min(PAST_MS, PAST_TICKS_MAX * (config.intervalMs ?? MINUTE_MS));
    const range = { fromMs: nowMs - pastMs, toMs: nowMs + 1 };
    await state.write(PAST_STATE, "playing");
    const played = await playHistory(log, past!, { ...config, schedule, ...range }, signal);
    if (signal.aborted) return;
    await state.write(PAST_STATE, "played");
    const durationMs = clock.nowMs() - nowMs;
    getLogger(["data-tracker"]).info(
      "Played {past} of simulated past: {sampleCount} samples of {tickCount} ticks ({durationMs} ms)",
      { ...played, past: formatDuration(pastMs), durationMs },
    );
    isPastPlayed = true;
  }

  const role: Role = {
    name: sampler.name,
    health: () =>
      isPastPlayed
        ? sampler.health()
        : { ready: false, problems: ["its simulated past is being played"] },
    async run(signal) {
      if (isFresh) await playPast(signal);
      await sampler.run(signal);
    },
  };
  return {
    role,
    tick: async (tickMs: number) => {
      if (isPastPlayed) await sampler.tick(tickMs);
    },
  };
}

/** Tells what keeps the store from being read; only one look at a time, which nobody awaits for long. */
function storeProblems(engine: Pick<Engine, "store">): () => Promise<string[]> {
  let looking: Promise<string[]> | null = null;
  const look = async () => {
    try {
      await engine.store.markets({ limit: 1 });
      return [];
    } catch (error) {
      return [error instanceof StoreUnavailableError ? error.message : inWords(error)];
    } finally {
      looking = null;
    }
  };
  return async () => {
    const answered = new AbortController();
    const silence = clock.sleep(LOOK_MAX_MS, answered.signal)
      .then(() => [`the store has not answered within ${LOOK_MAX_MS} ms`]);
    try {
      return await Promise.race([looking ??= look(), silence]);
    } finally {
      answered.abort();
    }
  };
}
