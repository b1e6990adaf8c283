/**
 * What is missing in a statistics store, and what the polls of the sources say of it.
 *
 * @module
 */
import type { PollRecord, RowPlace, StatisticsQuery } from "./statistics_store.ts";

/** Which polls of one source to read, ascending by tick. */
export interface PollQuery {
  source: string;
  /** `[fromMs, toMs)` of the ticks. */
  fromMs: number;
  toMs: number;
  /** At most this many, from 1 to `READ_LIMIT_MAX`. */
  limit: number;
}

/** Which windows to look at: those that start in `[fromMs, toMs)`. */
export interface GapQuery extends Omit<StatisticsQuery, "order"> {
  /** The size of a window, in ms: from one start to the next. */
  windowSizeMs: number;
}

/** A window that is not whole: some of its ticks were not counted, or it is not there at all. */
export interface GapRow extends RowPlace {
  base: string | null;
  quote: string | null;
  /** Ticks counted; `null`: the window is missing. */
  tickCount: number | null;
  /** Between ticks; `null`: the window is missing. */
  intervalMs: number | null;
}

/** What a source's polls of one window were. */
export interface PollCounts {
  source: string;
  /** The window's start. */
  startMs: number;
  okCount: number;
  skippedCount: number;
  failedCount: number;
  /** Of the last one that was skipped or failed; `null`: none was. */
  reason: string | null;
}

/** The half of whoever asks what is missing. @throws {RangeError} Where `limit` is out of range. */
export interface CoverageQueries {
  /** Polls of a source, ascending by tick. */
  polls(query: PollQuery): Promise<readonly PollRecord[]>;
  /**
   * Windows of known markets that are not whole, by (startMs, exchange, instrument): closed ones with
   * fewer ticks than they should have, and those missing between a market's first and last window.
   */
  gaps(query: GapQuery): Promise<readonly GapRow[]>;
  /** Per source and window of `[fromMs, toMs)`, which begin and end with windows, what its polls were; by (startMs, source). Windows without polls are left out. */
  pollCounts(
    query: { fromMs: number; toMs: number; windowSizeMs: number },
  ): Promise<readonly PollCounts[]>;
}
