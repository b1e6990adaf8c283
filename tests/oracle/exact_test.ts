import { deepStrictEqual, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import { exactChange, exactStatistics, relativeError } from "./exact.ts";

Deno.test("exactStatistics() of a textbook series", () => {
  deepStrictEqual(exactStatistics([2, 4, 4, 4, 5, 5, 7, 9]), {
    count: 8,
    min: 2,
    max: 9,
    mean: 5,
    variance: 32 / 7,
    stddev: Math.sqrt(32 / 7),
    stddevPopulation: 2,
    cv: 0.427617987059879,
    rangePct: 1.4,
  });
});

Deno.test("exactStatistics() of one price has no sample deviation", () => {
  const { stddev, variance, cv, stddevPopulation, mean } = exactStatistics([0.1]);
  deepStrictEqual([stddev, variance, cv, stddevPopulation, mean], [null, null, null, 0, 0.1]);
});

Deno.test("exactStatistics() takes what a double can hold, down to subnormals and up to its end", () => {
  strictEqual(exactStatistics([5e-324, 1.5e-323]).mean, 1e-323);
  strictEqual(exactStatistics([5e-324, 5e-324, 1e-323]).mean, 5e-324);
  strictEqual(exactStatistics([Number.MAX_VALUE, Number.MAX_VALUE]).mean, Number.MAX_VALUE);
  strictEqual(exactStatistics([Number.MAX_VALUE, 0]).variance, Infinity);
  strictEqual(exactStatistics([1e100, -1e100, 1]).mean, 1 / 3);
  strictEqual(exactStatistics([-0, 0]).mean, 0);
});

Deno.test("exactStatistics() refuses an empty series and what is not finite", () => {
  throws(() => exactStatistics([]), /no prices/);
  throws(() => exactStatistics([1, NaN]), /NaN/);
});

// Each of these is exact where the machine rounds one exact result once: the oracle must agree.
Deno.test("the mean and deviation of two doubles are what IEEE 754 rounds once", () => {
  const double = fc.double({ noNaN: true, min: -1e300, max: 1e300 });
  fc.assert(fc.property(double, double, (a, b) => {
    const sum = a + b;
    if (Math.abs(sum) > 1e-300 || sum === 0) strictEqual(exactStatistics([a, b]).mean, sum / 2 + 0);
    const range = Math.abs(a - b);
    if (range > 1e-300) strictEqual(exactStatistics([a, b]).stddevPopulation, range / 2);
  }));
});

Deno.test("the mean of any three small integers is their correctly rounded quotient", () => {
  const integer = fc.integer({ min: -(2 ** 50), max: 2 ** 50 });
  fc.assert(fc.property(integer, integer, integer, (a, b, c) => {
    strictEqual(exactStatistics([a, b, c]).mean, (a + b + c) / 3 + 0);
  }));
});

Deno.test("a deviation whose square is a double is that double's root", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 2 ** 25 }), (k) => {
    const { variance, stddev } = exactStatistics([-k, 0, k]);
    deepStrictEqual([variance, stddev], [k * k, k]);
    strictEqual(exactStatistics([0, 2 * k]).stddev, Math.sqrt(2 * k * k));
  }));
});

Deno.test("exactChange() keeps the digits that a quotient minus one loses", () => {
  strictEqual(exactChange(100, 150), 0.5);
  strictEqual(exactChange(1, 1 + 2 ** -52), 2 ** -52);
  strictEqual(exactChange(3, 3 - 2 ** -51), -(2 ** -51) / 3);
  strictEqual(exactChange(0, 1), null);
});

Deno.test("relativeError() is 0 for the same and infinite for what cannot be compared", () => {
  strictEqual(relativeError(null, null), 0);
  strictEqual(relativeError(0, 0), 0);
  strictEqual(relativeError(1, null), Infinity);
  strictEqual(relativeError(NaN, 1), Infinity);
  strictEqual(relativeError(1, 0), Infinity);
  strictEqual(relativeError(1.5, 1), 0.5);
});
