import assert from "node:assert/strict";
import fc from "fast-check";
import { crc32c } from "./crc32c.ts";

/** Bit by bit, as the polynomial is defined. */
function byBits(bytes: Uint8Array): number {
  let rest = -1;
  for (const byte of bytes) {
    rest ^= byte;
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ (rest & 1 ? 0x82f63b78 : 0);
  }
  return ~rest >>> 0;
}

Deno.test("crc32c() gives the sums of RFC 3720", () => {
  assert.equal(crc32c(new Uint8Array(32)), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(0xff)), 0x62a8ab43);
  assert.equal(crc32c(Uint8Array.from({ length: 32 }, (_, i) => i)), 0x46dd794e);
});

Deno.test("crc32c() is the polynomial's remainder for bytes of any number and place", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), fc.nat(8), (bytes, start) => {
    assert.equal(crc32c(bytes.subarray(start)), byBits(bytes.subarray(start)));
  }));
});
