/**
 * What an operator sees of the monitor.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { Gauge, Histogram, type Registry } from "prom-client";
import type { Observe } from "./claiming.ts";
import type { MonitorPartition } from "./partition.ts";

/** What keeps the metrics. */
export interface MonitorMetrics {
  observe: Observe;
  /** Forgets a partition that another process watches now: its figures here would stand still. */
  forget(partition: number): void;
}

/** One figure and its labels. */
type Figure = [labels: Record<string, string>, value: number];

/** Registers the metrics. */
export function monitorMetrics(registry: Registry, logger: Logger): MonitorMetrics {
  const watched = new Map<string, { state: MonitorPartition; lags: Record<string, number> }>();
  const gauge = (
    name: string,
    help: string,
    label: string | null,
    figures: (state: MonitorPartition, lags: Record<string, number>) => [string, number][],
  ) =>
    new Gauge({
      name: `data_tracker_monitor_${name}`,
      help,
      labelNames: label === null ? ["partition"] : ["partition", label],
      registers: [registry],
      collect() {
        this.reset();
        const all = [...watched].flatMap(([partition, { state, lags }]) =>
          figures(state, lags).map(([of, value]): Figure => [
            label === null ? { partition } : { partition, [label]: of },
            value,
          ])
        );
        for (const [labels, value] of all) this.set(labels, value);
      },
    });
  gauge(
    "samples",
    "Samples since the partition's first: judged, or why they were held against nothing",
    "outcome",
    ({ counters: { judged, unjudged } }) => Object.entries({ judged, ...unjudged }),
  );
  gauge(
    "notifications",
    "Notifications published since the partition's first",
    "state",
    ({ counters: { firing, resolved } }) => Object.entries({ firing, resolved }),
  );
  gauge("markets", "Markets watched", null, ({ marketCount }) => [["", marketCount]]);
  gauge(
    "lag_records",
    "Records between the monitor and the end of its partition",
    "topic",
    (_state, lags) => Object.entries(lags),
  );
  const checkpoints = new Histogram({
    name: "data_tracker_monitor_checkpoint_seconds",
    help: "Duration of a checkpoint: disk and transaction",
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers: [registry],
  });
  return {
    observe(partition, state, event) {
      if (event.kind === "checkpointed") return checkpoints.observe(event.durationMs / 1000);
      if (event.kind === "skipped") {
        const { topic, count } = event;
        logger.warn(
          "Partition {partition}: {count} records of {topic} were deleted before they were read; going on without them",
          { partition, topic, count },
        );
        return;
      }
      const lags = event.kind === "read" ? event.lags : {};
      watched.set(`${partition}`, { state, lags });
      if (event.kind === "read") return;
      const { marketCount } = state;
      const { durationMs, restored } = event;
      const from = restored ? "read back from the topics" : "on disk";
      logger.info(
        "Watching partition {partition}, {marketCount} markets {from} ({durationMs} ms)",
        { partition, marketCount, from, durationMs },
      );
    },
    forget: (partition) => void watched.delete(`${partition}`),
  };
}
