import { deepStrictEqual } from "node:assert";
import fc from "fast-check";
import { Selection } from "./selection.ts";

Deno.test("a selection holds what sorting all and cutting would", () => {
  const numbers = fc.array(fc.integer({ min: 0, max: 500 }), { maxLength: 5000, size: "max" });
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 40 }), (all, size) => {
      const compare = (a: number, b: number) => a - b;
      const selection = new Selection(size, compare);
      for (const number of all) selection.add(number);
      deepStrictEqual(selection.inOrder(), all.toSorted(compare).slice(0, size));
    }),
    { numRuns: 50 },
  );
});
