/**
 * MurmurHash2 (Austin Appleby, public domain) as Kafka's Java client computes it for partitions.
 *
 * @module
 */

const SEED = 0x9747b28c;
const M = 0x5bd1e995;
const encoder = new TextEncoder();
const asciiRoom = new Uint8Array(256);

/** The 32-bit hash of `text` in UTF-8, as a signed integer. */
export function murmur2(text: string): number {
  // By hand where it is ASCII, as nearly all markets are: the encoder's call takes several times as long.
  const { length } = text;
  if (length > asciiRoom.length) return murmur2OfBytes(encoder.encode(text));
  for (let i = 0; i < length; i++) {
    const c = text.charCodeAt(i);
    if (c > 127) return murmur2OfBytes(encoder.encode(text));
    asciiRoom[i] = c;
  }
  return murmur2OfBytes(asciiRoom, length);
}

/** The 32-bit hash of the first `length` bytes of `data`, as a signed integer. */
export function murmur2OfBytes(data: Uint8Array, length: number = data.length): number {
  let h = SEED ^ length;
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    let k = data[i]! | (data[i + 1]! << 8) | (data[i + 2]! << 16) | (data[i + 3]! << 24);
    k = Math.imul(k, M);
    k ^= k >>> 24;
    k = Math.imul(k, M);
    h = Math.imul(h, M) ^ k;
  }
  const rest = length - i;
  if (rest >= 3) h ^= data[i + 2]! << 16;
  if (rest >= 2) h ^= data[i + 1]! << 8;
  if (rest >= 1) h = Math.imul(h ^ data[i]!, M);
  h ^= h >>> 13;
  h = Math.imul(h, M);
  h ^= h >>> 15;
  return h;
}
