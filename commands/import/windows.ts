/**
 * The import into the store: rows → sorted → windows → upserts.
 *
 * @module
 */
import pRetry from "p-retry";
import type { StatisticsRecord, StatisticsSink } from "../../ports/statistics_store.ts";
import type { Output } from "../command.ts";
import { type FoldingConfig, foldRows } from "./folding.ts";
import { showProgress } from "./progress.ts";
import type { Ended, Report } from "./report.ts";
import { type ReadingInput, readSorted } from "./reading.ts";

/** Windows written at once. */
const WINDOWS_PER_WRITE = 2000;

/** While a running process writes to the store, it is locked for moments. */
const LOCKED_RETRIES = { retries: 10, minTimeout: 50, maxTimeout: 2000 };

/** What is imported, and how. */
export type ImportInput = ReadingInput & FoldingConfig;

/**
 * Stores the windows of all rows. Nothing is stored before everything was read.
 *
 * @throws {Error} Where a file cannot be read or the store cannot be written.
 */
export async function importWindows(
  input: ImportInput,
  sink: Pick<StatisticsSink, "writeStatistics">,
  report: Report,
  output: Output,
): Promise<Ended> {
  const startedMs = performance.now();
  using sorter = await readSorted(input, "market", report, output);

  const counts = { countedCount: 0, duplicateCount: 0, windowCount: 0 };
  let changedCount = 0;
  using progress = showProgress("Storing", report.rowCount, output);
  const write = async (records: readonly StatisticsRecord[]) => {
    changedCount += await pRetry(() => sink.writeStatistics(records), {
      ...LOCKED_RETRIES,
      shouldRetry: ({ error }) => error.message.includes("another process is using it"),
    });
    progress.update(counts.countedCount + counts.duplicateCount);
  };
  let records: StatisticsRecord[] = [];
  for (const record of foldRows(sorter.sorted(), input, counts)) {
    records.push(record);
    if (records.length < WINDOWS_PER_WRITE) continue;
    await write(records);
    records = [];
  }
  if (records.length > 0) await write(records);
  return {
    ...counts,
    rejected: {},
    unchangedCount: counts.windowCount - changedCount,
    seconds: (performance.now() - startedMs) / 1000,
  };
}
