/**
 * History folded into windows beside the live partitions, by the same arithmetic.
 *
 * @module
 */
import type { StatisticsRecord } from "../../ports/statistics_store.ts";
import type { Sample } from "../../stats/sample.ts";
import {
  countSample,
  isDuplicate,
  openWindow,
  revisionOf,
  windowStartMs,
  type WindowState,
} from "../../stats/window.ts";
import type { MarketRows } from "./sample_sorter.ts";

/** What imported windows are called by. */
export const IMPORT_ORIGIN = "import";

/** How rows become windows; in ms. */
export interface FoldingConfig {
  windowSizeMs: number;
  /** The spacing of ticks; `null`: the rows bear none. */
  intervalMs: number | null;
}

/** Of what was folded so far. */
export interface FoldingCounts {
  countedCount: number;
  duplicateCount: number;
  windowCount: number;
}

/** The sample of a row; its tick is the start of the interval it lies in. */
export function sampleOf(
  market: { exchange: string; instrument: string },
  { timeMs, price }: Readonly<{ timeMs: number; price: number }>,
  intervalMs: number | null,
): Sample {
  const { exchange, instrument } = market;
  const sample = { exchange, instrument, price, timestampMs: timeMs };
  if (intervalMs === null) return sample;
  return { ...sample, tickMs: Math.floor(timeMs / intervalMs) * intervalMs, intervalMs };
}

/**
 * The windows of sorted rows, closed. Of the rows of one tick the first counts.
 *
 * @param counts Kept up to date.
 */
export function* foldRows(
  markets: Iterable<MarketRows>,
  { windowSizeMs, intervalMs }: FoldingConfig,
  counts: FoldingCounts,
): Generator<StatisticsRecord> {
  for (const market of markets) {
    let window: WindowState | null = null;
    for (const row of market.rows) {
      const sample = sampleOf(market, row, intervalMs);
      if (window?.startMs !== windowStartMs(row.timeMs, windowSizeMs)) {
        if (window !== null) yield closed(window, counts);
        window = openWindow(sample, windowSizeMs, IMPORT_ORIGIN);
      }
      if (isDuplicate(window, sample)) {
        counts.duplicateCount++;
        continue;
      }
      // The place among the window's own rows, so that nothing else of the import shows in the window.
      countSample(window, sample, window.count);
      counts.countedCount++;
    }
    if (window !== null) yield closed(window, counts);
  }
}

function closed(window: WindowState, counts: FoldingCounts): StatisticsRecord {
  window.closed = true;
  counts.windowCount++;
  return { window, revision: revisionOf(window), streamMs: window.endMs };
}
