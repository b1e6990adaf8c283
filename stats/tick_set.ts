/**
 * Which ticks of a window were counted, so that a second sample of a tick is known as a duplicate.
 * A bit per `unitMs` from the window's start: 60 bits for an hour of minutes. A tick off the grid
 * makes the grid finer (greatest common divisor), down to {@link TICK_UNIT_MS}.
 *
 * @module
 */

/** Ticks fall on whole seconds, so that no stream of ticks can make a set grow past its window's seconds. */
export const TICK_UNIT_MS = 1000;

/** The ticks counted in one window. */
export class TickSet {
  #unitMs: number;
  #bits: Uint8Array;
  #size: number;

  private constructor(unitMs: number, bits: Uint8Array, size: number) {
    this.#unitMs = unitMs;
    this.#bits = bits;
    this.#size = size;
  }

  /** An empty set whose grid fits `intervalMs`, the spacing of the first tick's schedule. */
  static empty(windowSizeMs: number, intervalMs: number | null): TickSet {
    const unitMs = gcd(windowSizeMs, intervalMs ?? windowSizeMs);
    const unit = unitMs % TICK_UNIT_MS === 0 ? unitMs : TICK_UNIT_MS;
    return new TickSet(unit, new Uint8Array(bytesOf(windowSizeMs, unit)), 0);
  }

  /** Reads what {@link encode} wrote. @throws {TypeError} Where the text is not one of its forms. */
  static decode(text: string, windowSizeMs: number): TickSet {
    const cut = text.indexOf(":");
    const unitMs = Number(text.slice(0, cut)) * TICK_UNIT_MS;
    const hex = text.slice(cut + 1);
    if (cut < 1 || !(unitMs >= TICK_UNIT_MS) || !/^([0-9a-f]{2})*$/.test(hex)) {
      throw new TypeError(`Not a tick set: ${text.slice(0, 40)}`);
    }
    const bits = new Uint8Array(bytesOf(windowSizeMs, unitMs));
    if (hex.length > bits.length * 2) {
      throw new TypeError(`Tick set longer than its window: ${text.slice(0, 40)}`);
    }
    let size = 0;
    for (let i = 0; i * 2 < hex.length; i++) {
      const byte = parseInt(hex.slice(2 * i, 2 * i + 2), 16);
      bits[i] = byte;
      size += ONES[byte & 15]! + ONES[byte >> 4]!;
    }
    return new TickSet(unitMs, bits, size);
  }

  /** How many ticks are in the set. */
  get size(): number {
    return this.#size;
  }

  /** Whether the tick at `offsetMs` after the window's start is in the set. */
  has(offsetMs: number): boolean {
    if (offsetMs % this.#unitMs !== 0) return false;
    const bit = offsetMs / this.#unitMs;
    return (this.#bits[bit >> 3]! & (1 << (bit & 7))) !== 0;
  }

  /**
   * Puts the tick at `offsetMs` into the set.
   *
   * @param offsetMs Milliseconds after the window's start: a multiple of {@link TICK_UNIT_MS} in `[0, windowSizeMs)`.
   */
  add(offsetMs: number, windowSizeMs: number): void {
    if (offsetMs % this.#unitMs !== 0) this.#refine(gcd(this.#unitMs, offsetMs), windowSizeMs);
    const bit = offsetMs / this.#unitMs;
    const mask = 1 << (bit & 7);
    if ((this.#bits[bit >> 3]! & mask) !== 0) return;
    this.#bits[bit >> 3]! |= mask;
    this.#size++;
  }

  /** The set as `seconds:hex`, trailing zero bytes left out. */
  encode(): string {
    let end = this.#bits.length;
    while (end > 0 && this.#bits[end - 1] === 0) end--;
    let hex = "";
    for (let i = 0; i < end; i++) hex += HEX[this.#bits[i]!];
    return `${this.#unitMs / TICK_UNIT_MS}:${hex}`;
  }

  #refine(unitMs: number, windowSizeMs: number): void {
    const finer = new Uint8Array(bytesOf(windowSizeMs, unitMs));
    const times = this.#unitMs / unitMs;
    for (let bit = 0; bit < this.#bits.length * 8; bit++) {
      if ((this.#bits[bit >> 3]! & (1 << (bit & 7))) === 0) continue;
      finer[(bit * times) >> 3]! |= 1 << ((bit * times) & 7);
    }
    this.#bits = finer;
    this.#unitMs = unitMs;
  }
}

const ONES = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

function bytesOf(windowSizeMs: number, unitMs: number): number {
  return Math.ceil(Math.ceil(windowSizeMs / unitMs) / 8);
}

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
