/**
 * Pages of intervals: stored windows in, one merged row per market and interval out, by time and
 * market. An interval belongs to a range where its start does, and is always merged whole.
 *
 * @module
 */
import { isOneMarket } from "../ports/market_filters.ts";
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
import { type SummarisedRow, summarisedRow } from "./statistics_row.ts";

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

/** Whether the interval's rows are windows as they are stored, which need not be merged. */
export function isAsStored(
  interval: Interval,
  windowSizeMs: number,
): boolean {
  return INTERVAL_SIZES_MS[interval] === windowSizeMs;
}

/**
 * Reads up to `query.limit` rows, by time and market: windows, or intervals.
 *
 * @throws {RequestProblem} As {@link readIntervals}.
 */
export async function readRows(
  deps: IntervalDeps,
  { interval, ...query }: Omit<StatisticsQuery, "order"> & { interval?: Interval },
): Promise<SummarisedRow[]> {
  if (interval === undefined || isAsStored(interval, deps.windowSizeMs)) {
    return (await deps.queries.statistics(query)).map(summarisedRow);
  }
  return await readIntervals(deps, { ...query, interval });
}

/** The range that holds the whole of every interval that starts in `[fromMs, toMs)`. */
export function alignedRange(
  { fromMs, toMs }: { fromMs: number; toMs: number },
  interval: Interval,
): { fromMs: number; toMs: number } {
  const firstNotBefore = (timeMs: number) =>
    intervalStartMs(timeMs + INTERVAL_SIZES_MS[interval] - 1, interval);
  return { fromMs: firstNotBefore(fromMs), toMs: firstNotBefore(toMs) };
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
  const { interval, fromMs: _, toMs: __, after, limit, ...filters } = query;
  const sizeMs = INTERVAL_SIZES_MS[interval];
  const { fromMs, toMs: endMs } = alignedRange(query, interval);
  // All of one market's windows come by time: they need not be read interval by interval.
  const isOne = isOneMarket(filters);

  const rows: SummarisedRow[] = [];
  let startMs = after?.startMs ?? fromMs;
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
    const spanEndMs = isOne ? endMs : nextStartMs + sizeMs;
    const span = {
      ...filters,
      fromMs: nextStartMs,
      toMs: spanEndMs,
      ...(place && { after: place }),
    };
    const pages = pagesOf(deps, interval, { ...span, limit: limit - rows.length });
    for await (const page of mergePages(pages, interval, deps.nowMs)) {
      rows.push(...page.slice(0, limit - rows.length));
      if (rows.length === limit) break;
    }
    startMs = spanEndMs;
    place = undefined;
  }
  return rows;
}

/** The windows of a span, by market: so many at once that they make the rows that are wanted. */
async function* pagesOf(
  { queries, windowSizeMs }: IntervalDeps,
  interval: Interval,
  query: StatisticsQuery,
): AsyncGenerator<readonly StatisticsRow[]> {
  const windowsPerRow = Math.ceil(INTERVAL_SIZES_MS[interval] / windowSizeMs);
  const limit = Math.min(READ_LIMIT_MAX, (query.limit + 1) * windowsPerRow);
  let after = query.after;
  for (;;) {
    const page: readonly StatisticsRow[] = await queries.statistics({
      ...query,
      order: "market",
      limit,
      ...(after && { after }),
    });
    yield page;
    if (page.length < limit) return;
    after = page.at(-1) as RowPlace;
  }
}

/**
 * Merges windows that come in pages, by market and time, and gives the rows that each page completes;
 * one row's windows are held.
 *
 * @throws {RequestProblem} Where a window does not fit into the interval.
 */
export async function* mergePages(
  pages: AsyncIterable<readonly StatisticsRow[]>,
  interval: Interval,
  nowMs: number,
): AsyncGenerator<SummarisedRow[]> {
  let windows: StatisticsRow[] = [];
  for await (const page of pages) {
    const rows: SummarisedRow[] = [];
    for (const window of page) {
      const [first] = windows;
      if (first !== undefined && !isSameRow(first, window, interval)) {
        rows.push(mergedRow(windows, interval, nowMs));
        windows = [];
      }
      windows.push(window);
    }
    yield rows;
  }
  if (windows.length > 0) yield [mergedRow(windows, interval, nowMs)];
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
