/**
 * Count, mean and sum of squared deviations of a stream, exact to the last digits.
 *
 * Updated by Welford's recurrence (Welford 1962) and merged by Chan's formula (Chan, Golub and
 * LeVeque 1979), both in double-double arithmetic. Never a sum of squares, never a mean of means.
 *
 * @module
 */
import * as dd from "./double_double.ts";

/**
 * The moments of `count` numbers. `meanHi + meanLo` is their mean, `m2Hi + m2Lo` the sum of their
 * squared deviations from it.
 */
export interface Moments {
  /** How many numbers; an integer ≥ 0. */
  count: number;
  meanHi: number;
  meanLo: number;
  m2Hi: number;
  m2Lo: number;
}

/** What {@link summarise} reads off the moments. */
export interface Summary {
  mean: number;
  /** Sample variance (n − 1); `null` for a single number. */
  variance: number | null;
  /** Sample standard deviation (n − 1); `null` for a single number. */
  stddev: number | null;
  /** Population standard deviation (n). */
  stddevPopulation: number;
}

/** The largest number that the arithmetic takes: its square, times any count, is still finite. */
export const MAGNITUDE_MAX = 1e100;

/**
 * The moments of nothing.
 *
 * @example
 * ```ts
 * import { add, emptyMoments, summarise } from "./moments.ts";
 * import { strictEqual } from "node:assert";
 * const moments = emptyMoments();
 * for (const price of [1, 2, 3]) add(moments, price);
 * strictEqual(summarise(moments).mean, 2);
 * strictEqual(summarise(moments).stddev, 1);
 * ```
 */
export function emptyMoments(): Moments {
  return { count: 0, meanHi: 0, meanLo: 0, m2Hi: 0, m2Lo: 0 };
}

/**
 * Counts `x` in, in place.
 *
 * @param into The moments to change.
 * @param x Finite, |x| ≤ {@link MAGNITUDE_MAX}.
 */
export function add(into: Moments, x: number): void {
  const n = into.count + 1;
  into.count = n;
  dd.subtract(x, 0, into.meanHi, into.meanLo);
  const deltaHi = dd.hi;
  const deltaLo = dd.lo;
  dd.divide(deltaHi, deltaLo, n);
  dd.add(into.meanHi, into.meanLo, dd.hi, dd.lo);
  into.meanHi = dd.hi;
  into.meanLo = dd.lo;
  dd.subtract(x, 0, into.meanHi, into.meanLo);
  dd.multiply(deltaHi, deltaLo, dd.hi, dd.lo);
  dd.add(into.m2Hi, into.m2Lo, dd.hi, dd.lo);
  into.m2Hi = dd.hi;
  into.m2Lo = dd.lo;
}

/** Counts all that `from` holds into `into`, in place; the order does not matter. */
export function merge(into: Moments, from: Readonly<Moments>): void {
  if (from.count === 0) return;
  const n = into.count + from.count;
  dd.subtract(from.meanHi, from.meanLo, into.meanHi, into.meanLo);
  const deltaHi = dd.hi;
  const deltaLo = dd.lo;
  // mean += delta · (from.count ÷ n)
  dd.multiply(deltaHi, deltaLo, from.count, 0);
  dd.divide(dd.hi, dd.lo, n);
  const shiftHi = dd.hi;
  const shiftLo = dd.lo;
  // m2 += from.m2 + delta · shift · into.count
  dd.multiply(deltaHi, deltaLo, shiftHi, shiftLo);
  dd.multiply(dd.hi, dd.lo, into.count, 0);
  dd.add(dd.hi, dd.lo, from.m2Hi, from.m2Lo);
  dd.add(into.m2Hi, into.m2Lo, dd.hi, dd.lo);
  into.m2Hi = dd.hi;
  into.m2Lo = dd.lo;
  dd.add(into.meanHi, into.meanLo, shiftHi, shiftLo);
  into.meanHi = dd.hi;
  into.meanLo = dd.lo;
  into.count = n;
}

/**
 * Mean, variance and standard deviations.
 *
 * @throws {RangeError} Where nothing was counted.
 */
export function summarise(moments: Readonly<Moments>): Summary {
  const { count } = moments;
  if (count === 0) throw new RangeError("Cannot summarise moments of no numbers");
  const m2Hi = Math.max(moments.m2Hi, 0);
  dd.divide(m2Hi, moments.m2Hi > 0 ? moments.m2Lo : 0, count);
  const stddevPopulation = squareRoot(dd.hi, dd.lo);
  let variance: number | null = null;
  let stddev: number | null = null;
  if (count > 1) {
    dd.divide(m2Hi, moments.m2Hi > 0 ? moments.m2Lo : 0, count - 1);
    variance = dd.hi;
    stddev = squareRoot(dd.hi, dd.lo);
  }
  return { mean: moments.meanHi, variance, stddev, stddevPopulation };
}

/** One Newton step from the double's root is exact to the last digit (Karp and Markstein 1997). */
function squareRoot(aHi: number, aLo: number): number {
  if (aHi === 0) return 0;
  const root = Math.sqrt(aHi);
  dd.multiply(root, 0, root, 0);
  dd.subtract(aHi, aLo, dd.hi, dd.lo);
  return root + dd.hi / (2 * root);
}
