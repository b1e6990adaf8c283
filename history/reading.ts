/**
 * Reads history files into samples; what cannot be read is counted and shown, and the rest goes on.
 *
 * @module
 */
import type { Sample } from "../stats/sample.ts";
import { linesOf } from "./lines.ts";
import { type RowReader, rowReader } from "./rows.ts";

/** Problems shown in full; further ones are only counted. */
const PROBLEMS_SHOWN_MAX = 20;

/** What was refused. */
export interface Refusals {
  count: number;
  /** The first of them: file, line number and reason. */
  shown: string[];
}

/** How files are read. */
export interface ReadingOptions {
  intervalMs: number | null;
  refusals: Refusals;
  onBytes(byteCount: number): void;
}

/** A file's samples, some thousand at a time, in its order. */
export async function* samplesOf(path: string, options: ReadingOptions): AsyncGenerator<Sample[]> {
  const { refusals, intervalMs, onBytes } = options;
  let read: RowReader | null = null;
  for await (const lines of linesOf(path, onBytes)) {
    const samples: Sample[] = [];
    for (const { number, text } of lines) {
      if (text?.trim() === "") continue;
      if (read === null) {
        const first = readerFor(path, text, intervalMs);
        read = first.read;
        if (first.isHeader) continue;
      }
      const row = text === null ? { problem: "too long" } : read(text);
      if ("problem" in row) refuse(refusals, `${path}, line ${number}: ${row.problem}`);
      else samples.push(row);
    }
    if (samples.length > 0) yield samples;
  }
}

function readerFor(path: string, firstLine: string | null, intervalMs: number | null) {
  try {
    return rowReader(firstLine ?? "", intervalMs);
  } catch (cause) {
    throw new Error(`${path}: ${(cause as Error).message}`, { cause });
  }
}

function refuse(refusals: Refusals, problem: string): void {
  refusals.count++;
  if (refusals.shown.length < PROBLEMS_SHOWN_MAX) refusals.shown.push(problem);
}

/**
 * The samples of several files in the order of their times, as long as each file is in that order:
 * the earliest next one of any file comes first, so that memory holds one batch a file.
 */
export async function* mergedSamplesOf(
  paths: readonly string[],
  options: ReadingOptions,
): AsyncGenerator<Sample> {
  const heads: { batch: Sample[]; at: number; rest: AsyncGenerator<Sample[]> }[] = [];
  for (const path of paths) {
    const rest = samplesOf(path, options);
    const { value, done } = await rest.next();
    if (!done) heads.push({ batch: value, at: 0, rest });
  }
  while (heads.length > 0) {
    let first = heads[0]!;
    for (const head of heads) {
      if (head.batch[head.at]!.timestampMs < first.batch[first.at]!.timestampMs) first = head;
    }
    yield first.batch[first.at++]!;
    if (first.at < first.batch.length) continue;
    const { value, done } = await first.rest.next();
    if (done) heads.splice(heads.indexOf(first), 1);
    else [first.batch, first.at] = [value, 0];
  }
}
