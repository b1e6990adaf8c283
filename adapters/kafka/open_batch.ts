/**
 * One record batch whose records are being read, a part at a time.
 *
 * @module
 */
import type { LogRecord } from "../../ports/topic_log.ts";
import { unpack } from "./compression.ts";
import { crc32c } from "./crc32c.ts";
import { AT, ATTRIBUTE, HEADER_SIZE, MAGIC } from "./record_batch.ts";

/** A byte order mark is part of a text like any other character. */
const textDecoder = new TextDecoder("utf-8", { ignoreBOM: true });
const NO_HEADERS: Readonly<Record<string, string>> = Object.freeze({});

/** Reads Kafka's numbers of variable length, from `at` on. */
export class VarintReader {
  constructor(readonly bytes: Uint8Array, public at: number) {}

  /** Zigzag, up to 2^53. */
  varint(): number {
    const { bytes } = this;
    let byte = bytes[this.at++]!;
    let value = byte & 0x7f;
    for (let scale = 128; byte >= 0x80; scale *= 128) {
      byte = bytes[this.at++]!;
      value += (byte & 0x7f) * scale;
    }
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** Passes over bytes with their length before them, and tells the length; −1: there are none. */
  skip(): number {
    const length = this.varint();
    this.at += Math.max(0, length);
    return length;
  }

  /** Bytes with their length before them; `null` where it is −1. */
  sized(): Uint8Array | null {
    const length = this.varint();
    if (length < 0) return null;
    this.at += length;
    return this.bytes.subarray(this.at - length, this.at);
  }
}

/** Where a record's key lies, beside what else it has. */
interface Found extends Omit<LogRecord, "key"> {
  bytes: Uint8Array;
  keyAt: number;
  /** −1: it has none. */
  keyLength: number;
}

/** A record whose key becomes a text when it is asked for: of most samples nobody does. */
class ReadRecord implements LogRecord {
  readonly offset: number;
  readonly appendMs: number;
  readonly value: Uint8Array | null;
  readonly headers: Readonly<Record<string, string>>;
  readonly #bytes: Uint8Array;
  readonly #keyAt: number;
  readonly #keyLength: number;
  #key: string | null = null;

  constructor({ offset, appendMs, value, headers, bytes, keyAt, keyLength }: Found) {
    this.offset = offset;
    this.appendMs = appendMs;
    this.value = value;
    this.headers = headers;
    this.#bytes = bytes;
    this.#keyAt = keyAt;
    this.#keyLength = keyLength;
  }

  get key(): string | null {
    if (this.#keyLength < 0) return null;
    // Kept: what a monitor reads ahead is asked again and again.
    return this.#key ??= textDecoder.decode(
      this.#bytes.subarray(this.#keyAt, this.#keyAt + this.#keyLength),
    );
  }
}

/** A batch whose records are being read. */
export class OpenBatch {
  readonly #baseOffset: number;
  readonly #firstMs: number;
  /** Of all its records, where the broker has set it. */
  readonly #appendMs: number | null;
  readonly #body: VarintReader;
  #recordsLeft: number;

  /**
   * @param lastOffset Of the batch, whose last record may be gone.
   * @param end Where the next batch begins.
   * @throws {Error} Where it cannot be read.
   */
  constructor(batch: Buffer, readonly lastOffset: number, readonly end: number) {
    this.#baseOffset = Number(batch.readBigInt64BE(AT.baseOffset));
    if (batch[AT.magic] !== MAGIC) throw this.#unreadable(`its version is ${batch[AT.magic]}`);
    const checksum = crc32c(batch.subarray(AT.attributes));
    if (checksum !== batch.readUInt32BE(AT.checksum)) {
      throw this.#unreadable("its checksum is wrong, so it was damaged on a disk or on the way");
    }
    const attributes = batch.readInt16BE(AT.attributes);
    const hasAppendTime = (attributes & ATTRIBUTE.appendTime) !== 0;
    this.#firstMs = Number(batch.readBigInt64BE(AT.firstMs));
    this.#appendMs = hasAppendTime ? Number(batch.readBigInt64BE(AT.maxMs)) : null;
    this.#recordsLeft = batch.readInt32BE(AT.recordCount);
    const { buffer, byteOffset, length } = batch;
    const bytes = new Uint8Array(buffer, byteOffset + HEADER_SIZE, length - HEADER_SIZE);
    try {
      this.#body = new VarintReader(unpack({ codec: attributes & ATTRIBUTE.codec, bytes }), 0);
    } catch (error) {
      throw this.#unreadable((error as Error).message, error);
    }
  }

  /** Adds the records from `offset` on; answers how much room is left, less than none where not all found some. */
  read(records: LogRecord[], offset: number, room: number): number {
    const body = this.#body;
    for (; this.#recordsLeft > 0; this.#recordsLeft--) {
      const start = body.at;
      const end = body.varint() + body.at;
      if (!(end <= body.bytes.length)) throw this.#unreadable("its records are cut short");
      body.at++;
      const timeDelta = body.varint();
      const recordOffset = this.#baseOffset + body.varint();
      if (recordOffset >= offset) {
        const keyLength = body.skip();
        const keyAt = body.at - keyLength;
        const value = body.sized();
        room -= Math.max(0, keyLength) + (value?.length ?? 0);
        if (room < 0 && records.length > 0) {
          body.at = start;
          return room;
        }
        records.push(
          new ReadRecord({
            offset: recordOffset,
            appendMs: this.#appendMs ?? this.#firstMs + timeDelta,
            value,
            headers: headersOf(body),
            bytes: body.bytes,
            keyAt,
            keyLength,
          }),
        );
      }
      body.at = end;
    }
    return Math.max(0, room);
  }

  #unreadable(why: string, cause?: unknown): Error {
    return new Error(
      `the record batch from offset ${this.#baseOffset} to ${this.lastOffset} cannot be read: ${why}. ` +
        "Have its records sent again, readably; then delete it (kafka-delete-records, before " +
        `offset ${this.lastOffset + 1}) and go on with SKIP_LOST=yes`,
      { cause },
    );
  }
}

function headersOf(body: VarintReader): Readonly<Record<string, string>> {
  const count = body.varint();
  if (count === 0) return NO_HEADERS;
  const headers: Record<string, string> = {};
  for (let i = 0; i < count; i++) {
    const name = textDecoder.decode(body.sized()!);
    headers[name] = textDecoder.decode(body.sized() ?? new Uint8Array());
  }
  return headers;
}
