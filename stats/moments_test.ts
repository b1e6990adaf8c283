import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import { exactStatistics, relativeError } from "../tests/oracle/exact.ts";
import { NIST_SETS, rightDigitCount } from "../tests/oracle/nist_strd.ts";
import { add, emptyMoments, merge, type Moments, summarise } from "./moments.ts";

/** What the design promises of mean and deviation. */
const ERROR_MAX = 1e-15;

const view = new DataView(new ArrayBuffer(8));

/** The double that is `count` doubles above `x`. */
function above(x: number, count: number): number {
  view.setFloat64(0, x);
  view.setBigInt64(0, view.getBigInt64(0) + BigInt(count));
  return view.getFloat64(0);
}

function momentsOf(prices: readonly number[]): Moments {
  const moments = emptyMoments();
  for (const price of prices) add(moments, price);
  return moments;
}

const magnitude = fc.double({ min: -12, max: 99, noNaN: true }).map((exponent) => 10 ** exponent);
const base = fc.oneof(magnitude, fc.integer({ min: -40, max: 330 }).map((e) => 2 ** e));
const some = { minLength: 1, maxLength: 150 };

/** Series that make arithmetic lose digits. */
const hardSeries: fc.Arbitrary<number[]> = fc.oneof(
  fc.array(fc.double({ min: 1e-100, max: 1e100, noNaN: true }), some),
  // All magnitudes at once, zeros among them.
  fc.array(fc.oneof(fc.constant(0), magnitude, fc.constant(1e100)), some),
  // Nearly constant: a few of the last binary digits vary, most or hardly any of the prices.
  fc.tuple(base, fc.array(fc.integer({ min: -3, max: 3 }), some))
    .map(([x, steps]) => steps.map((step) => above(x, step))),
  fc.tuple(base, fc.array(fc.constantFrom(0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2 ** 30), some))
    .map(([x, steps]) => steps.map((step) => above(x, step))),
  // A slow rise, all deviations of one sign for long.
  fc.tuple(base, fc.integer({ min: 1, max: 5 }), fc.integer({ min: 2, max: 150 }))
    .map(([x, k, n]) => Array.from({ length: n }, (_, i) => above(x, Math.floor(i * k / n)))),
  // A random walk, as prices are.
  fc.tuple(magnitude, fc.array(fc.double({ min: -1e-3, max: 1e-3, noNaN: true }), some))
    .map(([x, moves]) => moves.map((move) => x *= 1 + move)),
);

/** A series cut anywhere, and the order in which its pieces are merged, two at a time. */
const cutSeries = fc.record({
  prices: hardSeries,
  cuts: fc.array(fc.nat(), { maxLength: 12 }),
  picks: fc.infiniteStream(fc.nat()),
});

function mergeInAnyTree(prices: readonly number[], cuts: number[], picks: Iterator<number>) {
  const at = [0, ...cuts.map((cut) => cut % (prices.length + 1)), prices.length]
    .sort((a, b) => a - b);
  const pieces = at.slice(1).map((end, i) => momentsOf(prices.slice(at[i], end)));
  while (pieces.length > 1) {
    const [into] = pieces.splice(picks.next().value % pieces.length, 1) as [Moments];
    merge(pieces[picks.next().value % pieces.length]!, into);
  }
  return pieces[0]!;
}

function isExact(moments: Moments, prices: readonly number[]): void {
  const exact = exactStatistics(prices);
  const summary = summarise(moments);
  strictEqual(moments.count, exact.count);
  for (const name of ["mean", "variance", "stddev", "stddevPopulation"] as const) {
    const error = relativeError(summary[name], exact[name]);
    ok(error <= ERROR_MAX, `${name} ${summary[name]} is off by ${error}: exactly ${exact[name]}`);
  }
}

Deno.test("one pass over a hard series is exact", () => {
  fc.assert(fc.property(hardSeries, (prices) => isExact(momentsOf(prices), prices)), {
    numRuns: 500,
  });
});

Deno.test("any split, merged in any tree and order, is as exact as one pass", () => {
  fc.assert(
    fc.property(cutSeries, ({ prices, cuts, picks }) => {
      isExact(mergeInAnyTree(prices, cuts, picks), prices);
    }),
    { numRuns: 500 },
  );
});

Deno.test("merging price by price is exact too, in either direction", () => {
  fc.assert(fc.property(hardSeries, (prices) => {
    const forward = emptyMoments();
    for (const price of prices) merge(forward, momentsOf([price]));
    isExact(forward, prices);
    let backward = emptyMoments();
    for (const price of prices) {
      const single = momentsOf([price]);
      merge(single, backward);
      backward = single;
    }
    isExact(backward, prices);
  }));
});

Deno.test("numbers of both signs: deviations are exact, means to 1e-20 of the greatest", () => {
  const number = fc.oneof(
    fc.tuple(magnitude, fc.constantFrom(-1, 0, 1)).map(([x, sign]) => x * sign),
    fc.double({ min: -1e100, max: 1e100, noNaN: true }).map((x) => Math.abs(x) < 1e-100 ? 0 : x),
    fc.integer().map((n) => n / 8),
  );
  fc.assert(fc.property(fc.array(number, some), (numbers) => {
    const exact = exactStatistics(numbers);
    const summary = summarise(momentsOf(numbers));
    ok(relativeError(summary.stddev, exact.stddev) <= ERROR_MAX);
    const greatest = Math.max(...numbers.map(Math.abs));
    const error = Math.abs(summary.mean - exact.mean);
    ok(error <= ERROR_MAX * Math.abs(exact.mean) + 1e-20 * greatest);
  }));
});

// What double-double alone cannot do: there the error grew with the root of the count, to 1.6e-15 here.
Deno.test("100,000 prices that differ only in their last bits are exact", () => {
  for (const [x, steps] of [[1.7, 2], [3e99, 5]] as const) {
    const prices = Array.from({ length: 100_000 }, (_, i) => above(x, Math.floor(i * steps / 1e5)));
    const exact = exactStatistics(prices);
    const merged = emptyMoments();
    for (const price of prices) merge(merged, momentsOf([price]));
    for (const moments of [momentsOf(prices), merged]) {
      ok(relativeError(summarise(moments).stddev, exact.stddev) <= ERROR_MAX);
    }
  }
});

Deno.test("billions of prices, merged, have the deviation of one", () => {
  fc.assert(
    fc.property(fc.oneof(hardSeries, fc.constant([1.1, above(1.1, 1), 1.1])), (prices) => {
      const once = momentsOf(prices);
      const merged = { ...once };
      while (merged.count < 2 ** 32) merge(merged, { ...merged });
      const [a, b] = [summarise(once), summarise(merged)];
      ok(relativeError(b.mean, a.mean) <= ERROR_MAX);
      ok(relativeError(b.stddevPopulation, a.stddevPopulation) <= ERROR_MAX);
    }),
  );
});

Deno.test("identical prices have no deviation at all, and their mean is the price", () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0, max: 1e100, noNaN: true }),
      fc.integer({ min: 2, max: 5000 }),
      fc.array(fc.nat(), { maxLength: 5 }),
      fc.infiniteStream(fc.nat()),
      (price, count, cuts, picks) => {
        const prices = Array<number>(count).fill(price);
        for (const moments of [momentsOf(prices), mergeInAnyTree(prices, cuts, picks)]) {
          deepStrictEqual(summarise(moments), {
            mean: price + 0,
            variance: 0,
            stddev: 0,
            stddevPopulation: 0,
          });
        }
      },
    ),
  );
});

Deno.test("any prices that a double holds give numbers, and a mean among them", () => {
  const price = fc.oneof(
    fc.double({ min: 0, max: 1e100, noNaN: true }),
    fc.double({ min: 0, max: 1e-300, noNaN: true }),
  );
  fc.assert(fc.property(fc.array(price, { minLength: 2, maxLength: 50 }), (prices) => {
    const { mean, variance, stddev, stddevPopulation } = summarise(momentsOf(prices));
    for (const value of [variance, stddev, stddevPopulation]) ok(value! >= 0 && value! < Infinity);
    ok(Math.min(...prices) <= mean && mean <= Math.max(...prices));
  }));
});

Deno.test("a single price has a mean, no sample deviation, and 0 for the population's", () => {
  deepStrictEqual(summarise(momentsOf([0.1])), {
    mean: 0.1,
    variance: null,
    stddev: null,
    stddevPopulation: 0,
  });
});

Deno.test("moments of nothing change nothing and cannot be summarised", () => {
  const moments = momentsOf([1, 2, 4]);
  const before = { ...moments };
  merge(moments, emptyMoments());
  deepStrictEqual(moments, before);
  const empty = emptyMoments();
  merge(empty, before);
  deepStrictEqual(empty, before);
  throws(() => summarise(emptyMoments()), RangeError);
});

/** Digits that are right where the doubles nearest to the decimal data allow no more. */
const DIGITS: Record<string, number> = { Mavro: 13.1, Michelso: 13.8, NumAcc3: 9.4, NumAcc4: 8.2 };

Deno.test.each(NIST_SETS)("NIST StRD $name reaches the digits that its doubles allow", (set) => {
  const { mean, stddev } = summarise(momentsOf(set.data));
  ok(rightDigitCount(mean, set.mean) >= 15, `mean ${mean}`);
  ok(rightDigitCount(stddev!, set.stddev) >= (DIGITS[set.name] ?? 15), `stddev ${stddev}`);
  isExact(momentsOf(set.data), set.data);
});
