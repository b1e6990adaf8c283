import { deepStrictEqual, ok, strictEqual } from "node:assert";
import fc from "fast-check";
import { productError, sumError, topHalf } from "./double_double.ts";

// Integers of any size a double has: BigInt knows them exactly, and so the errors.
const integer = fc.tuple(
  fc.integer({ min: -Number.MAX_SAFE_INTEGER, max: Number.MAX_SAFE_INTEGER }),
  fc.integer({ min: 0, max: 300 }),
).map(([mantissa, exponent]) => mantissa * 2 ** exponent);

Deno.test("a sum and its error are the exact sum", () => {
  fc.assert(fc.property(integer, integer, (a, b) => {
    strictEqual(BigInt(a + b) + BigInt(sumError(a, b, a + b)), BigInt(a) + BigInt(b));
  }));
});

Deno.test("a product and its error are the exact product", () => {
  fc.assert(fc.property(integer, integer, (a, b) => {
    strictEqual(BigInt(a * b) + BigInt(productError(a, b, a * b)), BigInt(a) * BigInt(b));
  }));
});

Deno.test("a half has 26 bits at most, and so has the rest", () => {
  fc.assert(fc.property(integer, (a) => {
    const top = topHalf(a);
    for (const half of [top, a - top]) {
      const bits = BigInt(Math.abs(half)).toString(2).replace(/0+$/, "");
      ok(bits.length <= 26, `${half} has ${bits.length} bits`);
    }
  }));
  deepStrictEqual([topHalf(0), topHalf(1), topHalf(-(2 ** 30) - 1)], [0, 1, -(2 ** 30)]);
});
