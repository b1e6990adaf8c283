/**
 * Lists without gaps, `fill=null`: a row for every window or interval of a range and every market, also
 * where nothing was counted.
 *
 * @module
 */
import { comparePlaces } from "../ports/order.ts";
import type { MarketRow, StatisticsQueries, StatisticsQuery } from "../ports/statistics_store.ts";
import { type Interval, INTERVAL_SIZES_MS, intervalStartMs } from "../stats/interval.ts";
import { type IntervalDeps, readRows } from "./intervals.ts";
import { badParameter } from "./problem.ts";
import type { MissingRow, SummarisedRow } from "./statistics_row.ts";

/** Most windows of one market in a range that is filled: more than a year of hours. */
export const FILL_WINDOWS_MAX = 10_000;

/** Which rows to read. */
export interface FillQuery extends Omit<StatisticsQuery, "order"> {
  interval?: Interval;
}

/** Where they are read from. */
export interface FillDeps extends IntervalDeps {
  queries: Pick<StatisticsQueries, "statistics" | "markets">;
}

/** The starts of the windows or intervals of a range. */
interface Grid {
  fromMs: number;
  toMs: number;
  sizeMs: number;
  /** The first start at a time or after it. */
  startNotBefore(timeMs: number): number;
}

/**
 * Reads up to `query.limit` rows, by time and market. A window that is stored off the others' starts
 * is a row as well.
 *
 * @throws {RequestProblem} Where the range has too many windows; or as {@link readRows}.
 */
export async function readFilled(
  deps: FillDeps,
  query: FillQuery,
): Promise<(SummarisedRow | MissingRow)[]> {
  const { limit } = query;
  const grid = gridOf(query, deps.windowSizeMs);
  // A page of rows has at most as many that are stored, and goes through at most as many markets.
  const stored = await readRows(deps, query);
  const filled: (SummarisedRow | MissingRow)[] = [];
  let storedCount = 0;
  for await (const missing of allRows(deps, query, grid)) {
    let order = -1;
    while (order < 0 && filled.length < limit) {
      const next = stored[storedCount];
      order = next === undefined ? 1 : comparePlaces("time", next, missing);
      filled.push(order > 0 ? missing : next!);
      if (order <= 0) storedCount++;
    }
    if (filled.length >= limit) return filled;
  }
  return filled.concat(stored.slice(storedCount, storedCount + limit - filled.length));
}

function gridOf({ fromMs, toMs, interval }: FillQuery, windowSizeMs: number): Grid {
  const sizeMs = interval === undefined ? windowSizeMs : INTERVAL_SIZES_MS[interval];
  const startNotBefore = (timeMs: number) =>
    interval === undefined
      ? Math.ceil(timeMs / sizeMs) * sizeMs
      : intervalStartMs(timeMs + sizeMs - 1, interval);
  const grid = { fromMs: startNotBefore(fromMs), toMs: startNotBefore(toMs), sizeMs };
  const windowCount = (grid.toMs - grid.fromMs) / sizeMs;
  if (windowCount <= FILL_WINDOWS_MAX) return { ...grid, startNotBefore };
  throw badParameter(
    "to",
    `is ${windowCount} windows after from: fill=null takes at most ${FILL_WINDOWS_MAX}`,
  );
}

/** A row for every place after `after`, as if none was stored. */
async function* allRows(
  { queries, nowMs }: FillDeps,
  { after, limit, interval: _, fromMs: __, toMs: ___, ...filters }: FillQuery,
  grid: Grid,
): AsyncGenerator<MissingRow> {
  const rowOf = ({ exchange, instrument, base, quote }: MarketRow, startMs: number): MissingRow => {
    const endMs = startMs + grid.sizeMs;
    const state = nowMs < endMs ? "open" : "closed";
    return { exchange, instrument, base, quote, startMs, endMs, state };
  };
  let startMs = Math.max(grid.fromMs, grid.startNotBefore(after?.startMs ?? 0));
  if (after !== undefined && startMs === after.startMs && startMs < grid.toMs) {
    const markets = await queries.markets({ ...filters, after, limit });
    for (const market of markets) yield rowOf(market, startMs);
    startMs += grid.sizeMs;
  }
  if (startMs >= grid.toMs) return;
  const markets = await queries.markets({ ...filters, limit });
  for (; markets.length > 0 && startMs < grid.toMs; startMs += grid.sizeMs) {
    for (const market of markets) yield rowOf(market, startMs);
  }
}
