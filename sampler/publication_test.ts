import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeSample } from "../adapters/codecs/sample_codec.ts";
import type { Quote } from "../ports/market_source.ts";
import { partitionOf } from "../topology.ts";
import { Publisher } from "./publication.ts";

const TIMES = { tickMs: 1_772_366_400_000, intervalMs: 60_000, observedMs: 1_772_366_400_345 };
const skip = () => new Publisher({ partitionCount: 6, zeroPrices: "skip" });

Deno.test("a record is what the codec writes of the sample, keyed and placed by its market", () => {
  const id = fc.string({ unit: "grapheme", minLength: 1, maxLength: 20 })
    .filter((text) => /^[^\s:@,*\p{C}]+$/u.test(text));
  const odd = fc.constantFrom('"price"', 'a"b', "\\", "ü", "price", "__proto__", "0");
  const name = fc.oneof(id, odd);
  const quote = fc.record({
    exchange: name,
    instrument: name,
    base: name,
    quote: name,
    price: fc.double({ min: 1e-300, max: 1e100, noNaN: true }),
  }, { requiredKeys: ["exchange", "instrument", "price"] });
  const publisher = skip();
  fc.assert(fc.property(quote, fc.integer({ min: 0, max: 9999 }), (quote, lateMs) => {
    const times = { ...TIMES, observedMs: TIMES.tickMs + lateMs };
    const { records } = publisher.recordsOf([quote], times);
    const key = `${quote.exchange}:${quote.instrument}`;
    const { exchange, instrument, base, quote: pricedIn, price } = quote;
    const value = encodeSample({
      exchange,
      instrument,
      base,
      quote: pricedIn,
      price,
      timestampMs: times.observedMs,
      tickMs: times.tickMs,
      intervalMs: times.intervalMs,
    });
    assert.deepEqual(records, [{ topic: "samples", partition: partitionOf(key, 6), key, value }]);
  }));
});

Deno.test("zero prices are left out and counted, or kept where that is set", () => {
  const quotes = [market("a", 0), market("b", 1), market("c", -0)];
  const made = skip().recordsOf(quotes, TIMES);
  assert.deepEqual([made.records.length, made.zeroPriceCount], [1, 2]);
  const kept = new Publisher({ partitionCount: 6, zeroPrices: "keep" }).recordsOf(quotes, TIMES);
  assert.deepEqual([kept.records.length, kept.zeroPriceCount], [3, 0]);
});

Deno.test("a market that comes twice in a poll is one message, and again one in the next poll", () => {
  const publisher = skip();
  for (let poll = 0; poll < 3; poll++) {
    const made = publisher.recordsOf([market("a", 1), market("a", 2), market("b", 3)], TIMES);
    assert.deepEqual([made.records.length, made.repeatedCount], [2, 1]);
  }
});

Deno.test.each<[string, Partial<Quote>]>([
  ["an exchange with a colon", { exchange: "a:b" }],
  ["an empty instrument", { instrument: "" }],
  ["an instrument with a space", { instrument: "btc usd" }],
  ["an instrument that is too long", { instrument: "x".repeat(101) }],
  ["a base with an at sign", { base: "b@c" }],
  ["an empty quote", { quote: "" }],
  ["a negative price", { price: -1 }],
  ["no number", { price: NaN }],
  ["an infinite price", { price: Infinity }],
  ["a price beyond what can be counted", { price: 2e100 }],
])("%s is malformed: counted, shown, and no one else's matter", (_, odd) => {
  const made = skip().recordsOf([market("a", 1), { ...market("b", 2), ...odd }], TIMES);
  assert.deepEqual([made.records.length, made.malformedCount, made.examples.length], [1, 1, 1]);
});

Deno.test("a market whose base and quote become known is published with them from then on", () => {
  const publisher = skip();
  publisher.recordsOf([market("btcusd", 1)], TIMES);
  const { records } = publisher.recordsOf(
    [{ ...market("btcusd", 1), base: "btc", quote: "usd" }],
    TIMES,
  );
  assert.match(new TextDecoder().decode(records[0]!.value), /"base":"btc","quote":"usd"/);
});

function market(instrument: string, price: number): Quote {
  return { exchange: "kraken", instrument, price };
}
