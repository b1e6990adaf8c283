/**
 * Double-double arithmetic: a number is the unevaluated sum `hi + lo` of two doubles, which gives
 * about 32 significant digits. Results are left in module variables, because the aggregator calls
 * these for every sample and an object per operation would cost more than the arithmetic.
 *
 * Sources: two-sum, Knuth, TAOCP vol. 2 §4.2.2; split and two-product, Dekker 1971;
 * the operations, Hida, Li and Bailey, "Library for Double-Double and Quad-Double Arithmetic" (2007).
 *
 * @module
 */

/** The high part of the last operation's result. */
export let hi = 0;
/** The low part of the last operation's result, at most half an ulp of {@link hi}. */
export let lo = 0;

/** 2^27 + 1: splits a double's 53 bits into two halves whose products are exact. */
const SPLITTER = 134217729;

/** Sets {@link hi} and {@link lo} to `a + b`. */
export function add(aHi: number, aLo: number, bHi: number, bLo: number): void {
  const s = aHi + bHi;
  const sb = s - aHi;
  let e = (aHi - (s - sb)) + (bHi - sb);
  const t = aLo + bLo;
  const tb = t - aLo;
  const f = (aLo - (t - tb)) + (bLo - tb);
  e += t;
  const s2 = s + e;
  e = e - (s2 - s) + f;
  hi = s2 + e;
  lo = e - (hi - s2);
}

/** Sets {@link hi} and {@link lo} to `a − b`. */
export function subtract(aHi: number, aLo: number, bHi: number, bLo: number): void {
  add(aHi, aLo, -bHi, -bLo);
}

/** Sets {@link hi} and {@link lo} to `a · b`. */
export function multiply(aHi: number, aLo: number, bHi: number, bLo: number): void {
  const p = aHi * bHi;
  let t = SPLITTER * aHi;
  const aTop = t - (t - aHi);
  const aRest = aHi - aTop;
  t = SPLITTER * bHi;
  const bTop = t - (t - bHi);
  const bRest = bHi - bTop;
  let e = ((aTop * bTop - p) + aTop * bRest + aRest * bTop) + aRest * bRest;
  e += aHi * bLo + aLo * bHi;
  hi = p + e;
  lo = e - (hi - p);
}

/** Sets {@link hi} and {@link lo} to `a ÷ b`, for a plain double `b` other than 0. */
export function divide(aHi: number, aLo: number, b: number): void {
  const q = aHi / b;
  multiply(q, 0, b, 0);
  const rest = ((aHi - hi) - lo) + aLo;
  const correction = rest / b;
  const sum = q + correction;
  lo = correction - (sum - q);
  hi = sum;
}
