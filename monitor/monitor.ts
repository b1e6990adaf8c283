/**
 * The monitor role: holds every price against its market's previous hour, listens for silence, and
 * publishes each crossing of a rule once (docs/architecture.md).
 *
 * In: topics `samples`, `statistics`, `polls`. Out: topic `notifications`. State: the process's disk.
 * Safe to run any number of times: each partition has one owner, fenced at the log.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import type { Clock, Random } from "../ports/clock.ts";
import type { PartitionStateStore } from "../ports/partition_state.ts";
import type { Role } from "../ports/role.ts";
import type { TopicLog } from "../ports/topic_log.ts";
import { runPartition } from "../roles/partition_task.ts";
import { GROUPS } from "../topology.ts";
import { monitorMetrics } from "./metrics.ts";
import { ownMonitorPartition } from "./owner.ts";
import type { Rule } from "./rules.ts";
import type { Watched } from "./watched.ts";

/** What the monitor works with. */
export interface MonitorDeps {
  log: TopicLog;
  states: PartitionStateStore<Watched, string>;
  clock: Clock;
  random: Random;
  registry: Registry;
}

/** How the monitor works. Times in ms. */
export interface MonitorConfig {
  rules: readonly Rule[];
  partitionCount: number;
  windowSizeMs: number;
  graceMs: number;
  amendForMs: number;
  maxSkewMs: number;
  flushIntervalMs: number;
}

/** Makes the role. */
export function createMonitor(deps: MonitorDeps, config: MonitorConfig): Role {
  const { log, clock, random } = deps;
  const { observe, forget } = monitorMetrics(
    deps.registry,
    getLogger(["data-tracker", GROUPS.monitor.id]),
  );
  const problems = new Map<number, string>();
  const aheadMs = config.graceMs + config.amendForMs + 2 * config.flushIntervalMs;

  async function own(partition: number, revoked: AbortSignal): Promise<void> {
    const task = { log, group: GROUPS.monitor, partition, revoked, clock, random, problems };
    await runPartition(
      task,
      (claim, signal, progress) =>
        ownMonitorPartition(claim, signal, progress, { ...config, partition, aheadMs }, {
          ...deps,
          observe,
        }),
    );
    forget(partition);
  }

  let running = false;
  return {
    name: "monitor",
    async run(signal) {
      running = true;
      try {
        await log.join(GROUPS.monitor, own, signal);
      } finally {
        running = false;
      }
    },
    health: () => ({ ready: running && problems.size === 0, problems: [...problems.values()] }),
  };
}
