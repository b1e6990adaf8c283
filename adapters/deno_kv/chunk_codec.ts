/**
 * Many records as one block of bytes, because a Deno KV value per record would be a hundred times slower.
 *
 * Layout, little-endian: a header of {@link HEADER_BYTES}, then per record six varints or more (offset and
 * append time as differences, the lengths of key, value and headers), then all texts as one UTF-8
 * string, which is encoded and decoded at once, then all values.
 *
 * @module
 */
import type { LogRecord } from "../../ports/topic_log.ts";

/** The newest layout that this program knows. */
const CHUNK_VERSION = 1;

const HEADER_BYTES = 48;
const AT = {
  version: 0,
  bytes: 4,
  records: 8,
  numbers: 12,
  text: 16,
  offset: 24,
  first: 32,
  last: 40,
};

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
  const header = new DataView(chunk.buffer);
  header.setUint8(AT.version, CHUNK_VERSION);
  header.setUint32(AT.bytes, chunk.length, true);
  header.setUint32(AT.records, records.length, true);
  header.setUint32(AT.numbers, metaBytes.length, true);
  header.setUint32(AT.text, textBytes.length, true);
  header.setFloat64(AT.offset, first.offset, true);
  header.setFloat64(AT.first, first.appendMs, true);
  header.setFloat64(AT.last, appendMs, true);
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
  /** The append time of its last record, in ms since the epoch. */
  lastAppendMs: number;
}

/** Reads the header. @throws {TypeError} Where these bytes begin no chunk, or a newer one. */
export function chunkHeader(bytes: Uint8Array): ChunkHeader {
  const view = viewOf(bytes);
  if (bytes.length < HEADER_BYTES || view.getUint8(AT.version) !== CHUNK_VERSION) {
    throw new TypeError(
      `Not a chunk of version ${CHUNK_VERSION}, the newest this program knows: ` +
        `${bytes.length} bytes of version ${bytes[0]}`,
    );
  }
  return {
    byteCount: view.getUint32(AT.bytes, true),
    lastAppendMs: view.getFloat64(AT.last, true),
  };
}

/** Reads a whole chunk. The values share the memory of `bytes`. */
export function decodeChunk(bytes: Uint8Array): LogRecord[] {
  const view = viewOf(bytes);
  const textAt = HEADER_BYTES + view.getUint32(AT.numbers, true);
  let valueAt = textAt + view.getUint32(AT.text, true);
  const text = decoder.decode(bytes.subarray(textAt, valueAt));
  const numbers = new Numbers(0, bytes.subarray(HEADER_BYTES, textAt));
  const records: LogRecord[] = new Array(view.getUint32(AT.records, true));
  let offset = view.getFloat64(AT.offset, true);
  let appendMs = view.getFloat64(AT.first, true);
  let at = 0;
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

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
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
