import { strictEqual } from "node:assert";
import fc from "fast-check";
import { murmur2, murmur2OfBytes } from "./murmur2.ts";

Deno.test("a text is hashed as its bytes in UTF-8 are, whatever its length and characters", () => {
  const text = fc.oneof(
    fc.string({ maxLength: 300, unit: "grapheme-ascii" }),
    fc.string({ maxLength: 300, unit: "grapheme" }),
    fc.string({ maxLength: 300, unit: fc.constantFrom("a", "é", "ÿ") }),
  );
  fc.assert(fc.property(text, (text) => {
    strictEqual(murmur2(text), murmur2OfBytes(new TextEncoder().encode(text)));
  }));
});
