/**
 * What the records of a batch are compressed with: written by the codec that is configured, read in
 * any that Kafka has.
 *
 * @module
 */
import { constants, gunzipSync, gzipSync, zstdCompressSync, zstdDecompressSync } from "node:zlib";
import { unpackLz4, unpackSnappy } from "./block_codecs.ts";

/** Kafka's codecs, in the order of their numbers. */
const CODECS = ["none", "gzip", "snappy", "lz4", "zstd"] as const;

/** Those that batches can be written in. */
export type Compression = "none" | "gzip" | "zstd";

/** The fastest of either codec; the next levels gain little on records as alike as these. */
const LEVEL = 1;
/** Smaller ones, such as a lone record, gain less than a call costs. */
const COMPRESSED_SIZE_MIN = 1_024;
/** A batch of this program has less than 1 MB; one of another may have Kafka's limits eightfold. It is in memory as a whole. */
const UNPACKED_SIZE_MAX = 64 * 2 ** 20;
/** Output comes in pieces, which are joined: most batches should be one, and small ones should not hold much. */
const CHUNK_SIZE_MAX = 2 ** 20;
const CHUNK_FACTOR = 16;
const CHUNK_SIZE_MIN = 1_024;

/** Compressed bytes and the number of what unpacks them. */
export interface Packed {
  codec: number;
  bytes: Uint8Array;
}

/** Compresses, where that makes them fewer. */
export function pack(compression: Compression, bytes: Uint8Array): Packed {
  const plain = { codec: 0, bytes };
  if (compression === "none" || bytes.length < COMPRESSED_SIZE_MIN) return plain;
  const packed = compression === "gzip"
    ? gzipSync(bytes, { level: LEVEL })
    : zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: LEVEL } });
  if (packed.length >= bytes.length) return plain;
  return { codec: CODECS.indexOf(compression), bytes: packed };
}

/** Undoes {@link pack}, and what other programs' producers did. @throws {Error} Which says what is wrong with the bytes. */
export function unpack({ codec, bytes }: Packed): Uint8Array {
  const name = CODECS[codec];
  const chunkSize = Math.min(CHUNK_SIZE_MAX, CHUNK_SIZE_MIN + CHUNK_FACTOR * bytes.length);
  const options = { chunkSize, maxOutputLength: UNPACKED_SIZE_MAX };
  try {
    switch (name) {
      case "none":
        return bytes;
      case "gzip":
        return plainArray(gunzipSync(bytes, options));
      case "snappy":
        return unpackSnappy(bytes, UNPACKED_SIZE_MAX);
      case "lz4":
        return unpackLz4(bytes, UNPACKED_SIZE_MAX);
      case "zstd":
        return plainArray(zstdDecompressSync(bytes, options));
    }
  } catch (cause) {
    throw new Error(`its ${name} cannot be unpacked: ${(cause as Error).message}`, { cause });
  }
  throw new Error(`it is compressed by codec ${codec}; ${CODECS.join(", ")} are read`);
}

/** Not a Buffer, whose parts would be Buffers, too: those are made several times slower. */
function plainArray({ buffer, byteOffset, length }: Uint8Array): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}
