/**
 * The errors of floating-point sums and products, which are doubles themselves: what double-double
 * arithmetic is made of. A double-double is the unevaluated sum `hi + lo` of two doubles, `lo` at
 * most half a unit in the last place of `hi`, which gives about 32 significant digits.
 *
 * Functions of one number, small enough to be inlined where they are used: an object or a module
 * variable per result would cost more than the arithmetic.
 *
 * @module
 */

/** 2^27 + 1: splits a double's 53 bits into two halves whose products are exact (Dekker 1971). */
const SPLITTER = 134217729;

/** The top 26 bits of `a`; the rest, `a − top`, has 26 as well. For |a| < 2^996. */
export function topHalf(a: number): number {
  const t = SPLITTER * a;
  return t - (t - a);
}

/** What `sum`, the double `a + b`, lacks (two-sum; Knuth, TAOCP vol. 2, §4.2.2). */
export function sumError(a: number, b: number, sum: number): number {
  const t = sum - a;
  return (a - (sum - t)) + (b - t);
}

/** What `product`, the double `a · b`, lacks (two-product; Dekker 1971); exact where it is ≥ 2^-1022. */
export function productError(a: number, b: number, product: number): number {
  const aTop = topHalf(a);
  const aRest = a - aTop;
  const bTop = topHalf(b);
  const bRest = b - bTop;
  return ((aTop * bTop - product) + aTop * bRest + aRest * bTop) + aRest * bRest;
}
