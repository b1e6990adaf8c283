/**
 * The writer role: puts windows, polls and notifications into the store that the API serves.
 *
 * In: topics `statistics`, `polls` and `notifications`. Out: the statistics store, and topic `rejected`.
 * Safe to run any number of times: the store never goes backwards, and ignores what it has.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import type { Clock, Random } from "../ports/clock.ts";
import type { Role } from "../ports/role.ts";
import type { StatisticsSink } from "../ports/statistics_store.ts";
import type { TopicAdmin, TopicLog } from "../ports/topic_log.ts";
import { runPartition } from "../roles/partition_task.ts";
import { orAborted } from "../signals.ts";
import { GROUPS } from "../topology.ts";
import { outageMetrics, writerMetrics } from "./metrics.ts";
import { writePartition } from "./partition.ts";
import { StoreOutage } from "./store_outage.ts";

/** What the writer works with. */
export interface WriterDeps {
  log: TopicLog & Pick<TopicAdmin, "describe">;
  sink: StatisticsSink;
  clock: Clock;
  random: Random;
  registry: Registry;
}

/** Makes the role. */
export function createWriter(deps: WriterDeps): Role {
  const { log, sink, clock, random } = deps;
  const group = GROUPS.writer;
  const logger = getLogger(["data-tracker", "writer"]);
  const observe = writerMetrics(deps.registry, logger);
  const outage = new StoreOutage({ clock, random, logger, observe: outageMetrics(deps.registry) });
  const problems = new Map<number, string>();

  async function own(partition: number, revoked: AbortSignal): Promise<void> {
    const task = { log, group, partition, revoked, clock, random, problems };
    await runPartition(task, async (claim, signal, progress) => {
      const described = Promise.all(group.topics.map((topic) => log.describe(topic)));
      const ranges = await orAborted(described, signal);
      if (ranges === null) return;
      const topics = group.topics.filter((_, i) => partition < (ranges[i]?.length ?? 0));
      if (topics.length === 0) {
        throw new Error(`no topic of ${group.topics.join(", ")} has it; were they deleted?`);
      }
      await writePartition(claim, signal, progress, partition, topics, {
        log,
        sink,
        outage,
        clock,
        observe,
      });
    });
    for (const topic of group.topics) observe({ kind: "left", topic, partition });
  }

  let running = false;
  return {
    name: "writer",
    async run(signal) {
      running = true;
      try {
        await log.join(group, own, signal);
      } finally {
        running = false;
      }
    },
    health() {
      const found = [...problems.values()];
      if (outage.problem !== null) found.unshift(outage.problem);
      return { ready: running && found.length === 0, problems: found };
    },
  };
}
