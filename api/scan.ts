/**
 * Reads of whole ranges, for answers that no index gives: page by page, so that memory holds one page,
 * and never more rows than a request may cost.
 *
 * @module
 */
import type {
  MarketQuery,
  StatisticsQueries,
  StatisticsQuery,
  StatisticsRow,
} from "../ports/statistics_store.ts";
import type { Interval } from "../stats/interval.ts";
import { alignedRange, type IntervalDeps, isAsStored, mergePages } from "./intervals.ts";
import { RequestProblem } from "./problem.ts";
import { type SummarisedRow, summarisedRow } from "./statistics_row.ts";

/** Most rows that one request reads: two days of 20,000 markets; some seconds. */
export const SCAN_ROWS_MAX = 1_000_000;

/** Rows of one page: SQLite reads them in some 20 ms, for which nothing else runs in this thread. */
const PAGE_ROWS = 5_000;

/** Which rows to scan: windows as stored, or intervals. */
export interface ScanQuery extends Omit<StatisticsQuery, "order" | "after" | "limit"> {
  interval?: Interval;
}

/** What scanning needs. */
export interface ScanDeps extends IntervalDeps {
  queries: Pick<StatisticsQueries, "statistics" | "latest">;
  /** As {@link SCAN_ROWS_MAX}, unless given. */
  scanRowsMax?: number;
}

/**
 * All rows of a range, in pages, by market and time.
 *
 * @throws {RequestProblem} Where that are too many; or as {@link mergePages}.
 */
export async function* scanRows(
  deps: ScanDeps,
  { interval, ...query }: ScanQuery,
): AsyncGenerator<SummarisedRow[]> {
  if (interval === undefined || isAsStored(interval, deps.windowSizeMs)) {
    for await (const page of scanWindows(deps, query)) yield page.map(summarisedRow);
  } else {
    const range = alignedRange(query, interval);
    yield* mergePages(scanWindows(deps, { ...query, ...range }), interval, deps.nowMs);
  }
}

function scanWindows(
  deps: ScanDeps,
  query: Omit<ScanQuery, "interval">,
): AsyncGenerator<readonly StatisticsRow[]> {
  return scan(deps, (page) => deps.queries.statistics({ ...query, ...page, order: "market" }));
}

/** The latest row of all markets that match, in pages, by market. @throws {RequestProblem} As {@link scanRows}. */
export async function* scanLatest(
  deps: ScanDeps,
  query: Omit<MarketQuery, "after" | "limit">,
): AsyncGenerator<SummarisedRow[]> {
  const pages = scan(deps, (page) => deps.queries.latest({ ...query, ...page }));
  for await (const page of pages) yield page.map(summarisedRow);
}

async function* scan(
  { scanRowsMax = SCAN_ROWS_MAX }: ScanDeps,
  read: (page: { after?: StatisticsRow; limit: number }) => Promise<readonly StatisticsRow[]>,
): AsyncGenerator<readonly StatisticsRow[]> {
  let after: StatisticsRow | undefined;
  for (let rowCount = 0;;) {
    const page = await read({ limit: PAGE_ROWS, ...(after && { after }) });
    rowCount += page.length;
    if (rowCount > scanRowsMax) throw tooManyRows(scanRowsMax);
    yield page;
    after = page.at(-1);
    if (page.length < PAGE_ROWS) return;
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
