import assert from "node:assert/strict";
import { unpackLz4, unpackSnappy } from "./block_codecs.ts";

/** What Kafka's Java client made of {@link TEXT}: copies from afar, and such that run into themselves. */
const XERIAL =
  "glNOQVBQWQAAAAABAAAAAQAAAN7CE0RrcmFrZW46YXNzZXQwdXNkdCAuEgAAMQUSADByAQAuMAAAMoowAHYBAC5" +
  "OAAAz7k4ABU52AQAubAAANP5sAHpsAHYBAC6KAAA1/ooA8ooAdgEALqgAADb+qAD+qABqqAB2AQAuxgAAN/7GAP7GAOLG" +
  "AHYBAC7kAAA4/uQA/uQA/uQAWuQAdgEALgIBADn+AgH+AgH+AgHSAgF2AQAuIAEAMan7djEA/gEA/gEA/gEA/gEANgEA" +
  "Mj8BjigH/gEA/gEA/gEA/gEArgEAACH+AQD+AQD+AQD+AQCqAQA=";
const LZ4 =
  "BCJNGGBwc6YAAAD4A2tyYWtlbjphc3NldDB1c2R0IBIAETESAB8wAQAKCDAAHzIwABAPAgALCE4AHzNOAC4PAgAL" +
  "CGwAHzRsAEwPAgALCIoAHzWKAGoPAgALCKgAHzaoAIgPAgALCMYAHzfGAKYPAgALCOQAHzjkAMQPAgALCAIBHzkCAeIPAg" +
  "ALCCABEjH7BQ8xAAsPAgD7CT8BDygHEQ8CAP8aHyEBAP8UUCEhISEhAAAAAA==";
/** With content size and checksums of the blocks. */
const LZ4_FULL =
  "BCJNGHhAwgkAAAAAAAAvpgAAAPgDa3Jha2VuOmFzc2V0MHVzZHQgEgARMRIAHzABAAoIMAAfMjAAEA8CAAsITgAf" +
  "M04ALg8CAAsIbAAfNGwATA8CAAsIigAfNYoAag8CAAsIqAAfNqgAiA8CAAsIxgAfN8YApg8CAAsI5AAfOOQAxA8CAAsIAgEf" +
  "OQIB4g8CAAsIIAESMfsFDzEACw8CAPsJPwEPKAcRDwIA/xofIQEA/xRQISEhISFqDbRNAAAAAA==";
const TEXT = Array.from({ length: 12 }, (_, i) => `kraken:asset${i}usdt ${"0".repeat(30 * i)}`)
  .join("") + "!".repeat(300);
const SIZE = TEXT.length;
const XERIAL_FRAME_SIZE = 20;

const codecs = [
  { name: "snappy, framed", unpack: unpackSnappy, packed: Uint8Array.fromBase64(XERIAL) },
  {
    name: "snappy, one block",
    unpack: unpackSnappy,
    packed: Uint8Array.fromBase64(XERIAL).subarray(XERIAL_FRAME_SIZE),
  },
  { name: "lz4", unpack: unpackLz4, packed: Uint8Array.fromBase64(LZ4) },
  { name: "lz4, with checksums", unpack: unpackLz4, packed: Uint8Array.fromBase64(LZ4_FULL) },
];

Deno.test.each(codecs)("$name: what Java packed is unpacked", ({ unpack, packed }) => {
  assert.equal(new TextDecoder().decode(unpack(packed, SIZE)), TEXT);
});

Deno.test.each(codecs)("$name: more than the bound is refused", ({ unpack, packed }) => {
  assert.throws(() => unpack(packed, SIZE - 1), { message: `more than ${SIZE - 1} bytes` });
});

Deno.test.each(codecs)("$name: what is damaged ends, and brings nothing false", (codec) => {
  const { unpack, packed } = codec;
  for (let size = 0; size < packed.length; size++) {
    let unpacked;
    try {
      unpacked = unpack(packed.subarray(0, size), SIZE);
    } catch (error) {
      assert.ok(error instanceof RangeError, `${size}: ${error}`);
      continue;
    }
    assert.ok(TEXT.startsWith(new TextDecoder().decode(unpacked)), `${size}`);
  }
  for (let i = 0; i < packed.length; i++) {
    const damaged = packed.with(i, packed[i]! ^ 0xff);
    try {
      assert.ok(unpack(damaged, SIZE).length <= SIZE);
    } catch (error) {
      assert.ok(error instanceof RangeError, `${i}: ${error}`);
    }
  }
});

Deno.test("unpackLz4() takes blocks that are stored as they are", () => {
  const frame = Uint8Array.fromHex("04224d18604073" + "03000080616263" + "00000000");
  assert.equal(new TextDecoder().decode(unpackLz4(frame, 3)), "abc");
});
