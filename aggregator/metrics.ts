/**
 * What an operator sees of the aggregator.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { OwnerDeps } from "./owner.ts";
import type { Partition } from "./partition.ts";

/** What keeps the metrics. */
export interface AggregatorMetrics {
  observe: OwnerDeps["observe"];
  /** Forgets a partition that another process counts now: its figures here would stand still. */
  forget(partition: number): void;
}

/** Registers the metrics. */
export function aggregatorMetrics(registry: Registry, logger: Logger): AggregatorMetrics {
  const metrics = register(registry);
  /** Per partition, the labels that its samples have. */
  const outcomes = new Map<number, Set<string>>();
  return {
    observe(state, event) {
      const { partition } = state.config;
      if (event.kind === "folded") return metrics.lag.set({ partition }, event.lag);
      metrics.windows.set({ partition }, state.cache.size);
      const known = outcomes.getOrInsertComputed(partition, () => new Set());
      for (const [outcome, count] of Object.entries(outcomesOf(state))) {
        known.add(outcome);
        metrics.samples.set({ partition, outcome }, count);
      }
      const { durationMs } = event;
      if (event.kind === "claimed") {
        const windows = state.restored === null ? "disk" : "statistics";
        metrics.claims.observe({ windows }, durationMs / 1000);
        logger.info(...claimWords(state, durationMs));
        return;
      }
      const { windowCount } = event;
      metrics.published.inc(windowCount);
      metrics.checkpoints.observe(durationMs / 1000);
      logger.debug(
        "Partition {partition}: published {windows} windows through offset {offset} ({durationMs} ms)",
        { partition, windows: windowCount, offset: state.nextOffset - 1, durationMs },
      );
    },
    forget(partition) {
      for (const gauge of [metrics.lag, metrics.windows]) gauge.remove({ partition });
      for (const outcome of outcomes.get(partition) ?? []) {
        metrics.samples.remove({ partition, outcome });
      }
      outcomes.delete(partition);
    },
  };
}

function outcomesOf({ counters }: Partition): Record<string, number> {
  const { counted, duplicate, rejected, lost } = counters;
  const refused = Object.entries(rejected).map(([reason, count]) => [`rejected_${reason}`, count]);
  return { counted, duplicate, lost, ...Object.fromEntries(refused) };
}

function claimWords(
  { config: { partition }, restored, nextOffset: offset, cache }: Partition,
  durationMs: number,
): [words: string, values: Record<string, unknown>] {
  const found = restored === null
    ? `${cache.size} windows on disk`
    : `${restored.windowCount} windows restored from statistics (${restored.recordCount} records)`;
  return [
    "Counting partition {partition} from offset {offset}, {found} ({durationMs} ms)",
    { partition, offset, found, durationMs },
  ];
}

function register(registry: Registry) {
  const registers = [registry];
  return {
    samples: new Gauge({
      name: "data_tracker_aggregator_samples",
      help: "Samples dealt with since the partition's first, by outcome",
      labelNames: ["partition", "outcome"],
      registers,
    }),
    lag: new Gauge({
      name: "data_tracker_aggregator_lag_records",
      help: "Samples between the aggregator and the end of its partition",
      labelNames: ["partition"],
      registers,
    }),
    windows: new Gauge({
      name: "data_tracker_aggregator_windows",
      help: "Windows in memory",
      labelNames: ["partition"],
      registers,
    }),
    published: new Counter({
      name: "data_tracker_aggregator_published_total",
      help: "Window records published",
      registers,
    }),
    checkpoints: new Histogram({
      name: "data_tracker_aggregator_checkpoint_seconds",
      help: "Duration of a checkpoint: disk and transaction",
      buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
      registers,
    }),
    claims: new Histogram({
      name: "data_tracker_aggregator_claim_seconds",
      help: "From a partition's claim until it is counted, by where its windows were",
      labelNames: ["windows"],
      buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
      registers,
    }),
  };
}
