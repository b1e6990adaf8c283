/**
 * What all statistics stores share of days that are merged: how one is made of its windows, and how
 * its state is known later without them.
 *
 * @module
 */
import type { DayQuery, DayRow } from "../ports/day_statistics.ts";
import { compareMarkets } from "../ports/order.ts";
import type { RowPlace } from "../ports/statistics_store.ts";
import { mergeWindows, sumOfParts } from "../stats/merge_windows.ts";
import { checkQuery, type StoredRow, type StreamTimes } from "./statistics_rows.ts";

/** The length of a day, in ms. */
export const DAY_MS = 86_400_000;

/** The UTC day of a time, counted from 1970. */
export function dayOf(timeMs: number): number {
  return Math.floor(timeMs / DAY_MS);
}

/** Orders days by market and time; one that has an earlier window by now keeps its place. */
export function compareDays(a: RowPlace, b: RowPlace): number {
  return compareMarkets(a, b) || dayOf(a.startMs) - dayOf(b.startMs);
}

/** A day as it is stored: whether it is sealed is known when it is read. */
export interface StoredDay {
  /** `open` where a live window of it is. */
  row: DayRow & { state: "open" | "closed" };
  /** The end of the last live window, on which depends whether all are sealed; `null`: there is none. */
  liveEndMs: number | null;
}

/** Merges a market's windows of one day, by time. */
export function mergedDay(windows: readonly StoredRow[]): StoredDay {
  const [first, last] = [windows[0]!, windows.at(-1)!];
  const live = windows.filter((window) => window.origin === "live");
  const merged = mergeWindows(windows, first.startMs, last.endMs);
  // Written out, as rows of a store are: objects of one shape.
  const row: StoredDay["row"] = {
    exchange: first.exchange,
    instrument: first.instrument,
    base: first.base,
    quote: first.quote,
    startMs: first.startMs,
    endMs: last.endMs,
    count: merged.count,
    meanHi: merged.meanHi,
    // −0 becomes 0, as in windows.
    meanLo: merged.meanLo + 0,
    m2Hi: merged.m2Hi,
    m2Lo: merged.m2Lo + 0,
    min: merged.min,
    max: merged.max,
    openPrice: merged.openPrice,
    openMs: merged.openMs,
    closePrice: merged.closePrice,
    closeMs: merged.closeMs,
    tickCount: merged.tickCount,
    intervalMs: null,
    revision: merged.revision,
    state: live.some((window) => window.state === "open") ? "open" : "closed",
    amended: merged.amended,
    origin: merged.origin,
    parts: sumOfParts(windows),
  };
  return { row, liveEndMs: live.at(-1)?.endMs ?? null };
}

/** The day as it is read. */
export function shownDay({ row: stored, liveEndMs }: StoredDay, streams: StreamTimes): DayRow {
  const row: DayRow = stored;
  if (liveEndMs === null) row.state = "sealed";
  else {
    const { exchange, instrument, state } = stored;
    row.state = streams.stateOf({ exchange, instrument, state, origin: "live", endMs: liveEndMs });
  }
  return row;
}

/** @throws {RangeError} As the port's. */
export function checkDayQuery(query: DayQuery): void {
  checkQuery(query);
  if (query.fromMs % DAY_MS === 0 && query.toMs % DAY_MS === 0) return;
  throw new RangeError(`[${query.fromMs}, ${query.toMs}) is not from midnight to midnight`);
}
