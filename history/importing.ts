/**
 * History, folded beside the live partitions and upserted into the store as `import`. Safe to run
 * twice: of two rows of a window the one that counts more samples stands.
 *
 * @module
 */
import type { StatisticsSink } from "../ports/statistics_store.ts";
import { Folding, type FoldingOptions } from "./folding.ts";
import { type ReadingOptions, samplesOf } from "./reading.ts";

/** What came of an import. */
export interface Imported {
  counted: number;
  duplicate: number;
  windowCount: number;
}

/** Reads all files, folds them and stores every window; resolves when the store has everything. */
export async function importHistory(
  paths: readonly string[],
  sink: Pick<StatisticsSink, "writeStatistics">,
  reading: ReadingOptions,
  folding: FoldingOptions,
): Promise<Imported> {
  using windows = new Folding(folding);
  for (const path of paths) {
    for await (const samples of samplesOf(path, reading)) {
      for (const sample of samples) windows.count(sample);
    }
  }
  let windowCount = 0;
  for (const page of windows.windows()) {
    await sink.writeStatistics(page);
    windowCount += page.length;
  }
  return { counted: windows.counted, duplicate: windows.duplicate, windowCount };
}
