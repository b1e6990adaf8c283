/**
 * Reads of whole ranges, for answers that no index gives: page by page, so that memory holds one page,
 * and never more rows than a request may cost.
 *
 * @module
 */
import type { DayQueries } from "../ports/day_statistics.ts";
import {
  type MarketQuery,
  READ_LIMIT_MAX,
  type StatisticsQueries,
  type StatisticsQuery,
  type StatisticsRow,
} from "../ports/statistics_store.ts";
import { type Interval, INTERVAL_SIZES_MS } from "../stats/interval.ts";
import { alignedRange, type IntervalDeps, isAsStored, mergePages } from "./intervals.ts";
import { RequestProblem } from "./problem.ts";
import { type SummarisedRow, summarisedRow } from "./statistics_row.ts";

/** Most rows that one request reads: windows of two days of 20,000 markets, or 50 of their days; some seconds. */
export const SCAN_ROWS_MAX = 1_000_000;

/** Windows of one page: SQLite reads them in some 20 ms, for which nothing else runs in this thread. */
const PAGE_ROWS = 5_000;

const DAY_MS = INTERVAL_SIZES_MS["1d"];

/** Which rows to scan: windows as stored, or intervals. */
export interface ScanQuery extends Omit<StatisticsQuery, "order" | "after" | "limit"> {
  interval?: Interval;
}

/** What scanning needs. */
export interface ScanDeps extends IntervalDeps {
  queries: Pick<StatisticsQueries, "statistics" | "latest"> & DayQueries;
  /** Aborts when nobody waits for the answer any more. */
  signal: AbortSignal;
  /** As {@link SCAN_ROWS_MAX}, unless given. */
  scanRowsMax?: number;
}

/**
 * All rows of a range, in pages, by market and time.
 *
 * @throws {RequestProblem} Where that are too many; or as {@link mergePages}.
 * @throws The signal's reason, where it aborts.
 */
export async function* scanRows(
  deps: ScanDeps,
  { interval, ...query }: ScanQuery,
): AsyncGenerator<SummarisedRow[]> {
  if (interval === undefined || isAsStored(interval, deps.windowSizeMs)) {
    for await (const page of scanWindows(deps, query)) yield page.map(summarisedRow);
  } else {
    const range = { ...query, ...alignedRange(query, interval) };
    // Days are merged already, most of them.
    const isOfDays = INTERVAL_SIZES_MS[interval] % DAY_MS === 0;
    const pages = isOfDays ? scanDays(deps, range) : scanWindows(deps, range);
    yield* mergePages(pages, interval, deps.nowMs);
  }
}

function scanDays(
  deps: ScanDeps,
  query: Omit<ScanQuery, "interval">,
): AsyncGenerator<readonly StatisticsRow[]> {
  const read: ReadPage = (page) => deps.queries.days({ ...query, ...page }, deps.signal);
  return scan(deps, READ_LIMIT_MAX, read);
}

function scanWindows(
  deps: ScanDeps,
  query: Omit<ScanQuery, "interval">,
): AsyncGenerator<readonly StatisticsRow[]> {
  const read: ReadPage = (page) =>
    deps.queries.statistics({ ...query, ...page, order: "market" }, deps.signal);
  return scan(deps, PAGE_ROWS, read);
}

/** The latest row of all markets that match, in pages, by market. @throws {RequestProblem} As {@link scanRows}. */
export async function* scanLatest(
  deps: ScanDeps,
  query: Omit<MarketQuery, "after" | "limit">,
): AsyncGenerator<SummarisedRow[]> {
  const read: ReadPage = (page) => deps.queries.latest({ ...query, ...page }, deps.signal);
  const pages = scan(deps, PAGE_ROWS, read);
  for await (const page of pages) yield page.map(summarisedRow);
}

type ReadPage = (page: { after?: StatisticsRow; limit: number }) => Promise<
  readonly StatisticsRow[]
>;

async function* scan(
  { scanRowsMax = SCAN_ROWS_MAX, signal }: ScanDeps,
  limit: number,
  read: ReadPage,
): AsyncGenerator<readonly StatisticsRow[]> {
  let after: StatisticsRow | undefined;
  for (let rowCount = 0;;) {
    signal.throwIfAborted();
    const page = await read({ limit, ...(after && { after }) });
    rowCount += page.length;
    if (rowCount > scanRowsMax) throw tooManyRows(scanRowsMax);
    yield page;
    after = page.at(-1);
    if (page.length < limit) return;
    // A store in this thread has blocked it: let others have their turn.
    await new Promise<void>((resolve) => setTimeout(resolve, 0));
  }
}

function tooManyRows(scanRowsMax: number): RequestProblem {
  return new RequestProblem(400, {
    detail:
      `This asks for more than ${scanRowsMax} windows at once: narrow it by from and to, or ` +
      "by filters",
  });
}
