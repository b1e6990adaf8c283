/**
 * What an operator sees of the writer.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import type { PartitionWriterDeps } from "./partition.ts";
import type { StoreOutageDeps } from "./store_outage.ts";

/** Registers the metrics of the store's outages, and returns the function that keeps them. */
export function outageMetrics(registry: Registry): StoreOutageDeps["observe"] {
  const away = new Gauge({
    name: "data_tracker_writer_store_away_seconds",
    help: "For how long the store has been away; 0: it is there",
    registers: [registry],
  });
  const failures = new Counter({
    name: "data_tracker_writer_store_failures_total",
    help: "Writes that the store was away for, each tried again",
    registers: [registry],
  });
  return (awayMs) => {
    away.set((awayMs ?? 0) / 1000);
    if (awayMs !== null) failures.inc();
  };
}

/** Registers the metrics and returns the function that keeps them. */
export function writerMetrics(registry: Registry, logger: Logger): PartitionWriterDeps["observe"] {
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
    if (event.kind === "replaced") {
      return logger.warn(
        "Partition {partition}: the store was emptied, or is another: writing all that the log has",
        { ...event },
      );
    }
    const { topic } = event;
    if (event.kind === "read") lag.set({ topic, partition: event.partition }, event.lag);
    else if (event.kind === "left") lag.remove({ topic, partition: event.partition });
    else if (event.kind === "stored") {
      records.inc({ topic, outcome: "changed" }, event.changedCount);
      records.inc({ topic, outcome: "known" }, event.recordCount - event.changedCount);
      seconds.observe(event.durationMs / 1000);
    } else if (event.kind === "rejected") {
      records.inc({ topic, outcome: "rejected" }, event.count);
      const why = event.reason === "malformed" ? "are none of ours" : "are refused by the store";
      logger.warn(`{count} records of {topic} ${why}: see topic rejected`, { ...event });
    } else {
      logger.warn(
        "{topic}, partition {partition}: goes on at {startOffset}, retention dropped what was from {offset}",
        { ...event },
      );
    }
  };
}
