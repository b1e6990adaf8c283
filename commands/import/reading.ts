/**
 * All files of an import, read and sorted.
 *
 * @module
 */
import type { Output } from "../command.ts";
import { readRows } from "./input.ts";
import { showProgress } from "./progress.ts";
import type { Report } from "./report.ts";
import type { RowLimits } from "./rows.ts";
import { SampleSorter, type SortOrder } from "./sample_sorter.ts";

/** What is read. */
export interface ReadingInput {
  paths: readonly string[];
  /** Of all files together; 0 where nobody knows. */
  byteCount: number;
  limits: RowLimits;
  /** Where to put what memory does not hold. */
  spillPath: string;
}

/**
 * Reads all files.
 *
 * @returns Their rows, to be disposed of.
 * @throws {Error} Where a file cannot be read.
 */
export async function readSorted(
  { paths, byteCount, limits, spillPath }: ReadingInput,
  order: SortOrder,
  report: Report,
  output: Output,
): Promise<SampleSorter> {
  using stack = new DisposableStack();
  const sorter = stack.use(new SampleSorter(spillPath, order));
  using progress = showProgress("Reading", byteCount, output);
  let bytesRead = 0;
  for (const path of paths) {
    for await (const batch of readRows(path, limits, (count) => bytesRead += count)) {
      for (const row of batch.rows) sorter.add(row);
      report.note(path, batch);
      progress.update(bytesRead);
    }
  }
  stack.move();
  return sorter;
}
