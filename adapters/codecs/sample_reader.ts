/**
 * Reads the bytes that the sample codec writes, several times as fast as JSON.parse does: all that
 * stands before the price is the same in every sample of a market, and is looked up whole.
 *
 * Whatever differs from them in any byte (another order of fields, a space, an escape) is not read
 * here but left to JSON; so this changes no result.
 *
 * @module
 */
import { isId, isPrice, isTickMs, isTimeMs, type Sample } from "../../stats/sample.ts";
import { type Market, MarketTable } from "./market_table.ts";

/** Markets remembered at most, some 80 MB of them; then all are forgotten. */
const MARKET_COUNT_MAX = 262_144;
/** Heads lie together in pages: an array of its own would take four times what it holds. No head is longer. */
const PAGE_SIZE = 65_536;

const encoder = new TextEncoder();
/** Fatal: with broken characters replaced, two exchanges could become one. */
const headDecoder = new TextDecoder("utf-8", { fatal: true });
const decoder = new TextDecoder();

const TIMESTAMP = encoder.encode(',"timestampMs":');
const TICK = encoder.encode(',"tickMs":');
const INTERVAL = encoder.encode(',"intervalMs":');
const [QUOTE, COMMA, POINT, ZERO, COLON, END] = [...encoder.encode('",.0:}')] as [
  number,
  number,
  number,
  number,
  number,
  number,
];

/** As many decimal digits as surely fit 32 bits: integers are added up several times faster than doubles. */
const DIGIT_COUNT_MAX = 9;

/** The powers of ten that {@link DIGIT_COUNT_MAX} needs; a double holds them exactly. */
const POWERS_OF_TEN = Float64Array.from({ length: DIGIT_COUNT_MAX + 1 }, (_, i) => 10 ** i);

const JSON_NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** Reads samples, and remembers their markets. */
export class SampleReader {
  readonly #markets = new MarketTable();
  /** A head's form; texts with escapes are left to JSON. */
  readonly #form: RegExp;
  readonly #exchanges = new Map<string, string>();
  #page = new Uint8Array(0);
  /** What of the last page is taken. */
  #pageEnd = 0;
  /** Where reading is. */
  #at = 0;

  /** @param version The schema version of the samples to read. */
  constructor(version: number) {
    const text = '"([^"\\\\]+)"';
    this.#form = new RegExp(
      `^\\{"v":${version},"exchange":${text},"instrument":${text}` +
        `(?:,"base":${text})?(?:,"quote":${text})?,"price":$`,
    );
  }

  /** The sample that is written so; `null` where only JSON can tell. */
  read(value: Uint8Array): Sample | null {
    const hash = hashOfHead(value);
    const market = this.#markets.find(hash, value) ?? this.#meet(hash, value);
    if (market === null) return null;
    this.#at = market.length;
    const price = this.#price(value);
    const timestampMs = this.#field(value, TIMESTAMP);
    const tickMs = this.#field(value, TICK);
    const intervalMs = this.#field(value, INTERVAL);
    const whole = this.#at === value.length - 1 && value[this.#at] === END && isPrice(price) &&
      isTimeMs(timestampMs) && (tickMs === undefined || isTickMs(tickMs)) &&
      (intervalMs === undefined || (isTickMs(intervalMs) && intervalMs > 0));
    if (!whole) return null;
    const { exchange, instrument, base, quote } = market;
    return { exchange, instrument, base, quote, price, timestampMs, tickMs, intervalMs };
  }

  /** Reads a head that was not met yet, and remembers it; `null` where it is not as the codec writes it. */
  #meet(hash: number, value: Uint8Array): Market | null {
    const end = endOfHead(value);
    let text;
    try {
      text = headDecoder.decode(value.subarray(0, end));
    } catch {
      return null;
    }
    const [, ofExchange, instrument, base, quote] = this.#form.exec(text) ?? [];
    if (!isId(ofExchange) || !isId(instrument)) return null;
    if ((base !== undefined && !isId(base)) || (quote !== undefined && !isId(quote))) return null;
    if (this.#markets.size >= MARKET_COUNT_MAX) {
      this.#markets.clear();
      this.#exchanges.clear();
    }
    // One text for all markets of an exchange: its hash is looked at for every sample.
    const exchange = this.#exchanges.getOrInsert(ofExchange, ofExchange);
    if (this.#pageEnd + end > this.#page.length) {
      this.#page = new Uint8Array(PAGE_SIZE);
      this.#pageEnd = 0;
    }
    const [page, start] = [this.#page, this.#pageEnd];
    page.set(value.subarray(0, end), start);
    this.#pageEnd += end;
    const market = { exchange, instrument, base, quote, page, start, length: end };
    this.#markets.put(hash, market);
    return market;
  }

  /** Reads `name` and the whole number after it; without the name, `undefined`. */
  #field(value: Uint8Array, name: Uint8Array): number | undefined {
    const start = this.#at;
    for (let i = 0; i < name.length; i++) if (value[start + i] !== name[i]) return undefined;
    const digitsAt = this.#at = start + name.length;
    const high = this.#digits(value);
    const lowAt = this.#at;
    const low = this.#digits(value);
    const zeroLed = value[digitsAt] === ZERO && this.#at > digitsAt + 1;
    return this.#at === digitsAt || zeroLed ? NaN : high * POWERS_OF_TEN[this.#at - lowAt]! + low;
  }

  /** Reads the price, to the same bit as JSON.parse; NaN where it is no JSON number. */
  #price(value: Uint8Array): number {
    const start = this.#at;
    const whole = this.#digits(value);
    const pointAt = this.#at;
    let price = whole;
    let plain = pointAt > start && (value[start] !== ZERO || pointAt === start + 1);
    if (value[pointAt] === POINT) {
      this.#at = pointAt + 1;
      const fraction = this.#digits(value);
      const power = POWERS_OF_TEN[this.#at - pointAt - 1]!;
      const digits = whole * power + fraction;
      // An integer below 2^53 over an exact power of ten: rounded once (Clinger 1990).
      price = digits / power;
      plain &&= digits < 2 ** 53 && this.#at > pointAt + 1;
    }
    if (plain && value[this.#at] === COMMA) return price;
    this.#at = value.indexOf(COMMA, start);
    const text = this.#at < 0 ? "" : decoder.decode(value.subarray(start, this.#at));
    return JSON_NUMBER.test(text) ? Number(text) : NaN;
  }

  /** Reads digits, as many as there are and no more than {@link DIGIT_COUNT_MAX}. */
  #digits(value: Uint8Array): number {
    const end = Math.min(this.#at + DIGIT_COUNT_MAX, value.length);
    let number = 0;
    let at = this.#at;
    for (; at < end; at++) {
      const digit = value[at]! - ZERO;
      if (digit < 0 || digit > 9) break;
      number = (number * 10 + digit) | 0;
    }
    this.#at = at;
    return number;
  }
}

/** Hashes up to the first colon that no text follows, the version's apart: the price's, for no id has a colon. */
function hashOfHead(value: Uint8Array): number {
  let hash = 0;
  for (let i = '{"v":'.length; i < value.length; i++) {
    const c = value[i]!;
    hash = (Math.imul(hash, 31) + c) | 0;
    if (c === COLON && value[i + 1] !== QUOTE) break;
  }
  return hash;
}

/** After the first colon that no text follows, the version's apart: where the price begins, for no id has a colon. */
function endOfHead(value: Uint8Array): number {
  let at = '{"v":'.length;
  while (at < value.length && !(value[at] === COLON && value[at + 1] !== QUOTE)) at++;
  return at + 1;
}
