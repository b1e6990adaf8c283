/**
 * What an import says of its rows: those refused while it runs, the sums at its end.
 *
 * @module
 */
import type { Output } from "../command.ts";
import type { RowBatch } from "./input.ts";

/** Refused lines that are shown; the others are counted. */
const SHOWN_MAX = 20;

const number = new Intl.NumberFormat("en");

/** How an import ended. */
export interface Ended {
  countedCount: number;
  /** Samples whose tick was counted before. */
  duplicateCount: number;
  /** Samples refused after they were read, by reason. */
  rejected: Readonly<Record<string, number>>;
  windowCount: number;
  /** Windows that the store had already, or had more samples of. */
  unchangedCount: number;
  seconds: number;
}

/** Counts rows and writes about them. */
export class Report {
  /** Rows read, refused ones not among them. */
  rowCount = 0;
  #refusedCount = 0;
  readonly #refused = new Map<string, number>();

  constructor(private readonly output: Output) {}

  /** Takes note of a batch, and shows the first lines that were refused. */
  note(path: string, { rows, refused }: RowBatch): void {
    this.rowCount += rows.length;
    for (const { reason, detail, lineNumber } of refused) {
      this.#refused.set(reason, (this.#refused.get(reason) ?? 0) + 1);
      this.#refusedCount++;
      if (this.#refusedCount <= SHOWN_MAX) this.output.err(`${path}:${lineNumber}: ${detail}\n`);
      if (this.#refusedCount === SHOWN_MAX) this.output.err("… further ones are only counted\n");
    }
  }

  /** Writes the sums. */
  print(ended: Ended): void {
    const { countedCount, duplicateCount, rejected, windowCount, unchangedCount, seconds } = ended;
    const left = [...this.#refused, ...Object.entries(rejected), ["duplicate", duplicateCount]]
      .filter(([, count]) => Number(count) > 0)
      .map(([reason, count]) => `${number.format(Number(count))} ${reason}`);
    const sums = [
      `counted ${number.format(countedCount)} samples`,
      `in ${number.format(windowCount)} windows`,
      `refused ${left.length === 0 ? "none" : left.join(", ")}`,
      ...(unchangedCount > 0
        ? [`${number.format(unchangedCount)} windows were stored before`]
        : []),
      `${seconds.toFixed(1)} s`,
    ];
    this.output.out(`${sums.join("; ")}\n`);
  }
}
