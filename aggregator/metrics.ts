/**
 * What an operator sees of the aggregator.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { OwnerDeps } from "./owner.ts";

/** What keeps the metrics. */
export interface AggregatorMetrics {
  observe: OwnerDeps["observe"];
  /** Forgets a partition that another process counts now: its figures here would stand still. */
  forget(partition: number): void;
}

/** Registers the metrics. */
export function aggregatorMetrics(registry: Registry, logger: Logger): AggregatorMetrics {
  const registers = [registry];
  const samples = new Gauge({
    name: "data_tracker_aggregator_samples",
    help: "Samples dealt with since the partition's first, by outcome",
    labelNames: ["partition", "outcome"],
    registers,
  });
  const lag = new Gauge({
    name: "data_tracker_aggregator_lag_records",
    help: "Samples between the aggregator and the end of its partition",
    labelNames: ["partition"],
    registers,
  });
  const windows = new Gauge({
    name: "data_tracker_aggregator_windows",
    help: "Windows in memory",
    labelNames: ["partition"],
    registers,
  });
  const published = new Counter({
    name: "data_tracker_aggregator_published_total",
    help: "Window records published",
    registers,
  });
  const checkpoints = new Histogram({
    name: "data_tracker_aggregator_checkpoint_seconds",
    help: "Duration of a checkpoint: disk and transaction",
    buckets: [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5],
    registers,
  });
  const claims = new Histogram({
    name: "data_tracker_aggregator_claim_seconds",
    help: "From a partition's claim until it is counted, by where its windows were",
    labelNames: ["windows"],
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });

  /** Per partition, the labels that its samples have. */
  const outcomes = new Map<number, Set<string>>();
  const setSamples = (partition: number, outcome: string, count: number) => {
    outcomes.getOrInsertComputed(partition, () => new Set()).add(outcome);
    samples.set({ partition, outcome }, count);
  };

  const observe: OwnerDeps["observe"] = (state, event) => {
    const { partition } = state.config;
    const { counted, duplicate, rejected, lost } = state.counters;
    if (event.kind === "folded") {
      lag.set({ partition }, event.lag);
      return;
    }
    windows.set({ partition }, state.cache.size);
    for (const [outcome, count] of Object.entries({ counted, duplicate, lost })) {
      setSamples(partition, outcome, count);
    }
    for (const [reason, count] of Object.entries(rejected)) {
      setSamples(partition, `rejected_${reason}`, count);
    }
    if (event.kind === "claimed") {
      const { restored, nextOffset: offset, cache } = state;
      const { durationMs } = event;
      claims.observe({ windows: restored === null ? "disk" : "statistics" }, durationMs / 1000);
      const found = restored === null
        ? `${cache.size} windows on disk`
        : `${restored.windowCount} windows restored from statistics (${restored.recordCount} records)`;
      logger.info(
        "Counting partition {partition} from offset {offset}, {found} ({durationMs} ms)",
        { partition, offset, found, durationMs },
      );
      return;
    }
    published.inc(event.windowCount);
    checkpoints.observe(event.durationMs / 1000);
    logger.debug(
      "Partition {partition}: published {windows} windows through offset {offset} ({durationMs} ms)",
      {
        partition,
        windows: event.windowCount,
        offset: state.nextOffset - 1,
        durationMs: event.durationMs,
      },
    );
  };
  return {
    observe,
    forget(partition) {
      for (const gauge of [lag, windows]) gauge.remove({ partition });
      for (const outcome of outcomes.get(partition) ?? []) samples.remove({ partition, outcome });
      outcomes.delete(partition);
    },
  };
}
