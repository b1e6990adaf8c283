/**
 * Where in `samples` a take-over must begin to read to know when each market was heard of last: as far
 * back as the longest silence that a rule is about. Pure.
 *
 * @module
 */

/** A record's place and time. */
export type Mark = [offset: number, appendMs: number];

/** So many marks stand for the whole reach: a take-over reads a fiftieth more than it must. */
const MARK_COUNT = 50;

/** Marks along the topic. */
export class SampleMarks {
  /** Oldest first. */
  readonly marks: Mark[];

  /**
   * @param reachMs The longest silence, in ms; 0: nothing need be read.
   * @param marks As they were at a checkpoint.
   */
  constructor(private readonly reachMs: number, marks: readonly Mark[] = []) {
    this.marks = reachMs === 0 ? [] : [...marks];
  }

  /** Notes a record, in the log's order. */
  note(offset: number, appendMs: number): void {
    const { marks, reachMs } = this;
    if (reachMs === 0) return;
    const last = marks.at(-1);
    if (last !== undefined && appendMs - last[1] < reachMs / MARK_COUNT) return;
    marks.push([offset, appendMs]);
    while (marks.length > 1 && marks[1]![1] <= appendMs - reachMs) marks.shift();
  }

  /** From where to read; `otherwise` where nothing was noted. */
  from(otherwise: number): number {
    return this.marks[0]?.[0] ?? otherwise;
  }
}
