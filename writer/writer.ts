/**
 * The writer role: puts windows and polls into the store that the API serves.
 *
 * In: topics `statistics` and `polls`. Out: the statistics store, and topic `rejected`.
 * Safe to run any number of times: the store never goes backwards, and ignores what it has.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { Clock, Random } from "../ports/clock.ts";
import type { Role } from "../ports/role.ts";
import type { StatisticsSink } from "../ports/statistics_store.ts";
import type { TopicAdmin, TopicLog } from "../ports/topic_log.ts";
import { runPartition } from "../roles/partition_task.ts";
import { GROUPS } from "../topology.ts";
import { type PartitionWriterDeps, writePartition } from "./partition.ts";

/** What the writer works with. */
export interface WriterDeps {
  log: TopicLog & Pick<TopicAdmin, "describe">;
  sink: StatisticsSink;
  clock: Clock;
  random: Random;
  registry: Registry;
}

const logger = getLogger(["data-tracker", "writer"]);

/** Makes the role. */
export function createWriter(deps: WriterDeps): Role {
  const { log, sink, clock, random } = deps;
  const group = GROUPS.writer;
  const observe = writerMetrics(deps.registry);
  const problems = new Map<number, string>();

  async function own(partition: number, revoked: AbortSignal): Promise<void> {
    const task = { log, group, partition, revoked, clock, random, problems };
    await runPartition(task, async (claim, signal, progress) => {
      const ranges = await Promise.all(group.topics.map((topic) => log.describe(topic)));
      const topics = group.topics.filter((_, i) => partition < (ranges[i]?.length ?? 0));
      if (topics.length === 0) {
        throw new Error(`no topic of ${group.topics.join(", ")} has it; were they deleted?`);
      }
      await writePartition(claim, signal, progress, partition, topics, {
        log,
        sink,
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
    health: () => ({ ready: running && problems.size === 0, problems: [...problems.values()] }),
  };
}

function writerMetrics(registry: Registry): PartitionWriterDeps["observe"] {
  const registers = [registry];
  const records = new Counter({
    name: "data_tracker_writer_records_total",
    help:
      "Records by what became of them: rows changed, rows the store had already, records rejected",
    labelNames: ["topic", "outcome"],
    registers,
  });
  const seconds = new Histogram({
    name: "data_tracker_writer_batch_seconds",
    help: "Duration of a batch in the store",
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const lag = new Gauge({
    name: "data_tracker_writer_lag_records",
    help: "Records between the writer and the end of a partition",
    labelNames: ["topic", "partition"],
    registers,
  });
  return (event) => {
    const { topic } = event;
    if (event.kind === "read") lag.set({ topic, partition: event.partition }, event.lag);
    else if (event.kind === "left") lag.remove({ topic, partition: event.partition });
    else if (event.kind === "stored") {
      records.inc({ topic, outcome: "changed" }, event.changedCount);
      records.inc({ topic, outcome: "known" }, event.recordCount - event.changedCount);
      seconds.observe(event.durationMs / 1000);
    } else if (event.kind === "rejected") {
      records.inc({ topic, outcome: "rejected" }, event.count);
      logger.warn("{count} records of {topic} are none of ours: see topic rejected", { ...event });
    } else {
      logger.warn(
        "{topic}, partition {partition}: goes on at {startOffset}, retention dropped what was from {offset}",
        { ...event },
      );
    }
  };
}
