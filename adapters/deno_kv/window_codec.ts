/**
 * A window as bytes: about 190 of them, every double bit for bit.
 *
 * Layout, little-endian as all machines that Deno runs on: version, flags, the lengths of the texts
 * in UTF-16 units and of all in UTF-8, the numbers as doubles, the texts, and the tick set's unit
 * and bits. Head and numbers go through one scratch buffer, because hundreds of thousands of
 * windows are written and read at a time.
 *
 * @module
 */
import { ID_LENGTH_MAX } from "../../stats/sample.ts";
import { TICK_UNIT_MS, TickSet } from "../../stats/tick_set.ts";
import type { WindowState } from "../../stats/window.ts";

/** The newest layout that this program knows. */
const WINDOW_VERSION = 1;

const NUMBERS = [
  "startMs",
  "endMs",
  "count",
  "meanHi",
  "meanLo",
  "m2Hi",
  "m2Lo",
  "min",
  "max",
  "openPrice",
  "openMs",
  "openOffset",
  "closePrice",
  "closeMs",
  "closeOffset",
  "throughOffset",
] as const satisfies (keyof WindowState)[];
const TEXTS = [
  "exchange",
  "instrument",
  "origin",
  "base",
  "quote",
] as const satisfies (keyof WindowState)[];

const FLAGS = { closed: 1, amended: 2, base: 4, quote: 8, ticks: 16, interval: 32 };
const INTERVAL = NUMBERS.length;
const NUMBERS_AT = 16;
const TEXT_AT = NUMBERS_AT + 8 * (NUMBERS.length + 1);

const head = new Uint8Array(TEXT_AT);
const lengths = new Uint16Array(head.buffer, 2, TEXTS.length + 1);
const numbers = new Float64Array(head.buffer, NUMBERS_AT);
const textRoom = new Uint8Array(2048);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** No window of this size takes more, in bytes, as long as its origin is no longer than an id may be. */
export function windowBytesMax(windowSizeMs: number): number {
  return TEXT_AT + 3 * TEXTS.length * ID_LENGTH_MAX + 4 +
    Math.ceil(windowSizeMs / TICK_UNIT_MS / 8);
}

/** Writes a window. */
export function encodeWindow(window: Readonly<WindowState>): Uint8Array {
  const { exchange, instrument, origin, base, quote, ticks, intervalMs } = window;
  const text = encodeText(exchange + instrument + origin + (base ?? "") + (quote ?? ""));
  head[0] = WINDOW_VERSION;
  head[1] = (window.closed ? FLAGS.closed : 0) | (window.amended ? FLAGS.amended : 0) |
    (base === null ? 0 : FLAGS.base) | (quote === null ? 0 : FLAGS.quote) |
    (ticks === null ? 0 : FLAGS.ticks) | (intervalMs === null ? 0 : FLAGS.interval);
  for (let i = 0; i < TEXTS.length; i++) lengths[i] = window[TEXTS[i]!]?.length ?? 0;
  lengths[TEXTS.length] = text.length;
  for (let i = 0; i < NUMBERS.length; i++) numbers[i] = window[NUMBERS[i]!];
  numbers[INTERVAL] = intervalMs ?? 0;
  const ticksAt = TEXT_AT + text.length;
  const bytes = new Uint8Array(ticks === null ? ticksAt : ticksAt + 4 + ticks.byteCount);
  bytes.set(head);
  bytes.set(text, TEXT_AT);
  if (ticks !== null) {
    for (let i = 0; i < 4; i++) bytes[ticksAt + i] = ticks.unitSeconds >>> 8 * i;
    ticks.write(bytes, ticksAt + 4);
  }
  return bytes;
}

function encodeText(text: string): Uint8Array {
  const { read, written } = encoder.encodeInto(text, textRoom);
  return read === text.length ? textRoom.subarray(0, written) : encoder.encode(text);
}

/** Reads a window. @throws {TypeError} Where the bytes are none, or newer than this program knows. */
export function decodeWindow(bytes: Uint8Array): WindowState {
  if (bytes[0] !== WINDOW_VERSION || bytes.length < TEXT_AT) {
    throw new TypeError(
      `Not a window of version ${WINDOW_VERSION}, the newest this program knows: ` +
        `${bytes.length} bytes of version ${bytes[0]}`,
    );
  }
  head.set(bytes.subarray(0, TEXT_AT));
  const flags = head[1]!;
  const ticksAt = TEXT_AT + lengths[TEXTS.length]!;
  const text = decoder.decode(bytes.subarray(TEXT_AT, ticksAt));
  let at = 0;
  const next = (i: number) => text.slice(at, at += lengths[i]!);
  const [exchange, instrument, origin] = [next(0), next(1), next(2)];
  const [base, quote] = [next(3), next(4)];
  const startMs = numbers[0]!;
  const endMs = numbers[1]!;
  return {
    exchange,
    instrument,
    base: (flags & FLAGS.base) === 0 ? null : base,
    quote: (flags & FLAGS.quote) === 0 ? null : quote,
    startMs,
    endMs,
    count: numbers[2]!,
    meanHi: numbers[3]!,
    meanLo: numbers[4]!,
    m2Hi: numbers[5]!,
    m2Lo: numbers[6]!,
    min: numbers[7]!,
    max: numbers[8]!,
    openPrice: numbers[9]!,
    openMs: numbers[10]!,
    openOffset: numbers[11]!,
    closePrice: numbers[12]!,
    closeMs: numbers[13]!,
    closeOffset: numbers[14]!,
    ticks: (flags & FLAGS.ticks) === 0 ? null : decodeTicks(bytes, ticksAt, endMs - startMs),
    intervalMs: (flags & FLAGS.interval) === 0 ? null : numbers[INTERVAL]!,
    throughOffset: numbers[15]!,
    closed: (flags & FLAGS.closed) !== 0,
    amended: (flags & FLAGS.amended) !== 0,
    origin,
  };
}

function decodeTicks(bytes: Uint8Array, at: number, windowSizeMs: number): TickSet {
  let unitSeconds = 0;
  for (let i = 3; i >= 0; i--) unitSeconds = 256 * unitSeconds + bytes[at + i]!;
  return TickSet.of(unitSeconds, bytes.subarray(at + 4), windowSizeMs);
}
