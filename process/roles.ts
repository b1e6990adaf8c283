/**
 * The roles that a configuration names, on the engine it chose.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Registry } from "prom-client";
import { createSources } from "../adapters/sources/sources.ts";
import { systemClock as clock, systemRandom as random } from "../adapters/system_clock.ts";
import { createAggregator } from "../aggregator/aggregator.ts";
import { createApiRole } from "../api/role.ts";
import type { Config } from "../config.ts";
import type { Engine } from "./engine.ts";
import type { Role } from "../ports/role.ts";
import { isReplayable, playHistory } from "../sampler/history.ts";
import { createSampler, type Sampler } from "../sampler/sampler.ts";
import { createWriter } from "../writer/writer.ts";
import { VERSION } from "../version.ts";

const HOUR_MS = 3_600_000;
/** What a fresh `deno task dev` has to show, in ms of simulated past. */
const PAST_MS = 24 * HOUR_MS;

/** Under which name the state store remembers whether the past was played whole. */
const PAST_STATE = "past";

/** The roles of one process. */
export interface Roles {
  roles: readonly Role[];
  /** What Deno.cron calls at a tick; nothing where the sampler is not among the roles. */
  tick(tickMs: number): Promise<void>;
}

/** Makes the roles that `config.roles` names. */
export async function createRoles(config: Config, engine: Engine): Promise<Roles> {
  const registry = new Registry();
  const { log, windows, store, state } = engine;
  const shared = { log, clock, random, registry };
  const schedule = config.intervalMs === null
    ? { cron: config.schedule }
    : { intervalMs: config.intervalMs };
  const sources = config.roles.includes("sampler") ? createSources(config) : [];
  // A first start that was cut short plays the past again: ticks that were counted are known.
  const isFresh = config.dev &&
    (await engine.isEmpty() || await state.read(PAST_STATE) === "playing");

  let sampler: Sampler | null = null;
  let isPastPlayed = false;
  const roles: Role[] = [];
  const makers = {
    sampler(): Role {
      const made = sampler = createSampler({ ...shared, sources, state }, { ...config, schedule });
      return { ...made, run: (signal) => playPast(signal).then(() => made.run(signal)) };
    },
    aggregator: () => createAggregator({ ...shared, windows }, config),
    writer: () => createWriter({ ...shared, sink: store }),
    api: () =>
      createApiRole({
        clock,
        queries: store,
        topics: { log, admin: log },
        health: () => Object.fromEntries(roles.map((role) => [role.name, role.health()])),
        registry,
        version: VERSION,
        simulated: config.sources.includes("simulated"),
      }, config),
  };
  for (const name of Object.keys(makers) as (keyof typeof makers)[]) {
    if (config.roles.includes(name)) roles.push(makers[name]());
  }

  /** Before the first live tick: what comes after it in time must come after it in the log. */
  async function playPast(signal: AbortSignal): Promise<void> {
    const past = sources.find(isReplayable);
    if (isFresh && past !== undefined) {
      const nowMs = clock.nowMs();
      const range = { fromMs: nowMs - PAST_MS, toMs: nowMs + 1 };
      await state.write(PAST_STATE, "playing");
      const played = await playHistory(log, past, { ...config, schedule, ...range }, signal);
      if (signal.aborted) return;
      await state.write(PAST_STATE, "played");
      const durationMs = clock.nowMs() - nowMs;
      getLogger(["data-tracker"]).info(
        "Played the last 24 simulated hours: {sampleCount} samples of {tickCount} ticks ({durationMs} ms)",
        { ...played, durationMs },
      );
    }
    isPastPlayed = true;
  }

  return {
    roles,
    tick: async (tickMs) => {
      if (isPastPlayed) await sampler?.tick(tickMs);
    },
  };
}
