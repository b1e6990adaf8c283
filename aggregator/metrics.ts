/**
 * What an operator sees of the aggregator.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { OwnerDeps } from "./owner.ts";

/** Registers the metrics and returns the function that keeps them. */
export function aggregatorMetrics(registry: Registry, logger: Logger): OwnerDeps["observe"] {
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

  return (state, event) => {
    const { partition } = state.config;
    const { counted, duplicate, rejected, lost } = state.counters;
    if (event.kind === "folded") {
      lag.set({ partition }, event.lag);
      return;
    }
    windows.set({ partition }, state.cache.size);
    samples.set({ partition, outcome: "counted" }, counted);
    samples.set({ partition, outcome: "duplicate" }, duplicate);
    samples.set({ partition, outcome: "lost" }, lost);
    for (const [reason, count] of Object.entries(rejected)) {
      samples.set({ partition, outcome: `rejected_${reason}` }, count);
    }
    if (event.kind === "claimed") {
      logger.info(
        "Counting partition {partition} from offset {offset}, {windows} windows kept ({durationMs} ms)",
        {
          partition,
          offset: state.nextOffset,
          windows: state.cache.size,
          durationMs: event.durationMs,
        },
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
}
