/**
 * A SQLite store whose reads are done by a reader in threads of its own.
 *
 * @module
 */
import type { CoverageQueries } from "../../ports/coverage_queries.ts";
import type { NotificationQueries } from "../../ports/notification_queries.ts";
import type { StatisticsChanges } from "../../ports/statistics_changes.ts";
import type { StatisticsQueries, StatisticsSink } from "../../ports/statistics_store.ts";
import type { SqliteReader } from "./reader.ts";
import type { SqliteStatisticsStore } from "./statistics_store.ts";

/** Writes by `store`, reads by `reader`; disposing of it disposes of both. */
export function readApart(
  store: SqliteStatisticsStore,
  reader: SqliteReader,
):
  & StatisticsSink
  & StatisticsQueries
  & StatisticsChanges
  & CoverageQueries
  & NotificationQueries
  & Disposable {
  return {
    storeId: () => store.storeId(),
    writeStatistics: (records) => store.writeStatistics(records),
    writePolls: (records) => store.writePolls(records),
    writeNotifications: (records) => store.writeNotifications(records),
    statistics: (query) => reader.statistics(query),
    latest: (query) => reader.latest(query),
    markets: (query) => reader.markets(query),
    sources: () => reader.sources(),
    polls: (query) => reader.polls(query),
    gaps: (query) => reader.gaps(query),
    pollCounts: (query) => reader.pollCounts(query),
    notifications: (query) => reader.notifications(query),
    changes: (after, limit) => reader.changes(after, limit),
    [Symbol.dispose]() {
      // The writer last: who closes last tidies the write-ahead log up, which a reader may not.
      reader[Symbol.dispose]();
      store[Symbol.dispose]();
    },
  };
}
