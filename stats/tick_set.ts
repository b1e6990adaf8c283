/**
 * Which ticks of a window were counted, so that a second sample of a tick is known as a duplicate.
 * A bit per `unitMs` from the window's start: 60 bits for an hour of minutes. A tick off the grid
 * makes the grid finer (greatest common divisor), down to {@link TICK_UNIT_MS}.
 *
 * @module
 */

/** Ticks fall on whole seconds, so that no stream of ticks can make a set grow past its window's seconds. */
export const TICK_UNIT_MS = 1000;

/** A set for more ticks than a month has seconds (330 kB) is not read: its window cannot be meant. */
const TICK_COUNT_MAX = 31 * 86_400;

/** The ticks counted in one window; a window has whole seconds. */
export class TickSet {
  /** Divides the window's size. */
  #unitMs: number;
  /** 32 bits each. Numbers, not a typed array: of one for each of 200,000 windows the object alone would take 50 MB. */
  #words: number[];
  #size = 0;

  private constructor(unitMs: number, windowSizeMs: number) {
    this.#unitMs = unitMs;
    this.#words = new Array(Math.ceil(windowSizeMs / unitMs / 32)).fill(0);
  }

  /** An empty set whose grid fits `intervalMs`, the spacing of the first tick's schedule, as far as the window allows. */
  static empty(windowSizeMs: number, intervalMs: number | null): TickSet {
    return new TickSet(gcd(windowSizeMs, intervalMs ?? windowSizeMs), windowSizeMs);
  }

  /**
   * Reads what {@link encode} wrote.
   *
   * @throws {TypeError} Where the text is not of its form, or no set of a window of this size.
   */
  static decode(text: string, windowSizeMs: number): TickSet {
    // By hand: a hundred thousand are read at a take-over, and the built-in ways take several times as long.
    let at = 0;
    let unitSeconds = 0;
    for (let digit; (digit = text.charCodeAt(at) - ZERO) >= 0 && digit <= 9; at++) {
      unitSeconds = 10 * unitSeconds + digit;
    }
    const isForm = text.charCodeAt(0) !== ZERO && text[at] === ":" && (text.length - at) % 2 === 1;
    const bytes = new Uint8Array(isForm ? (text.length - at) >> 1 : 0);
    let isHex = isForm;
    for (let i = 0; i < bytes.length; i++) {
      const high = HEX[text.charCodeAt(++at)] ?? -1;
      const low = HEX[text.charCodeAt(++at)] ?? -1;
      if (high < 0 || low < 0) isHex = false;
      bytes[i] = high << 4 | low;
    }
    if (!isHex) {
      throw new TypeError(
        `Not a tick set of a window of ${windowSizeMs} ms: ${text.slice(0, 40)}`,
      );
    }
    return TickSet.of(unitSeconds, bytes, windowSizeMs);
  }

  /**
   * The set of {@link unitSeconds} and what {@link write} wrote.
   *
   * @throws {TypeError} Where a window of this size has no such set.
   */
  static of(unitSeconds: number, bytes: Uint8Array, windowSizeMs: number): TickSet {
    const unitMs = unitSeconds * TICK_UNIT_MS;
    const tickCount = windowSizeMs / unitMs;
    if (windowSizeMs % unitMs !== 0 || tickCount > TICK_COUNT_MAX) {
      throw new TypeError(`Ticks every ${unitSeconds} s do not fit a window of ${windowSizeMs} ms`);
    }
    const set = new TickSet(unitMs, windowSizeMs);
    const end = 8 * (bytes.length - 1) + 32 - Math.clz32(bytes.at(-1) ?? 0);
    if (end > tickCount || bytes.length > 4 * set.#words.length) {
      throw new TypeError(
        `${bytes.length} bytes of ticks are beyond a window of ${windowSizeMs} ms`,
      );
    }
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i]!;
      set.#words[i >> 2]! |= byte << 8 * (i & 3);
      set.#size += ONES[byte & 15]! + ONES[byte >> 4]!;
    }
    return set;
  }

  /** How many ticks are in the set. */
  get size(): number {
    return this.#size;
  }

  /** Whether the tick at `offsetMs` after the window's start is in the set. */
  has(offsetMs: number): boolean {
    const bit = offsetMs / this.#unitMs;
    // Math.floor, not %, which costs more than all of the rest.
    return bit === Math.floor(bit) && (this.#words[bit >> 5]! & (1 << (bit & 31))) !== 0;
  }

  /**
   * Puts the tick at `offsetMs` into the set.
   *
   * @param offsetMs Milliseconds after the window's start: a multiple of {@link TICK_UNIT_MS} in `[0, windowSizeMs)`.
   * @returns Whether it is new.
   * @throws {RangeError} Where it is no tick of the window.
   */
  add(offsetMs: number, windowSizeMs: number): boolean {
    let bit = offsetMs / this.#unitMs;
    if (bit !== Math.floor(bit) || bit < 0 || offsetMs >= windowSizeMs) {
      this.#refine(offsetMs, windowSizeMs);
      bit = offsetMs / this.#unitMs;
    }
    const mask = 1 << (bit & 31);
    if ((this.#words[bit >> 5]! & mask) !== 0) return false;
    this.#words[bit >> 5]! |= mask;
    this.#size++;
    return true;
  }

  /** The grid's spacing. */
  get unitSeconds(): number {
    return this.#unitMs / TICK_UNIT_MS;
  }

  /** How many bytes the bits take, the first tick's lowest, trailing zero bytes left out. */
  get byteCount(): number {
    let last = this.#words.length - 1;
    while (last >= 0 && this.#words[last] === 0) last--;
    return last < 0 ? 0 : 4 * (last + 1) - (Math.clz32(this.#words[last]!) >> 3);
  }

  /** Writes {@link byteCount} bytes of bits. By hand: a copy or a view costs more than all else of a window. */
  write(target: Uint8Array, at: number): void {
    for (let i = this.byteCount - 1; i >= 0; i--) target[at + i] = this.#byte(i);
  }

  /** The set as `seconds:hex` of its bits, as {@link write} has them. */
  encode(): string {
    const end = this.byteCount;
    let text = `${this.unitSeconds}:`;
    for (let i = 0; i < end; i++) text += HEX_PAIRS[this.#byte(i)];
    return text;
  }

  #byte(i: number): number {
    return this.#words[i >> 2]! >>> 8 * (i & 3) & 255;
  }

  /** Makes the grid fine enough for a tick. */
  #refine(offsetMs: number, windowSizeMs: number): void {
    if (offsetMs % TICK_UNIT_MS !== 0 || offsetMs < 0 || offsetMs >= windowSizeMs) {
      throw new RangeError(
        `Tick at ${offsetMs} ms of a window of ${windowSizeMs} ms: must be a whole second in it`,
      );
    }
    const finer = new TickSet(gcd(this.#unitMs, offsetMs), windowSizeMs);
    for (let bit = 0; bit < this.#words.length * 32; bit++) {
      if (this.has(bit * this.#unitMs)) finer.add(bit * this.#unitMs, windowSizeMs);
    }
    this.#words = finer.#words;
    this.#unitMs = finer.#unitMs;
  }
}

const ZERO = "0".charCodeAt(0);
/** The values of hex digits by their character codes; −1: none. */
const HEX = new Int8Array(128).fill(-1);
for (const [value, digit] of [..."0123456789abcdef"].entries()) {
  HEX[digit.charCodeAt(0)] = HEX[digit.toUpperCase().charCodeAt(0)] = value;
}

/** The hex digits of a byte. */
const HEX_PAIRS = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

/** How many bits of a half byte are set. */
const ONES = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
