/**
 * Where statistics are kept for the API. The writer writes, the API reads; each sees only its half.
 *
 * @module
 */
import type { WindowState } from "../stats/window.ts";
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

/** The writer's half. Every write is idempotent: the same records twice, in any order, leave the same rows. */
export interface StatisticsSink {
  /**
   * Upserts windows. Of one origin `live`, the greater revision stands and an equal one is ignored.
   * Between origins, or within one that is not `live`, the row that counts more samples stands; of
   * equal counts `live` before others, then the one whose (origin, mean, m2, min, max) sorts first, so that
   * any order of writes ends the same.
   *
   * @returns How many rows changed.
   */
  writeStatistics(records: readonly StatisticsRecord[]): Promise<number>;
  /** Adds polls; one source and tick is one row, the last written stands. */
  writePolls(records: readonly PollRecord[]): Promise<void>;
}

/** A stored window. */
export interface StatisticsRow {
  exchange: string;
  instrument: string;
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
  state: "open" | "closed" | "sealed";
  amended: boolean;
  origin: string;
}

/** A place in a market's rows, as a cursor holds it. */
export interface RowPlace {
  startMs: number;
  exchange: string;
  instrument: string;
}

/** Which rows to read; every filter that is given must match. */
export interface StatisticsQuery {
  exchange?: string;
  instrument?: string;
  base?: string;
  quote?: string;
  /** `[fromMs, toMs)` of the windows' starts. */
  fromMs: number;
  toMs: number;
  /** Go on after this place. */
  after?: RowPlace;
  /** At most this many rows, ≥ 1. */
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
export interface MarketQuery {
  exchange?: string;
  instrument?: string;
  base?: string;
  quote?: string;
  after?: { exchange: string; instrument: string };
  limit: number;
}

/** The API's half. */
export interface StatisticsQueries {
  /** Rows ascending by (startMs, exchange, instrument). */
  statistics(query: StatisticsQuery): Promise<readonly StatisticsRow[]>;
  /** The latest row of each market, ascending by exchange and instrument. */
  latest(query: MarketQuery): Promise<readonly StatisticsRow[]>;
  markets(query: MarketQuery): Promise<readonly MarketRow[]>;
  /** The last poll of every source, ascending by source, and when it last succeeded (`null`: never). */
  sources(): Promise<readonly { last: PollRecord; lastSuccessMs: number | null }[]>;
}
