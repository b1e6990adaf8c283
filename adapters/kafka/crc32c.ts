/**
 * CRC-32C (Castagnoli), the checksum of Kafka's record batches, eight bytes at a time.
 *
 * Kounavis & Berry 2005, "slicing-by-8": each table holds what a byte does to the remainder from one
 * place further ahead.
 *
 * @module
 */

/** The polynomial 0x1EDC6F41, its bits reversed. */
const POLYNOMIAL = 0x82f63b78;

const TABLES = Array.from({ length: 8 }, () => new Int32Array(256)) as [
  ...[Int32Array, Int32Array, Int32Array, Int32Array],
  ...[Int32Array, Int32Array, Int32Array, Int32Array],
];
for (let byte = 0; byte < 256; byte++) {
  let rest = byte;
  for (let bit = 0; bit < 8; bit++) rest = rest & 1 ? (rest >>> 1) ^ POLYNOMIAL : rest >>> 1;
  TABLES[0][byte] = rest;
}
for (let slice = 1; slice < 8; slice++) {
  for (let byte = 0; byte < 256; byte++) {
    const rest = TABLES[slice - 1]![byte]!;
    TABLES[slice]![byte] = (rest >>> 8) ^ TABLES[0][rest & 0xff]!;
  }
}

/**
 * The checksum of `bytes`, from 0 to 2^32 − 1.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * strictEqual(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
 * ```
 */
export function crc32c(bytes: Uint8Array): number {
  const [t0, t1, t2, t3, t4, t5, t6, t7] = TABLES;
  const { length } = bytes;
  let crc = -1;
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    crc ^= bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24);
    crc = t7[crc & 0xff]! ^ t6[(crc >>> 8) & 0xff]! ^ t5[(crc >>> 16) & 0xff]! ^
      t4[crc >>> 24]! ^ t3[bytes[i + 4]!]! ^ t2[bytes[i + 5]!]! ^ t1[bytes[i + 6]!]! ^
      t0[bytes[i + 7]!]!;
  }
  for (; i < length; i++) crc = (crc >>> 8) ^ t0[(crc ^ bytes[i]!) & 0xff]!;
  return ~crc >>> 0;
}
