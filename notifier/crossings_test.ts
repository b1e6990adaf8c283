import { deepStrictEqual, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import { crossing, over } from "../tests/notification_sample.ts";
import { hashesOfText, hashesToText, hashOf, withNamed } from "./crossings.ts";

Deno.test("hashes of 200,000 crossings are all different and fit into 48 bits", () => {
  const hashes = new Set<number>();
  for (let i = 0; i < 200_000; i++) {
    hashes.add(hashOf(`leap/exchange${i % 30}:coin${i}/1767607200000`));
  }
  strictEqual(hashes.size, 200_000);
  for (const hash of hashes) if (!(hash >= 0 && hash < 2 ** 48)) throw new Error(`${hash}`);
});

Deno.test("hashes read back from their text, whatever they are and in whatever order they came", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 2 ** 48 - 1 })), (hashes) => {
      const text = hashesToText(new Set(hashes));
      deepStrictEqual(hashesOfText(text), new Set(hashes.toSorted((a, b) => a - b)));
      strictEqual(hashesToText(new Set(hashes.toReversed())), text);
    }),
  );
  throws(() => hashesOfText("AAAA"), RangeError);
  throws(() => hashesOfText("?"), SyntaxError);
});

Deno.test("the newest hundred are named, in the order in which they happened, however they came", () => {
  fc.assert(
    fc.property(
      fc.shuffledSubarray(Array.from({ length: 130 }, (_, i) => i), { minLength: 130 }),
      (order) => {
        let named: readonly ReturnType<typeof crossing>[] = [];
        for (const i of order) {
          const one = crossing("x:y", i < 65 ? i : 0);
          named = withNamed(named, i < 65 ? one : over(one, i));
        }
        const times = named.map(({ startedMs, endedMs }) => endedMs ?? startedMs);
        deepStrictEqual(times, Array.from({ length: 100 }, (_, i) => i + 30));
      },
    ),
  );
});
