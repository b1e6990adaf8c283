/**
 * The aggregator role: counts every sample exactly once into its market's window and publishes the
 * windows (design §5; the protocol is in docs/protocol.md).
 *
 * In: topic `samples`. Out: topics `statistics` and `rejected`. State: the process's window store.
 * Safe to run any number of times: each partition has one owner, fenced at the log.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import type { Clock, Random } from "../ports/clock.ts";
import type { Role } from "../ports/role.ts";
import type { TopicLog } from "../ports/topic_log.ts";
import type { WindowStore } from "../ports/window_store.ts";
import { runPartition } from "../roles/partition_task.ts";
import { GROUPS } from "../topology.ts";
import { aggregatorMetrics } from "./metrics.ts";
import { ownPartition } from "./owner.ts";
import { Restores } from "./restores.ts";
import { RULES, type Rules, type WindowTimes } from "./rules.ts";

/** What the aggregator works with. */
export interface AggregatorDeps {
  log: TopicLog;
  windows: WindowStore;
  clock: Clock;
  random: Random;
  registry: Registry;
  /** The protocol's decisions; only the simulation gives others. */
  rules?: Rules;
}

/** How the aggregator works. Times in ms. */
export interface AggregatorConfig extends WindowTimes {
  partitionCount: number;
  maxSkewMs: number;
  late: "amend" | "reject";
  flushIntervalMs: number;
  /** Windows in memory at most, over all partitions. */
  cacheWindowCountMax: number;
  /** Go on where samples were deleted before they were counted, and count the lost. */
  skipLost: boolean;
}

/** Makes the role. */
export function createAggregator(deps: AggregatorDeps, config: AggregatorConfig): Role {
  const { log, clock, random, windows, rules = RULES } = deps;
  const logger = getLogger(["data-tracker", "aggregator"]);
  const { observe, forget } = aggregatorMetrics(deps.registry, logger);
  const problems = new Map<number, string>();
  const restores = new Restores();
  const cacheWindowCountMax = Math.max(
    1,
    Math.floor(config.cacheWindowCountMax / config.partitionCount),
  );

  async function own(partition: number, revoked: AbortSignal): Promise<void> {
    const task = { log, group: GROUPS.aggregator, partition, revoked, clock, random, problems };
    await runPartition(task, (claim, signal, progress) =>
      ownPartition(
        claim,
        signal,
        progress,
        { ...config, partition, cacheWindowCountMax },
        { log, windows, clock, random, rules, restores, observe },
      ));
    forget(partition);
  }

  let running = false;
  return {
    name: "aggregator",
    async run(signal) {
      running = true;
      try {
        await log.join(GROUPS.aggregator, own, signal);
      } finally {
        running = false;
      }
    },
    health: () => ({ ready: running && problems.size === 0, problems: [...problems.values()] }),
  };
}
