/**
 * Stream times of the partitions, as the SQLite store keeps them.
 *
 * @module
 */
import type { StatisticsStoreConfig } from "../../ports/statistics_store.ts";
import { StreamTimes } from "../statistics_rows.ts";
import type { Statements } from "./database.ts";

/** Reads the partitions' stream times. */
export function readStreamTimes(db: Statements, config: StatisticsStoreConfig): StreamTimes {
  const rows = db.all(
    "SELECT partition, last_ms, whole_ms FROM stream_times WHERE partition_count = ?",
    [config.partitionCount],
  ) as [partition: number, lastMs: number, wholeMs: number | null][];
  const times = rows.map(([partition, lastMs, wholeMs]) =>
    [partition, { lastMs, wholeMs: wholeMs ?? -Infinity }] as const
  );
  return new StreamTimes(config, new Map(times));
}
