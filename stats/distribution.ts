/**
 * How the values of many rows are spread.
 *
 * @module
 */
import { add, emptyMoments } from "./moments.ts";

/** Where values lie; all `null` where there is none. */
export interface Spread {
  mean: number | null;
  /** The middle one; of an even number the mean of the two in the middle. */
  median: number | null;
  max: number | null;
}

/** Collects values, 8 bytes each: an exact median needs them all. */
export class Distribution {
  readonly #values: number[] = [];
  readonly #moments = emptyMoments();

  /** Takes a value in; `null` is none. */
  add(value: number | null): void {
    if (value === null) return;
    this.#values.push(value);
    add(this.#moments, value);
  }

  /** The spread of all values so far; of one sign, the mean is exact to 1e-15. */
  read(): Spread {
    const values = Float64Array.from(this.#values).sort();
    if (values.length === 0) return { mean: null, median: null, max: null };
    const half = values.length >> 1;
    const upper = values[half]!;
    const median = values.length % 2 === 1 ? upper : (values[half - 1]! + upper) / 2;
    return { mean: this.#moments.meanHi, median, max: values.at(-1)! };
  }
}
