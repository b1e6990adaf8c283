/**
 * Reading Snappy and LZ4, which other programs' producers may compress with. Both are runs of
 * literals and of copies from what was unpacked before.
 *
 * The forms: https://github.com/google/snappy/blob/main/format_description.txt with the framing of
 * xerial's snappy-java, and https://github.com/lz4/lz4/tree/dev/doc. Their own checksums are passed
 * over: the batch around them has one.
 *
 * @module
 */

/** "\x82SNAPPY\0", with which snappy-java begins; a version and the least version that reads it follow. */
const XERIAL_MAGIC = [0x82, 0x53, 0x4e, 0x41, 0x50, 0x50, 0x59, 0x00];
const XERIAL_HEADER_SIZE = 16;

const LZ4_MAGIC = 0x184d2204;
const LZ4_FLAG = { blockChecksum: 0x10, contentSize: 0x08, dictionaryId: 0x01 };
/** Set in a block's length where the block is stored as it is. */
const LZ4_STORED = 0x80000000;
/** LZ4's copies are of four bytes at least. */
const LZ4_COPY_MIN = 4;

/** Unpacked bytes, which grow up to a bound. */
class Output {
  #bytes: Uint8Array<ArrayBuffer>;
  #size = 0;

  constructor(sizeExpected: number, private readonly sizeMax: number) {
    this.#bytes = new Uint8Array(Math.min(sizeExpected, sizeMax));
  }

  literal(bytes: Uint8Array): void {
    this.#reserve(bytes.length);
    this.#bytes.set(bytes, this.#size);
    this.#size += bytes.length;
  }

  /** Repeats what lies `distance` bytes back; it may run into itself. */
  copy(distance: number, length: number): void {
    const from = this.#size - distance;
    if (distance <= 0 || from < 0) throw new RangeError(`a copy from ${distance} bytes back`);
    this.#reserve(length);
    const bytes = this.#bytes;
    if (distance >= length) bytes.copyWithin(this.#size, from, from + length);
    else for (let i = 0; i < length; i++) bytes[this.#size + i] = bytes[from + i]!;
    this.#size += length;
  }

  whole(): Uint8Array {
    return this.#bytes.subarray(0, this.#size);
  }

  #reserve(count: number): void {
    const needed = this.#size + count;
    if (needed <= this.#bytes.length) return;
    if (needed > this.sizeMax) throw new RangeError(`more than ${this.sizeMax} bytes`);
    const grown = new Uint8Array(Math.min(this.sizeMax, Math.max(needed, 2 * this.#bytes.length)));
    grown.set(this.whole());
    this.#bytes = grown;
  }
}

/** Bytes read in order. @throws {RangeError} Where they end too soon. */
class Input {
  #at = 0;

  constructor(private readonly bytes: Uint8Array) {}

  get isAtEnd(): boolean {
    return this.#at >= this.bytes.length;
  }

  take(count: number): Uint8Array {
    const end = this.#at + count;
    if (end > this.bytes.length) throw new RangeError("cut short");
    return this.bytes.subarray(this.#at, this.#at = end);
  }

  byte(): number {
    return this.take(1)[0]!;
  }

  littleEndian(byteCount: number): number {
    return this.take(byteCount).reduceRight((value, byte) => value * 256 + byte, 0);
  }
}

/** Unpacks Snappy, one block or framed by snappy-java. @throws {RangeError} Where it is damaged, or more than `sizeMax` bytes. */
export function unpackSnappy(bytes: Uint8Array, sizeMax: number): Uint8Array {
  const output = new Output(2 * bytes.length, sizeMax);
  if (XERIAL_MAGIC.some((byte, i) => bytes[i] !== byte)) {
    unpackSnappyBlock(new Input(bytes), output);
    return output.whole();
  }
  const input = new Input(bytes.subarray(XERIAL_HEADER_SIZE));
  while (!input.isAtEnd) {
    const [a, b, c, d] = input.take(4) as unknown as [number, number, number, number];
    unpackSnappyBlock(new Input(input.take(((a << 24) | (b << 16) | (c << 8) | d) >>> 0)), output);
  }
  return output.whole();
}

function unpackSnappyBlock(input: Input, output: Output): void {
  while (input.byte() >= 0x80); // The unpacked size: the output grows by itself.
  while (!input.isAtEnd) {
    const tag = input.byte();
    const high = tag >>> 2;
    if ((tag & 3) === 0) {
      output.literal(input.take(1 + (high < 60 ? high : input.littleEndian(high - 59))));
    } else if ((tag & 3) === 1) {
      output.copy(((high >>> 3) << 8) | input.byte(), 4 + (high & 7));
    } else {
      output.copy(input.littleEndian((tag & 3) === 2 ? 2 : 4), 1 + high);
    }
  }
}

/** Unpacks an LZ4 frame. @throws {RangeError} Where it is damaged, or more than `sizeMax` bytes. */
export function unpackLz4(bytes: Uint8Array, sizeMax: number): Uint8Array {
  const input = new Input(bytes);
  const output = new Output(3 * bytes.length, sizeMax);
  if (input.littleEndian(4) !== LZ4_MAGIC) throw new RangeError("not an LZ4 frame");
  const flags = input.byte();
  input.byte(); // The greatest size of a block: the output grows by itself.
  if (flags & LZ4_FLAG.contentSize) input.take(8);
  if (flags & LZ4_FLAG.dictionaryId) throw new RangeError("an LZ4 dictionary, which is not here");
  input.take(1); // The header's checksum.
  for (let size = input.littleEndian(4); size !== 0; size = input.littleEndian(4)) {
    const block = input.take(size % LZ4_STORED);
    if (size >= LZ4_STORED) output.literal(block);
    else unpackLz4Block(new Input(block), output);
    if (flags & LZ4_FLAG.blockChecksum) input.take(4);
  }
  return output.whole();
}

function unpackLz4Block(input: Input, output: Output): void {
  while (true) {
    const token = input.byte();
    output.literal(input.take(lz4Length(input, token >>> 4)));
    // The last sequence of a block has literals only.
    if (input.isAtEnd) return;
    const distance = input.littleEndian(2);
    output.copy(distance, LZ4_COPY_MIN + lz4Length(input, token & 15));
  }
}

/** A length of 15 goes on in further bytes, as long as they are full. */
function lz4Length(input: Input, first: number): number {
  let length = first;
  for (let byte = first === 15 ? 255 : 0; byte === 255;) length += byte = input.byte();
  return length;
}
