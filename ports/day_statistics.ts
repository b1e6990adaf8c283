/**
 * Days of markets, merged once and kept: a day is 24 windows to read and merge, and one row to have.
 *
 * @module
 */
import type { MergedParts } from "../stats/merge_windows.ts";
import type { MarketFilters } from "./market_filters.ts";
import type { RowPlace, StatisticsRow } from "./statistics_store.ts";

/**
 * A market's windows that start in one UTC day, merged: `startMs` is that of the first and `endMs`
 * that of the last of them. Merging it on, by `parts`, is the same as merging them.
 */
export interface DayRow extends StatisticsRow {
  intervalMs: null;
  parts: MergedParts;
}

/** Which days to read, ascending by exchange, instrument and day; every filter that is given must match. */
export interface DayQuery extends MarketFilters {
  /** `[fromMs, toMs)`, from midnight to midnight of UTC. */
  fromMs: number;
  toMs: number;
  /** Go on after this row. */
  after?: RowPlace;
  /** At most this many rows, from 1 to `READ_LIMIT_MAX`. */
  limit: number;
}

/** The API's half. */
export interface DayQueries {
  /**
   * The days that have windows, as these are at the moment: what is merged already is found, the rest
   * is merged for the answer.
   *
   * @param signal Where it aborts the read ends soon, and rejects with the signal's reason.
   * @throws {RangeError} Where `limit` is out of range, or a filter has too many patterns.
   */
  days(query: DayQuery, signal?: AbortSignal): Promise<readonly DayRow[]>;
}

/** The writer's half: what changes no answer, and makes answers quick. */
export interface DayMerging {
  /**
   * Merges some of the days that are over, a few tens of ms long: a day is once a window is stored
   * that starts {@link DAY_REST_MS} after its end. One that changes later is merged anew.
   *
   * @returns Whether there are more.
   */
  mergeDays(): Promise<boolean>;
}

/** How long after its end a day's windows are let come to rest before they are merged, in ms. */
export const DAY_REST_MS = 3_600_000;
