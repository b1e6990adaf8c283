/**
 * Chunks as they lie in Deno KV. A chunk's key ends in the last offset it covers, so that one list
 * from any offset on finds the record there or the next one, however chunks were merged meanwhile.
 * A chunk larger than a value lies in several: `[…, through]`, `[…, through, 1]`, `[…, through, 2]` …
 *
 * @module
 */
import { chunkHeader } from "./chunk_codec.ts";
import { deletion, type Mutation, setBytes } from "./atomic_writer.ts";
import { type Kv, VALUE_BYTES_MAX } from "./kv_file.ts";

/** A chunk read. */
export interface StoredChunk {
  /** The last offset that it covers; its last record may lie before. */
  through: number;
  bytes: Uint8Array;
  lastAppendMs: number;
}

/**
 * Which chunks to read: those with a last offset of `from` or more and a first record before `before`,
 * the partition's end at some time; what lies beyond may be half written. A chunk that ended there may
 * have been merged with what came later.
 */
export interface ChunkRange {
  from: number;
  before: number;
  /** How many values to read at most, ≥ 1. */
  valueCountMax: number;
  /** Read the newest, not the oldest, of those with a last offset before `before`. */
  newest?: boolean;
}

/** Chunks in the order of their offsets, and whether the range has no more. */
export interface ChunkPage {
  chunks: readonly StoredChunk[];
  exhausted: boolean;
}

type Entry = Deno.KvEntry<Uint8Array>;

/**
 * Reads a page of chunks, of one moment.
 *
 * @param prefix The partition's key.
 * @returns At least one chunk if there is any.
 * @throws {TypeError} Where what lies there is not what was written.
 */
export async function readChunks(
  kv: Kv,
  prefix: Deno.KvKey,
  range: ChunkRange,
): Promise<ChunkPage> {
  const { from, before, valueCountMax, newest = false } = range;
  const entries: Entry[] = [];
  const selector = { start: [...prefix, from], end: [...prefix, newest ? before : Infinity] };
  // One batch is one snapshot.
  const options = { limit: valueCountMax, batchSize: valueCountMax, reverse: newest };
  for await (const entry of kv.list<Uint8Array>(selector, options)) entries.push(entry);
  if (newest) entries.reverse();
  // Where the newest are read, the first one's beginning may be cut off.
  const first = newest ? entries.findIndex(({ key }) => key.length === prefix.length + 1) : 0;
  const { chunks, isEnd } = assemble(entries, first, prefix.length, before);
  const exhausted = isEnd || entries.length < valueCountMax;
  if (chunks.length > 0) return { chunks, exhausted };
  if (!exhausted) return readChunks(kv, prefix, { ...range, valueCountMax: 2 * valueCountMax + 1 });
  if (entries.length > 0 && !isEnd) {
    throw new TypeError(`${prefix.join("/")}: half a chunk at ${from}`);
  }
  return { chunks, exhausted };
}

/** Puts the parts together, to the page's end or through the last chunk with a record before `before`. */
function assemble(
  entries: readonly Entry[],
  first: number,
  prefixLength: number,
  before: number,
): { chunks: StoredChunk[]; isEnd: boolean } {
  const chunks: StoredChunk[] = [];
  for (let i = first; i >= 0 && i < entries.length;) {
    const { key, value } = entries[i]!;
    const through = key[prefixLength] as number;
    // Of what is being written the first part may still be missing.
    const isFirstPart = key.length === prefixLength + 1;
    if (!isFirstPart && through >= before) return { chunks, isEnd: true };
    const { byteCount, firstOffset, lastAppendMs } = chunkHeader(value);
    if (firstOffset >= before) return { chunks, isEnd: true };
    const partCount = partCountOf(byteCount);
    if (i + partCount > entries.length) break;
    const bytes = partCount === 1 ? value : new Uint8Array(byteCount);
    for (let part = 0; partCount > 1 && part < partCount; part++) {
      bytes.set(entries[i + part]!.value, part * VALUE_BYTES_MAX);
    }
    chunks.push({ through, bytes, lastAppendMs });
    i += partCount;
  }
  return { chunks, isEnd: false };
}

/** The mutations that store a chunk. */
export function storing(prefix: Deno.KvKey, through: number, bytes: Uint8Array): Mutation[] {
  return Array.from(
    { length: partCountOf(bytes.length) },
    (_, part) =>
      setBytes(
        partKey(prefix, through, part),
        bytes.subarray(part * VALUE_BYTES_MAX, (part + 1) * VALUE_BYTES_MAX),
      ),
  );
}

/** The mutations that delete a chunk, or its parts from `fromPart` on. */
export function deleting(prefix: Deno.KvKey, chunk: StoredChunk, fromPart = 0): Mutation[] {
  const deletions: Mutation[] = [];
  for (let part = fromPart; part < partCountOf(chunk.bytes.length); part++) {
    deletions.push(deletion(partKey(prefix, chunk.through, part)));
  }
  return deletions;
}

/** How many values a chunk of so many bytes takes. */
export function partCountOf(byteCount: number): number {
  return Math.ceil(byteCount / VALUE_BYTES_MAX);
}

function partKey(prefix: Deno.KvKey, through: number, part: number): Deno.KvKey {
  return part === 0 ? [...prefix, through] : [...prefix, through, part];
}
