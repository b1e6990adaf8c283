/**
 * History folded into windows beside the live partitions, by the same arithmetic.
 *
 * @module
 */
import { splitInstrument } from "../../adapters/sources/instrument_assets.ts";
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
import type { Row } from "./rows.ts";

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

/**
 * The sample of a row; its tick is the start of the interval it lies in, and what is priced in what is
 * read off its instrument's name, where that is certain.
 */
export function sampleOf(
  { exchange, instrument, timestampMs, price }: Readonly<Row>,
  intervalMs: number | null,
): Sample {
  const sample = { exchange, instrument, ...splitInstrument(instrument), price, timestampMs };
  if (intervalMs === null) return sample;
  const tickMs = Math.floor(timestampMs / intervalMs) * intervalMs;
  return { ...sample, tickMs, intervalMs };
}

/**
 * The windows of rows sorted by market and time, closed. Of the rows of one tick the first counts.
 *
 * @param counts Kept up to date.
 */
export function* foldRows(
  sorted: Iterable<Row>,
  { windowSizeMs, intervalMs }: FoldingConfig,
  counts: FoldingCounts,
): Generator<StatisticsRecord> {
  let window: WindowState | null = null;
  for (const row of sorted) {
    const sample = sampleOf(row, intervalMs);
    if (
      window?.startMs !== windowStartMs(row.timestampMs, windowSizeMs) ||
      window.instrument !== row.instrument || window.exchange !== row.exchange
    ) {
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

function closed(window: WindowState, counts: FoldingCounts): StatisticsRecord {
  window.closed = true;
  counts.windowCount++;
  return { window, revision: revisionOf(window), streamMs: window.endMs };
}
