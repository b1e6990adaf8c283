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
  #bits: Uint8Array;
  #size = 0;

  private constructor(unitMs: number, windowSizeMs: number) {
    this.#unitMs = unitMs;
    this.#bits = new Uint8Array(Math.ceil(windowSizeMs / unitMs / 8));
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
    const [prefix, seconds] = /^([1-9]\d*):/.exec(text) ?? [];
    const unitMs = Number(seconds) * TICK_UNIT_MS;
    const tickCount = windowSizeMs / unitMs;
    if (prefix === undefined || windowSizeMs % unitMs !== 0 || tickCount > TICK_COUNT_MAX) {
      throw new TypeError(
        `Not a tick set of a window of ${windowSizeMs} ms: ${text.slice(0, 40)}`,
      );
    }
    const set = new TickSet(unitMs, windowSizeMs);
    let end = -1;
    try {
      const bytes = Uint8Array.fromHex(text.slice(prefix.length));
      for (const byte of bytes) set.#size += ONES[byte & 15]! + ONES[byte >> 4]!;
      end = 8 * (bytes.length - 1) + 32 - Math.clz32(bytes.at(-1) ?? 0);
      set.#bits.set(bytes);
    } catch (cause) {
      throw new TypeError(`Not the ticks of ${windowSizeMs} ms: ${text.slice(0, 40)}`, { cause });
    }
    if (end > tickCount) {
      throw new TypeError(`Ticks beyond a window of ${windowSizeMs} ms: ${text.slice(0, 40)}`);
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
    return bit === Math.floor(bit) && (this.#bits[bit >> 3]! & (1 << (bit & 7))) !== 0;
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
    const mask = 1 << (bit & 7);
    if ((this.#bits[bit >> 3]! & mask) !== 0) return false;
    this.#bits[bit >> 3]! |= mask;
    this.#size++;
    return true;
  }

  /** The set as `seconds:hex`, trailing zero bytes left out. */
  encode(): string {
    let end = this.#bits.length;
    while (end > 0 && this.#bits[end - 1] === 0) end--;
    return `${this.#unitMs / TICK_UNIT_MS}:${this.#bits.subarray(0, end).toHex()}`;
  }

  /** Makes the grid fine enough for a tick. */
  #refine(offsetMs: number, windowSizeMs: number): void {
    if (offsetMs % TICK_UNIT_MS !== 0 || offsetMs < 0 || offsetMs >= windowSizeMs) {
      throw new RangeError(
        `Tick at ${offsetMs} ms of a window of ${windowSizeMs} ms: must be a whole second in it`,
      );
    }
    const finer = new TickSet(gcd(this.#unitMs, offsetMs), windowSizeMs);
    for (let bit = 0; bit < this.#bits.length * 8; bit++) {
      if (this.has(bit * this.#unitMs)) finer.add(bit * this.#unitMs, windowSizeMs);
    }
    this.#bits = finer.#bits;
    this.#unitMs = finer.#unitMs;
  }
}

/** How many bits of a half byte are set. */
const ONES = [0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4];

function gcd(a: number, b: number): number {
  while (b !== 0) [a, b] = [b, a % b];
  return a;
}
