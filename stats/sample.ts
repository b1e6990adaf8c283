/**
 * A sample: one observed price of a market, and what makes one acceptable.
 *
 * @module
 */
import { MAGNITUDE_MAX } from "./moments.ts";
import { TICK_UNIT_MS } from "./tick_set.ts";

/** One observed price of a market. */
export interface Sample {
  exchange: string;
  instrument: string;
  /** What is priced (`btc`), where the source says so. */
  base?: string | undefined;
  /** What it is priced in (`usd`), where the source says so. */
  quote?: string | undefined;
  /** Finite, ≥ 0, ≤ 1e100, in units of `quote` per `base`. */
  price: number;
  /** When the price was observed, in ms since the epoch; never when the last trade was. */
  timestampMs: number;
  /** The scheduled time of the sampler's run, where there was one: a whole second. */
  tickMs?: number | undefined;
  /** The spacing of the sampler's schedule at that tick: whole seconds. */
  intervalMs?: number | undefined;
}

/** Longest exchange or instrument id, in UTF-16 units: keys stay small enough for every store. */
export const ID_LENGTH_MAX = 100;

/** The latest time that ISO 8601 with four digits of year can show. */
export const TIME_MAX_MS = 253_402_300_799_999;

/** No separators of keys and lists, no white space; no control, format or private characters, no half surrogates. */
const ID = /^[^\s:@,*\p{C}]+$/u;

/** The ASCII characters of {@link ID}. */
const ID_ASCII = Uint8Array.from(
  { length: 128 },
  (_, c) => ID.test(String.fromCharCode(c)) ? 1 : 0,
);

/** Whether `text` can name an exchange or an instrument. Asked for every sample: by table, for nearly all are ASCII. */
export function isId(text: unknown): text is string {
  if (typeof text !== "string" || text.length === 0 || text.length > ID_LENGTH_MAX) return false;
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (c > 127) return ID.test(text);
    if (ID_ASCII[c] === 0) return false;
  }
  return true;
}

/** The market's name, and the key of its records: `exchange:instrument`. */
export function marketOf(sample: { exchange: string; instrument: string }): string {
  return `${sample.exchange}:${sample.instrument}`;
}

/** The time that decides a sample's window: its tick where it has one, else when it was observed. */
export function sampleTimeMs(sample: Readonly<Sample>): number {
  return sample.tickMs ?? sample.timestampMs;
}

/** Whether `value` is a price that can be counted. */
export function isPrice(value: unknown): value is number {
  return typeof value === "number" && value >= 0 && value <= MAGNITUDE_MAX;
}

/** Whether `value` is a time in ms that can be counted. */
export function isTimeMs(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= TIME_MAX_MS;
}

/** Whether `value` can be a tick's time or a schedule's spacing. */
export function isTickMs(value: unknown): value is number {
  return isTimeMs(value) && Number.isInteger(value / TICK_UNIT_MS);
}
