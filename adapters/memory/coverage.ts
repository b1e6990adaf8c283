/**
 * What is missing among windows in memory, and what polls say of it.
 *
 * @module
 */
import type { GapQuery, GapRow, PollCounts } from "../../ports/coverage_queries.ts";
import type { PollRecord, StatisticsRow } from "../../ports/statistics_store.ts";
import { marketOf } from "../../stats/sample.ts";
import { comparePlaces, compareText } from "../../ports/order.ts";

/** Windows that are not whole, of those rows. */
export function gapsOf(rows: readonly StatisticsRow[], query: GapQuery): GapRow[] {
  const { fromMs, toMs, windowSizeMs, after, limit } = query;
  const markets = Map.groupBy(rows, marketOf);
  const gaps: GapRow[] = [];
  for (const windows of markets.values()) {
    const byStart = new Map(windows.map((row) => [row.startMs, row]));
    const starts = [...byStart.keys()];
    const { exchange, instrument, base, quote } = windows[0]!;
    const lastMs = Math.min(Math.max(...starts), toMs - 1);
    const firstMs = Math.max(Math.min(...starts), Math.ceil(fromMs / windowSizeMs) * windowSizeMs);
    for (let startMs = firstMs; startMs <= lastMs; startMs += windowSizeMs) {
      const row = byStart.get(startMs);
      if (row !== undefined && isWhole(row)) continue;
      const { tickCount = null, intervalMs = null } = row ?? {};
      gaps.push({ startMs, exchange, instrument, base, quote, tickCount, intervalMs });
    }
  }
  return gaps.filter((gap) => after === undefined || comparePlaces("time", gap, after) > 0)
    .sort((a, b) => comparePlaces("time", a, b)).slice(0, limit);
}

function isWhole({ state, startMs, endMs, tickCount, intervalMs }: StatisticsRow): boolean {
  return state === "open" || intervalMs === null || tickCount * intervalMs >= endMs - startMs;
}

/** What polls were, per source and window. */
export function pollCountsOf(
  polls: readonly PollRecord[],
  { fromMs, toMs, windowSizeMs }: { fromMs: number; toMs: number; windowSizeMs: number },
): PollCounts[] {
  const counts = new Map<string, PollCounts>();
  for (const { source, tickMs, outcome, reason } of polls.toSorted((a, b) => a.tickMs - b.tickMs)) {
    if (tickMs < fromMs || tickMs >= toMs) continue;
    const startMs = Math.floor(tickMs / windowSizeMs) * windowSizeMs;
    const none = { source, startMs, okCount: 0, skippedCount: 0, failedCount: 0, reason: null };
    const count: PollCounts = counts.get(`${startMs} ${source}`) ?? none;
    count[`${outcome}Count`]++;
    if (outcome !== "ok") count.reason = reason;
    counts.set(`${startMs} ${source}`, count);
  }
  return [...counts.values()].sort((a, b) =>
    a.startMs - b.startMs || compareText(a.source, b.source)
  );
}
