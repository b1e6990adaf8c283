/**
 * Count, mean and sum of squared deviations of a stream, exact to the last digits.
 *
 * Updated by Welford's recurrence (Welford 1962) and merged by Chan's formula (Chan, Golub and
 * LeVeque 1979), both in double-double arithmetic. Never a sum of squares, never a mean of means.
 *
 * Double-double alone is not enough: the mean of a long series that varies only in its last binary
 * digits lies below what two doubles hold, and the roundings of its updates add up: at a million
 * prices 14 digits of the deviation were left. So no update starts from the rounded mean, but from
 * the sum it stands for, which is found again exactly: see {@link sumCorrection}.
 *
 * @module
 */
import { productError, sumError, topHalf } from "./double_double.ts";

/**
 * The moments of `count` numbers. `meanHi + meanLo` is their mean, `m2Hi + m2Lo` the sum of their
 * squared deviations from it.
 */
export interface Moments {
  /** How many numbers; an integer from 0 to 2^33. */
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
 * Counts `x` in, in place. Of numbers of one sign, mean and deviation stay within 1e-15 (relative)
 * of exact arithmetic, in whatever order and number; of both signs, the deviation does, and the mean
 * within 1e-20 of the greatest. Deviations below 1e-140 lose digits, because their squares leave the
 * range of doubles.
 *
 * @param into The moments to change.
 * @param x Finite, |x| ≤ {@link MAGNITUDE_MAX}.
 */
export function add(into: Moments, x: number): void {
  const { count, meanHi, meanLo, m2Hi, m2Lo } = into;
  const n = count + 1;
  const inverse = 1 / n;
  // delta = x − mean
  let hi = x - meanHi;
  let lo = sumError(x, -meanHi, hi) - meanLo;
  const deltaHi = hi + lo;
  const deltaLo = lo - (deltaHi - hi);
  // shift = (delta + correction) ÷ n
  const shiftHi = deltaHi * inverse;
  let product = shiftHi * n;
  const shiftLo = (((deltaHi - product) - productError(shiftHi, n, product)) +
    (deltaLo + sumCorrection(count, meanHi, meanLo))) * inverse;
  // mean += shift
  hi = meanHi + shiftHi;
  lo = sumError(meanHi, shiftHi, hi) + (meanLo + shiftLo);
  const newMeanHi = hi + lo;
  into.count = n;
  into.meanHi = newMeanHi;
  into.meanLo = lo - (newMeanHi - hi);
  // rest = delta − shift = x − the new mean: of delta's sign, and never greater
  const restHi = deltaHi - shiftHi;
  const restLo = ((deltaHi - restHi) - shiftHi) + (deltaLo - shiftLo);
  // m2 += delta · rest
  product = deltaHi * restHi;
  const productLo = productError(deltaHi, restHi, product) +
    (deltaHi * restLo + deltaLo * restHi);
  hi = m2Hi + product;
  lo = sumError(m2Hi, product, hi) + (m2Lo + productLo);
  const newM2Hi = hi + lo;
  into.m2Hi = newM2Hi;
  into.m2Lo = lo - (newM2Hi - hi);
}

/** Counts all that `from` holds into `into`, in place; the order does not matter, nor how a series was split. */
export function merge(into: Moments, from: Readonly<Moments>): void {
  const { count, meanHi, meanLo, m2Hi, m2Lo } = into;
  const n = count + from.count;
  if (from.count === 0) return;
  into.count = n;
  if (count === 0) {
    into.meanHi = from.meanHi;
    into.meanLo = from.meanLo;
    into.m2Hi = from.m2Hi;
    into.m2Lo = from.m2Lo;
    return;
  }
  // What the rounded means lack.
  const meanRest = sumCorrection(count, meanHi, meanLo) / count;
  const fromRest = sumCorrection(from.count, from.meanHi, from.meanLo) / from.count;
  // delta = from.mean − mean
  let hi = from.meanHi - meanHi;
  let lo = sumError(from.meanHi, -meanHi, hi) + (from.meanLo - meanLo);
  const deltaHi = hi + lo;
  const deltaLo = (lo - (deltaHi - hi)) + (fromRest - meanRest);
  // shift = delta · from.count ÷ n
  let product = deltaHi * from.count;
  let productLo = productError(deltaHi, from.count, product) + deltaLo * from.count;
  const shiftHi = product / n;
  const shiftLo = (remainder(product, shiftHi, n) + productLo) / n;
  // mean += shift
  hi = meanHi + shiftHi;
  lo = sumError(meanHi, shiftHi, hi) + (meanLo + (shiftLo + meanRest));
  const newMeanHi = hi + lo;
  into.meanHi = newMeanHi;
  into.meanLo = lo - (newMeanHi - hi);
  // m2 += from.m2 + delta · shift · count
  product = deltaHi * shiftHi;
  productLo = productError(deltaHi, shiftHi, product) + (deltaHi * shiftLo + deltaLo * shiftHi);
  const between = product * count;
  const betweenLo = productError(product, count, between) + productLo * count;
  const within = m2Hi + from.m2Hi;
  const withinLo = sumError(m2Hi, from.m2Hi, within) + (m2Lo + from.m2Lo);
  hi = within + between;
  lo = sumError(within, between, hi) + (withinLo + betweenLo);
  const newM2Hi = hi + lo;
  into.m2Hi = newM2Hi;
  into.m2Lo = lo - (newM2Hi - hi);
}

/**
 * Mean, variance and standard deviations.
 *
 * @throws {RangeError} Where nothing was counted.
 */
export function summarise(moments: Readonly<Moments>): Summary {
  const { count, meanHi: mean, m2Hi, m2Lo } = moments;
  if (count === 0) throw new RangeError("Cannot summarise moments of no numbers");
  const stddevPopulation = rootOfQuotient(m2Hi, m2Lo, count);
  if (count === 1) return { mean, variance: null, stddev: null, stddevPopulation };
  return {
    mean,
    variance: quotient(m2Hi, m2Lo, count - 1),
    stddev: rootOfQuotient(m2Hi, m2Lo, count - 1),
    stddevPopulation,
  };
}

/** Sums are snapped to 2^-70 of the mean: to the last of the 53 digits of 2^-18 of it. */
const GRID = 2 ** -18;

/**
 * What `count · mean` lacks to the sum that the mean was made of. A mean's rounding error, times the
 * count, is below 2^-71 of the mean; a number down to 2^-17 of the mean is a multiple of 2^-70 of
 * it, having 53 digits, and so is the sum of such numbers: the nearest multiple is the sum itself.
 * With a number smaller than that in the series, the deviation is as large as the mean, and what the
 * snapping may then change, 2^-71 of it, does not matter.
 */
function sumCorrection(count: number, meanHi: number, meanLo: number): number {
  const sumHi = count * meanHi;
  const sumLo = productError(meanHi, count, sumHi) + meanLo * count;
  // Half of the digits: were there more of them, a sum of two multiples of the grid could be rounded.
  const grid = topHalf(meanHi) * GRID;
  return ((sumLo + grid) - grid) - sumLo;
}

/** `dividend − quotient · divisor`, for the double `quotient` nearest to theirs or next to it. */
function remainder(dividend: number, quotient: number, divisor: number): number {
  const product = quotient * divisor;
  return (dividend - product) - productError(quotient, divisor, product);
}

/** `(hi + lo) ÷ divisor`, never below 0: a rounding may leave a sum of squares there. */
function quotient(hi: number, lo: number, divisor: number): number {
  const q = hi / divisor;
  return q > 0 ? q + (remainder(hi, q, divisor) + lo) / divisor : 0;
}

/** `√((hi + lo) ÷ divisor)`: one Newton step from a double's root is exact to the last digit (Karp and Markstein 1997). */
function rootOfQuotient(hi: number, lo: number, divisor: number): number {
  const q = hi / divisor;
  if (!(q > 0)) return 0;
  const qLo = (remainder(hi, q, divisor) + lo) / divisor;
  const root = Math.sqrt(q);
  return root + (remainder(q, root, root) + qLo) / (2 * root);
}
