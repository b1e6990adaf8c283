/**
 * The statistics store that the configuration names.
 *
 * @module
 */
import type { Registry } from "prom-client";
import { SqliteReader } from "../adapters/sqlite/reader.ts";
import { readApart } from "../adapters/sqlite/reading_apart.ts";
import { openSqliteStore } from "../adapters/sqlite/statistics_store.ts";
import type { Config } from "../config.ts";
import { needsOf } from "../config/needs.ts";
import type { CoverageQueries } from "../ports/coverage_queries.ts";
import type { NotificationQueries } from "../ports/notification_queries.ts";
import type { StatisticsChanges } from "../ports/statistics_changes.ts";
import type { StatisticsQueries, StatisticsSink } from "../ports/statistics_store.ts";

/** What writers and APIs share. */
export type Store =
  & StatisticsSink
  & StatisticsQueries
  & StatisticsChanges
  & CoverageQueries
  & NotificationQueries;

/** How to open it. */
export interface StoreOptions {
  /** Another process writes it, and makes it where it is missing. */
  isReadOnly?: boolean;
  /** Ends the waiting for a server, and for a store that another process makes. */
  signal?: AbortSignal | undefined;
  /** For metrics of the connections to a server. */
  registry?: Registry | undefined;
}

/**
 * Opens it.
 *
 * @throws {Error} In an operator's words where it cannot be had; the signal's reason where it aborts.
 */
export async function openStore(
  config: Config,
  options: StoreOptions = {},
): Promise<Store & (Disposable | AsyncDisposable)> {
  const { graceMs, amendForMs, partitionCount, keepStatisticsMs: keepMs } = config;
  const { database } = needsOf(config);
  const storeConfig = { graceMs, amendForMs, partitionCount, keepMs };
  if (database.kind === "sqlite") {
    const store = await openSqliteStore(database.path, storeConfig, options);
    if (!config.roles.includes("api")) return store;
    return readApart(store, new SqliteReader(database.path, storeConfig));
  }
  // Loaded only where it is used: a laptop starts without it.
  const { openPostgresStore } = await import("../adapters/postgres/statistics_store.ts");
  const patience = { patienceMs: config.startupPatienceMs };
  return await openPostgresStore(config.databaseUrl!, storeConfig, { ...options, ...patience });
}
