/**
 * From a poll's quotes to the records of `samples`. Fast because what does not change between two
 * ticks of a market is kept: of its record only the price is written anew.
 *
 * @module
 */
import { encodeSample } from "../adapters/codecs/sample_codec.ts";
import type { Quote } from "../ports/market_source.ts";
import type { NewRecord } from "../ports/topic_log.ts";
import { isId, isPrice, marketOf, type Sample } from "../stats/sample.ts";
import { partitionOf, TOPICS } from "../topology.ts";

/** Markets kept at most, at some 300 bytes each: ten times what the largest source has. */
const MARKET_COUNT_MAX = 200_000;

/** Examples of what could not be understood, for the log. */
const EXAMPLE_COUNT_MAX = 3;

/** Values share buffers of this size: one allocation for some 400 of them, not one each. */
const BUFFER_BYTES = 65_536;

/** Longest text of a double, with room to spare. */
const PRICE_BYTES_MAX = 32;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** The times that all samples of a poll share, in ms since the epoch; the spacing in ms. */
export interface PollTimes {
  tickMs: number;
  intervalMs: number;
  /** When the prices were observed. */
  observedMs: number;
}

/** What became of a poll's quotes; the counts and `records` add up to the quotes. */
export interface Publication {
  records: NewRecord[];
  zeroPriceCount: number;
  /** Quotes of a market that was there already: one message per market and tick. */
  repeatedCount: number;
  malformedCount: number;
  /** Up to three of the malformed. */
  examples: string[];
}

interface Market {
  key: string;
  partition: number;
  base: string | undefined;
  quote: string | undefined;
  /** The record value up to its price. */
  head: Uint8Array;
  /** The poll in which it was last seen. */
  poll: number;
}

/** Writes the sample records of poll after poll. */
export class Publisher {
  /** By exchange and instrument: looking them up makes no new string. */
  readonly #markets = new Map<string, Map<string, Market>>();
  #marketCount = 0;
  #buffer = new Uint8Array(0);
  #at = 0;
  #pollCount = 0;

  /**
   * @param config `partitionCount` of `samples`; `zeroPrices` as the setting `ZERO_PRICES` says.
   */
  constructor(readonly config: { partitionCount: number; zeroPrices: "skip" | "keep" }) {}

  /** The records of one poll, in the order of its quotes. */
  recordsOf(quotes: readonly Quote[], times: PollTimes): Publication {
    if (this.#marketCount > MARKET_COUNT_MAX) {
      this.#markets.clear();
      this.#marketCount = 0;
    }
    const poll = ++this.#pollCount;
    const { tail } = template({ exchange: "-", instrument: "-" }, times);
    const records: NewRecord[] = [];
    const examples: string[] = [];
    let [zeroPriceCount, repeatedCount, malformedCount] = [0, 0, 0];

    for (const quote of quotes) {
      const { price } = quote;
      const market = this.#marketOf(quote, times);
      if (market === null || !isPrice(price)) {
        malformedCount++;
        if (examples.length < EXAMPLE_COUNT_MAX) {
          examples.push(`${marketOf(quote)} ${price}`.slice(0, 200));
        }
      } else if (market.poll === poll) {
        repeatedCount++;
      } else {
        market.poll = poll;
        if (price === 0 && this.config.zeroPrices === "skip") zeroPriceCount++;
        else {
          const { key, partition, head } = market;
          const value = this.#write(head, String(price), tail);
          records.push({ topic: TOPICS.samples, partition, key, value });
        }
      }
    }
    return { records, zeroPriceCount, repeatedCount, malformedCount, examples };
  }

  /** Head, price (ASCII) and tail, one after the other in a shared buffer. */
  #write(head: Uint8Array, price: string, tail: Uint8Array): Uint8Array {
    if (this.#at + head.length + PRICE_BYTES_MAX + tail.length > this.#buffer.length) {
      this.#buffer = new Uint8Array(BUFFER_BYTES);
      this.#at = 0;
    }
    const buffer = this.#buffer;
    const start = this.#at;
    buffer.set(head, start);
    let at = start + head.length;
    for (let i = 0; i < price.length; i++) buffer[at++] = price.charCodeAt(i);
    buffer.set(tail, at);
    this.#at = at + tail.length;
    return buffer.subarray(start, this.#at);
  }

  #marketOf(quote: Quote, times: PollTimes): Market | null {
    const { exchange, instrument, base, quote: pricedIn } = quote;
    const known = this.#markets.get(exchange)?.get(instrument);
    if (known !== undefined && known.base === base && known.quote === pricedIn) return known;
    if (!isId(exchange) || !isId(instrument)) return null;
    if ((base !== undefined && !isId(base)) || (pricedIn !== undefined && !isId(pricedIn))) {
      return null;
    }
    const key = marketOf(quote);
    const market: Market = {
      key,
      partition: partitionOf(key, this.config.partitionCount),
      base,
      quote: pricedIn,
      head: template({ exchange, instrument, base, quote: pricedIn }, times).head,
      poll: known?.poll ?? 0,
    };
    let instruments = this.#markets.get(exchange);
    if (instruments === undefined) this.#markets.set(exchange, instruments = new Map());
    instruments.set(instrument, market);
    if (known === undefined) this.#marketCount++;
    return market;
  }
}

/** The record value before and after its price, as the codec writes it. */
function template(market: Omit<Sample, "price" | "timestampMs">, times: PollTimes) {
  const { tickMs, intervalMs, observedMs: timestampMs } = times;
  const text = decoder.decode(
    encodeSample({ ...market, price: 0, timestampMs, tickMs, intervalMs }),
  );
  // No id has a colon: the only such place is the field.
  const [head, tail] = text.split(/(?<="price":)0/) as [string, string];
  return { head: encoder.encode(head), tail: encoder.encode(tail) };
}
