/**
 * Pages of intervals: stored windows in, one merged row per market and interval out, by time and
 * market. An interval belongs to a range where its start does, and is always merged whole.
 *
 * @module
 */
import {
  READ_LIMIT_MAX,
  type RowPlace,
  type StatisticsQueries,
  type StatisticsQuery,
  type StatisticsRow,
} from "../ports/statistics_store.ts";
import { type Interval, INTERVAL_SIZES_MS, intervalStartMs } from "../stats/interval.ts";
import { mergeWindows } from "../stats/merge_windows.ts";
import { badParameter } from "./problem.ts";
import type { SummarisedRow } from "./statistics_row.ts";

/** Which intervals to read: those that start in `[fromMs, toMs)`. */
export interface IntervalQuery extends Omit<StatisticsQuery, "order"> {
  interval: Interval;
}

/** Where intervals are read from. */
export interface IntervalDeps {
  queries: Pick<StatisticsQueries, "statistics">;
  /** The present time: an interval that is not over is open. */
  nowMs: number;
  /** The size of a stored window, in ms: tells how many to read at once. */
  windowSizeMs: number;
}

/**
 * Reads up to `query.limit` intervals.
 *
 * @throws {RequestProblem} Where a stored window does not fit into the interval.
 */
export async function readIntervals(
  deps: IntervalDeps,
  query: IntervalQuery,
): Promise<SummarisedRow[]> {
  const { interval, fromMs, toMs, after, limit, ...filters } = query;
  const sizeMs = INTERVAL_SIZES_MS[interval];
  const firstNotBefore = (timeMs: number) => intervalStartMs(timeMs + sizeMs - 1, interval);
  const endMs = firstNotBefore(toMs);
  // All of one market's windows come by time: they need not be read interval by interval.
  const isOneMarket = filters.exchange !== undefined && filters.instrument !== undefined;

  const rows: SummarisedRow[] = [];
  let startMs = after?.startMs ?? firstNotBefore(fromMs);
  // After the last window that the interval can have: the next interval's first must not be passed over.
  let place = after && { ...after, startMs: after.startMs + sizeMs - 1 };
  while (rows.length < limit && startMs < endMs) {
    const [next] = await deps.queries.statistics({
      ...filters,
      fromMs: startMs,
      toMs: endMs,
      limit: 1,
    });
    if (next === undefined) break;
    const nextStartMs = intervalStartMs(next.startMs, interval);
    if (nextStartMs > startMs) place = undefined;
    const spanEndMs = isOneMarket ? endMs : nextStartMs + sizeMs;
    const span = {
      ...filters,
      fromMs: nextStartMs,
      toMs: spanEndMs,
      ...(place && { after: place }),
    };
    for await (const row of mergedSpan(deps, interval, { ...span, limit: limit - rows.length })) {
      rows.push(row);
    }
    startMs = spanEndMs;
    place = undefined;
  }
  return rows;
}

/** Merges the windows of a span, market by market: at most `limit` rows, and one row's windows held at a time. */
async function* mergedSpan(
  { queries, windowSizeMs, nowMs }: IntervalDeps,
  interval: Interval,
  query: StatisticsQuery,
): AsyncGenerator<SummarisedRow> {
  const windowsPerRow = Math.ceil(INTERVAL_SIZES_MS[interval] / windowSizeMs);
  const limit = Math.min(READ_LIMIT_MAX, (query.limit + 1) * windowsPerRow);
  let after = query.after;
  let windows: StatisticsRow[] = [];
  let rowCount = 0;
  for (;;) {
    const page: readonly StatisticsRow[] = await queries.statistics({
      ...query,
      order: "market",
      limit,
      ...(after && { after }),
    });
    for (const window of page) {
      if (windows.length > 0 && !isSameRow(windows[0]!, window, interval)) {
        yield mergedRow(windows, interval, nowMs);
        windows = [];
        if (++rowCount === query.limit) return;
      }
      windows.push(window);
    }
    if (page.length < limit) break;
    after = page.at(-1) as RowPlace;
  }
  if (windows.length > 0) yield mergedRow(windows, interval, nowMs);
}

function isSameRow(a: StatisticsRow, b: StatisticsRow, interval: Interval): boolean {
  return a.exchange === b.exchange && a.instrument === b.instrument &&
    intervalStartMs(a.startMs, interval) === intervalStartMs(b.startMs, interval);
}

function mergedRow(
  windows: readonly StatisticsRow[],
  interval: Interval,
  nowMs: number,
): SummarisedRow {
  const startMs = intervalStartMs(windows[0]!.startMs, interval);
  const endMs = startMs + INTERVAL_SIZES_MS[interval];
  const last = windows.at(-1)!;
  if (last.endMs > endMs) {
    const sizeMs = last.endMs - last.startMs;
    throw badParameter("interval", `is ${interval}: stored windows of ${sizeMs} ms do not fit`);
  }
  const merged = mergeWindows(windows, startMs, endMs);
  if (nowMs < endMs) merged.state = "open";
  // Only where the last window is sealed is it sure that none of those that are missing will come.
  else if (last.endMs < endMs && merged.state === "sealed") merged.state = "closed";
  const { exchange, instrument, base, quote } = last;
  return { exchange, instrument, base, quote, ...merged };
}
