/**
 * The statistics of a series in exact arithmetic, to hold the program's against. Every double is an
 * integer times a power of two, so sums, means and variances are rationals of BigInts; nothing is
 * rounded but each result, once, to the nearest double. It shares no code with `stats/`.
 *
 * @module
 */

/** Correctly rounded statistics of a series. */
export interface ExactStatistics {
  count: number;
  min: number;
  max: number;
  mean: number;
  /** n − 1; `null` for one price. */
  variance: number | null;
  /** n − 1; `null` for one price. */
  stddev: number | null;
  stddevPopulation: number;
  /** stddev ÷ mean; `null` for one price or a mean of 0. */
  cv: number | null;
  /** (max − min) ÷ mean; `null` for a mean of 0. */
  rangePct: number | null;
}

/** A rational: `numerator ÷ denominator · 2^exponent`, with a denominator > 0. */
interface Rational {
  numerator: bigint;
  denominator: bigint;
  exponent: number;
}

/**
 * The exact statistics of `prices`; a window of 3,600 takes some milliseconds.
 *
 * @throws {RangeError} Where there is no price, or one is not finite.
 *
 * @example
 * ```ts
 * import { exactStatistics } from "./exact.ts";
 * import { strictEqual } from "node:assert";
 * strictEqual(exactStatistics([1, 2, 3]).stddev, 1);
 * ```
 */
export function exactStatistics(prices: readonly number[]): ExactStatistics {
  const { integers, exponent } = scaled(prices);
  const count = integers.length;
  const n = BigInt(count);
  let sum = 0n;
  let squares = 0n;
  let min = integers[0]!;
  let max = min;
  for (const x of integers) {
    sum += x;
    squares += x * x;
    if (x < min) min = x;
    if (x > max) max = x;
  }
  // n · Σ(x − mean)²
  const deviations = n * squares - sum * sum;
  const over = (divisor: bigint): Rational => (
    { numerator: deviations, denominator: n * divisor, exponent: 2 * exponent }
  );
  const sample = count === 1 ? null : over(n - 1n);
  const magnitude = sum < 0n ? -sum : sum;
  const sign = sum < 0n ? -1 : 1;
  return {
    count,
    min: nearest({ numerator: min, denominator: 1n, exponent }),
    max: nearest({ numerator: max, denominator: 1n, exponent }),
    mean: nearest({ numerator: sum, denominator: n, exponent }),
    variance: sample && nearest(sample),
    stddev: sample && nearestRoot(sample),
    stddevPopulation: nearestRoot(over(n)),
    cv: sample === null || sum === 0n ? null : sign * nearestRoot({
      numerator: deviations * n * n,
      denominator: n * (n - 1n) * magnitude * magnitude,
      exponent: 0,
    }),
    rangePct: sum === 0n
      ? null
      : sign * nearest({ numerator: (max - min) * n, denominator: magnitude, exponent: 0 }),
  };
}

/** `close ÷ open − 1`, correctly rounded; `null` where `open` is 0. */
export function exactChange(open: number, close: number): number | null {
  const [from, to] = scaled([open, close]).integers as [bigint, bigint];
  if (from === 0n) return null;
  const numerator = from < 0n ? from - to : to - from;
  return nearest({ numerator, denominator: from < 0n ? -from : from, exponent: 0 });
}

/** How far `actual` is from `exact`, relative to `exact`; 0 where they are the same, `null` among them. */
export function relativeError(actual: number | null, exact: number | null): number {
  if (actual === exact) return 0;
  if (actual === null || exact === null || Number.isNaN(actual)) return Infinity;
  return Math.abs(actual - exact) / Math.abs(exact);
}

/** The series as integers of one common exponent: `x = integer · 2^exponent`. */
function scaled(series: readonly number[]): { integers: bigint[]; exponent: number } {
  if (series.length === 0) throw new RangeError("Cannot describe a series of no prices");
  const parts = series.map(partsOf);
  let exponent = Infinity;
  for (const part of parts) exponent = Math.min(exponent, part.exponent);
  if (exponent === Infinity) exponent = 0;
  return {
    integers: parts.map((part) =>
      part.integer === 0n ? 0n : part.integer << BigInt(part.exponent - exponent)
    ),
    exponent,
  };
}

const view = new DataView(new ArrayBuffer(8));

function partsOf(x: number): { integer: bigint; exponent: number } {
  if (!Number.isFinite(x)) throw new RangeError(`Not a finite price: ${x}`);
  if (x === 0) return { integer: 0n, exponent: Infinity };
  view.setFloat64(0, x);
  const bits = view.getBigUint64(0);
  const biased = Number((bits >> 52n) & 0x7ffn);
  const fraction = bits & 0xfffffffffffffn;
  const integer = biased === 0 ? fraction : fraction | (1n << 52n);
  return { integer: x < 0 ? -integer : integer, exponent: Math.max(biased, 1) - 1075 };
}

/** The nearest double, ties to even; subnormals and overflow as IEEE 754 has them. */
function nearest({ numerator, denominator, exponent }: Rational): number {
  if (numerator === 0n) return 0;
  const magnitude = numerator < 0n ? -numerator : numerator;
  // A quotient of at least 64 bits, so that a last bit that says "and some more" decides ties.
  const shift = Math.max(0, 64 - (bitLength(magnitude) - bitLength(denominator)));
  const shifted = magnitude << BigInt(shift);
  const quotient = shifted / denominator;
  const sticky = quotient * denominator === shifted ? 0n : 1n;
  const value = toDouble((quotient << 1n) | sticky, exponent - shift - 1);
  return numerator < 0n ? -value : value;
}

/** The square root of a rational ≥ 0, as the nearest double. */
function nearestRoot({ numerator, denominator, exponent }: Rational): number {
  if (numerator === 0n) return 0;
  let shift = Math.max(0, 130 - (bitLength(numerator) - bitLength(denominator)));
  if ((exponent - shift) % 2 !== 0) shift++;
  const shifted = numerator << BigInt(shift);
  const root = squareRoot(shifted / denominator);
  const sticky = root * root * denominator === shifted ? 0n : 1n;
  return toDouble((root << 1n) | sticky, (exponent - shift) / 2 - 1);
}

/** `integer · 2^exponent` as the nearest double, for an integer > 0. */
function toDouble(integer: bigint, exponent: number): number {
  // The exponent of the last of 53 bits; a subnormal has fewer of them.
  const last = Math.max(exponent + bitLength(integer) - 53, -1074);
  const drop = last - exponent;
  if (drop <= 0) return Number(integer) * 2 ** exponent;
  const rest = BigInt.asUintN(drop, integer);
  const half = 1n << BigInt(drop - 1);
  let kept = integer >> BigInt(drop);
  if (rest > half || (rest === half && (kept & 1n) === 1n)) kept++;
  return Number(kept) * 2 ** last;
}

/** ⌊√n⌋ by Newton's iteration from above. */
function squareRoot(n: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(bitLength(n) / 2));
  while (true) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

function bitLength(n: bigint): number {
  const hex = n.toString(16);
  return 4 * (hex.length - 1) + (32 - Math.clz32(parseInt(hex[0]!, 16)));
}
