/**
 * Where statistics are kept for the API. The writer writes, the API reads; each sees only its half.
 * Texts are ordered by code point, as UTF-8 bytes are.
 *
 * @module
 */
import type { Notification } from "../stats/notification.ts";
import type { WindowState } from "../stats/window.ts";
import type { MarketFilters } from "./market_filters.ts";
import type { Budget } from "./market_source.ts";

/** A window as `statistics` carries it. */
export interface StatisticsRecord {
  window: WindowState;
  /** Orders the records of one window. */
  revision: number;
  /** The partition's stream time at the checkpoint that published it, in ms: tells which windows are sealed. */
  streamMs: number;
}

/** One tick of one source, as `polls` carries it. */
export interface PollRecord {
  source: string;
  tickMs: number;
  /** `skipped`: on purpose (credits, or the last poll still running). `failed`: the source gave nothing. */
  outcome: "ok" | "skipped" | "failed";
  /** Why it was skipped or failed, in words; else `null`. */
  reason: string | null;
  /** Samples published. */
  marketCount: number;
  /** Entries that the source gave. */
  entryCount: number;
  zeroPriceCount: number;
  /** Entries that are no market. */
  leftOutCount: number;
  /** Entries that could not be understood. */
  malformedCount: number;
  /** From the tick's start to the last answer, in ms. */
  latencyMs: number | null;
  budget: Budget | null;
}

/** What every store must know. */
export interface StatisticsStoreConfig {
  /** As the aggregator's: they decide which windows are sealed. */
  graceMs: number;
  amendForMs: number;
  /** Partitions of `statistics`: stream time is kept per partition. */
  partitionCount: number;
  /**
   * Live rows of a UTC day that ended this long before the greatest stream time are deleted, in
   * bounded steps with the writes that follow; `null`: kept for ever. History that was imported
   * stays: whoever brought it decides. Notifications that started before such a day's end go with it.
   */
  keepMs: number | null;
}

/**
 * The store can take or give nothing now, whatever is asked: it is away, starting, full, or set up
 * wrongly. Nothing is wrong with the records; the same call may succeed later. The message is in an
 * operator's words (`DATABASE_URL: cannot reach db:5432 (connection refused); is Postgres up?`).
 */
export class StoreUnavailableError extends Error {
  override name = "StoreUnavailableError";
}

/** The store answers, but has more to read than it can, or a read took longer than reads may: ask again later, or for less. */
export class StoreBusyError extends StoreUnavailableError {
  override name = "StoreBusyError";
}

/**
 * The store refuses some of these records for what is in them, and would again; they were not
 * stored. Nor were the call's others, but for what an earlier transaction of a long call held.
 */
export class RecordsRefusedError extends Error {
  override name = "RecordsRefusedError";
}

/**
 * The writer's half. Every write is idempotent: the same records twice, in any order, leave the same
 * rows. A write rejects with {@link StoreUnavailableError} or {@link RecordsRefusedError}; any other
 * error tells nothing.
 */
export interface StatisticsSink {
  /** Tells this store from all others, and from itself before it was emptied: made with its tables, by chance. Asked anew each time. */
  storeId(): Promise<string>;
  /**
   * Upserts windows. Of one origin `live`, the greater revision stands and an equal one is ignored.
   * Between origins, or within one that is not `live`, the row that counts more samples stands; of
   * equal counts `live` before others, then the one whose (origin, mean, m2, min, max, and the rest)
   * sorts first, so that any order of writes ends the same. A market's base and quote are those of
   * its latest window that names them, whether that window's row stands or not.
   *
   * Durable when it resolves; on rejection any of the records may have been stored. −0 is stored as 0.
   *
   * @param records Checked: finite numbers, whole and positive counts, times in ms since the epoch.
   * @returns How many rows changed.
   */
  writeStatistics(records: readonly StatisticsRecord[]): Promise<number>;
  /** Adds polls; one source and tick is one row, the last written stands. Those older than {@link POLLS_KEEP_MS} before their source's newest are deleted, but for its last success. */
  writePolls(records: readonly PollRecord[]): Promise<void>;
  /**
   * Upserts notifications, one row per id: `resolved` stands over `firing`. Of two that differ in one
   * state, which no monitor makes, the one whose JSON sorts last stands, so that any order of writes
   * ends the same.
   *
   * @param records Checked: finite numbers, times in ms since the epoch. A notification starts at the same time in both its states.
   * @returns How many rows changed.
   */
  writeNotifications(records: readonly Notification[]): Promise<number>;
}

/** How long polls are kept, in ms: as long as their topic keeps them. */
export const POLLS_KEEP_MS = 30 * 24 * 3_600_000;

/** The most rows that one read brings: a page of the API and one more, with room; some 10 MB. */
export const READ_LIMIT_MAX = 20_000;

/** A stored window. */
export interface StatisticsRow {
  exchange: string;
  instrument: string;
  /** The market's base and quote as last known, the same in all its rows. */
  base: string | null;
  quote: string | null;
  startMs: number;
  endMs: number;
  count: number;
  meanHi: number;
  meanLo: number;
  m2Hi: number;
  m2Lo: number;
  min: number;
  max: number;
  openPrice: number;
  openMs: number;
  closePrice: number;
  closeMs: number;
  tickCount: number;
  intervalMs: number | null;
  revision: number;
  /**
   * `sealed`: no live sample can change it any more. For a live row: it is closed and `endMs + graceMs
   * + amendForMs` is at or before the greatest stream time of its partition that is known to be
   * stored whole, which is the second greatest seen: that a greater one has come shows that all
   * records of the checkpoints before it have. Rows of other origins are sealed from the start; only
   * an import that counts more replaces one.
   */
  state: "open" | "closed" | "sealed";
  amended: boolean;
  origin: string;
}

/** A place among the rows, as a cursor holds it: the row that was read last. */
export interface RowPlace {
  startMs: number;
  exchange: string;
  instrument: string;
}

/**
 * Which rows to read; every filter that is given must match. Reading on after the last row's place,
 * page by page, brings every row that was there at the first page exactly once, whatever is written
 * meanwhile (unless retention deletes it).
 */
export interface StatisticsQuery extends MarketFilters {
  /** `[fromMs, toMs)` of the windows' starts. */
  fromMs: number;
  toMs: number;
  /** Go on after this place, in the order asked for. */
  after?: RowPlace;
  /** `time`: ascending by (startMs, exchange, instrument), the default. `market`: by (exchange, instrument, startMs), so that the windows of one market come together. */
  order?: "time" | "market";
  /** At most this many rows, from 1 to {@link READ_LIMIT_MAX}. */
  limit: number;
}

/** A market as the store knows it. */
export interface MarketRow {
  exchange: string;
  instrument: string;
  base: string | null;
  quote: string | null;
  /** The starts of its first and its latest window. */
  firstMs: number;
  lastMs: number;
}

/** Which markets to read, ordered by exchange and instrument. */
export interface MarketQuery extends MarketFilters {
  after?: { exchange: string; instrument: string };
  /** At most this many rows, from 1 to {@link READ_LIMIT_MAX}. */
  limit: number;
}

/** The API's half. Every read sees whole writes. @throws {RangeError} Where `limit` is out of range, or a filter has too many patterns. */
export interface StatisticsQueries {
  /** Rows in the order asked for. */
  statistics(query: StatisticsQuery): Promise<readonly StatisticsRow[]>;
  /** The latest row of each market, ascending by exchange and instrument. */
  latest(query: MarketQuery): Promise<readonly StatisticsRow[]>;
  /** Markets with at least one row, ascending by exchange and instrument. */
  markets(query: MarketQuery): Promise<readonly MarketRow[]>;
  /** The last poll of every source, ascending by source, and the tick of its last success (`null`: never). */
  sources(): Promise<readonly { last: PollRecord; lastSuccessMs: number | null }[]>;
}
