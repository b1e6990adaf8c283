/**
 * Many records as one block of bytes, because a Deno KV value per record would be a hundred times slower.
 *
 * Layout, little-endian as all machines that Deno runs on: a header of doubles, then per record five
 * varints or more (offset and append time as differences, the lengths of key, value and headers),
 * then all texts as one UTF-8 string, which is encoded and decoded at once, then all values.
 *
 * @module
 */
import type { LogRecord } from "../../ports/topic_log.ts";

/** The newest layout that this program knows. */
const CHUNK_VERSION = 1;

/** The header: version, bytes in all, records, bytes of the varints, bytes of the text, first offset, first and last append time. */
const HEADER_COUNT = 8;
const HEADER_BYTES = 8 * HEADER_COUNT;

/** A varint of a 53-bit integer takes at most this many bytes. */
const VARINT_BYTES_MAX = 8;

/** How many bytes of records make a chunk: one Deno KV value, some room for lengths left. */
const CHUNK_CONTENT_BYTES = 62_000;
/** About what a record's lengths take in a chunk, in bytes. */
const RECORD_OVERHEAD_BYTES = 10;

const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});
const encoder = new TextEncoder();
// A byte order mark at the beginning is the first key's own.
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** What a record takes in a chunk, in bytes, but for characters beyond ASCII. */
export function sizeOf(record: Pick<LogRecord, "key" | "value" | "headers">): number {
  let size = RECORD_OVERHEAD_BYTES + (record.key?.length ?? 0) + (record.value?.length ?? 0);
  for (const name in record.headers) size += name.length + record.headers[name]!.length + 4;
  return size;
}

/** Cuts records, in order, into chunks of about one Deno KV value; a larger record has one to itself. */
export function* chunksOf(records: readonly LogRecord[]): Generator<readonly LogRecord[]> {
  let from = 0;
  let size = 0;
  for (let i = 0; i < records.length; i++) {
    const added = sizeOf(records[i]!);
    if (i > from && size + added > CHUNK_CONTENT_BYTES) {
      yield records.slice(from, i);
      from = i;
      size = 0;
    }
    size += added;
  }
  if (from < records.length) yield records.slice(from);
}

/** Whether chunks of these sizes, as {@link sizeOf} has them, fit into one. */
export function fitsOneChunk(size: number): boolean {
  return size <= CHUNK_CONTENT_BYTES;
}

/**
 * Writes a chunk.
 *
 * @param records At least one, offsets rising, append times never falling.
 */
export function encodeChunk(records: readonly LogRecord[]): Uint8Array<ArrayBuffer> {
  const first = records[0]!;
  const numbers = new Numbers(records.length);
  let { offset, appendMs } = first;
  let text = "";
  let valueByteCount = 0;
  for (const record of records) {
    const { key, value, headers } = record;
    numbers.write(record.offset - offset);
    numbers.write(record.appendMs - appendMs);
    numbers.write(key === null ? 0 : key.length + 1);
    numbers.write(value === null ? 0 : value.length + 1);
    text += key ?? "";
    valueByteCount += value?.length ?? 0;
    const names = Object.keys(headers);
    numbers.write(names.length);
    for (const name of names) {
      const content = headers[name]!;
      numbers.write(name.length);
      numbers.write(content.length);
      text += name + content;
    }
    ({ offset, appendMs } = record);
  }
  const textBytes = encoder.encode(text);
  const metaBytes = numbers.bytes();
  let at = HEADER_BYTES + metaBytes.length + textBytes.length;
  const chunk = new Uint8Array(at + valueByteCount);
  new Float64Array(chunk.buffer, 0, HEADER_COUNT).set([
    CHUNK_VERSION,
    chunk.length,
    records.length,
    metaBytes.length,
    textBytes.length,
    first.offset,
    first.appendMs,
    appendMs,
  ]);
  chunk.set(metaBytes, HEADER_BYTES);
  chunk.set(textBytes, HEADER_BYTES + metaBytes.length);
  for (const { value } of records) {
    if (value === null) continue;
    chunk.set(value, at);
    at += value.length;
  }
  return chunk;
}

/** What a chunk's first part tells of the whole. */
export interface ChunkHeader {
  /** How long the chunk is with all its parts. */
  byteCount: number;
  /** The offset of its first record. */
  firstOffset: number;
  /** The append time of its last record, in ms since the epoch. */
  lastAppendMs: number;
}

/** Reads the header. @throws {TypeError} Where these bytes begin no chunk, or a newer one. */
export function chunkHeader(bytes: Uint8Array): ChunkHeader {
  const [version, byteCount, , , , firstOffset, , lastAppendMs] = headerOf(bytes);
  if (version !== CHUNK_VERSION) {
    throw new TypeError(
      `Not a chunk of version ${CHUNK_VERSION}, the newest this program knows: ` +
        `${bytes.length} bytes of version ${version}`,
    );
  }
  return { byteCount: byteCount!, firstOffset: firstOffset!, lastAppendMs: lastAppendMs! };
}

/** Reads a whole chunk. The values share the memory of `bytes`. */
export function decodeChunk(bytes: Uint8Array): LogRecord[] {
  const header = headerOf(bytes);
  const textAt = HEADER_BYTES + header[3]!;
  let valueAt = textAt + header[4]!;
  const text = decoder.decode(bytes.subarray(textAt, valueAt));
  const numbers = new Numbers(0, bytes.subarray(HEADER_BYTES, textAt));
  const records: LogRecord[] = new Array(header[2]!);
  let [offset, appendMs, at] = [header[5]!, header[6]!, 0];
  for (let i = 0; i < records.length; i++) {
    offset += numbers.read();
    appendMs += numbers.read();
    const keyLength = numbers.read() - 1;
    const valueLength = numbers.read() - 1;
    const key = keyLength < 0 ? null : text.slice(at, at += keyLength);
    const value = valueLength < 0 ? null : bytes.subarray(valueAt, valueAt += valueLength);
    let headers = NO_HEADERS;
    const headerCount = numbers.read();
    if (headerCount > 0) {
      // Not by assignment, which "__proto__" would escape.
      headers = Object.fromEntries(Array.from({ length: headerCount }, () => {
        const nameEnd = at + numbers.read();
        const contentEnd = nameEnd + numbers.read();
        const entry = [text.slice(at, nameEnd), text.slice(nameEnd, contentEnd)];
        at = contentEnd;
        return entry;
      }));
    }
    records[i] = { offset, appendMs, key, value, headers };
  }
  return records;
}

/** A copy, because a value need not begin where doubles may. */
function headerOf(bytes: Uint8Array): Float64Array {
  return new Float64Array(
    bytes.slice(0, HEADER_BYTES).buffer,
    0,
    bytes.length < HEADER_BYTES ? 0 : HEADER_COUNT,
  );
}

/** Varints, seven bits a byte, the least first. */
class Numbers {
  #at = 0;
  constructor(
    recordCount: number,
    private content: Uint8Array = new Uint8Array(recordCount * 8 + 64),
  ) {}

  write(value: number): void {
    if (this.#at + VARINT_BYTES_MAX > this.content.length) {
      const larger = new Uint8Array(2 * this.content.length);
      larger.set(this.content);
      this.content = larger;
    }
    for (; value > 127; value = Math.floor(value / 128)) {
      this.content[this.#at++] = (value % 128) | 128;
    }
    this.content[this.#at++] = value;
  }

  read(): number {
    let byte = this.content[this.#at++]!;
    let value = byte & 127;
    for (let factor = 128; byte > 127; factor *= 128) {
      byte = this.content[this.#at++]!;
      value += (byte & 127) * factor;
    }
    return value;
  }

  bytes(): Uint8Array {
    return this.content.subarray(0, this.#at);
  }
}
