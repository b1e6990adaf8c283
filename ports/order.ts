/**
 * How the rows of a statistics store are ordered, wherever they are kept.
 *
 * @module
 */
import type { RowPlace } from "./statistics_store.ts";

/** Orders texts by code point, as their UTF-8 bytes are; `<` would put U+1F600 before U+FF00. */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    let x = a.charCodeAt(i);
    let y = b.charCodeAt(i);
    if (x === y) continue;
    if (x >= 0xd800 && y >= 0xd800) {
      // Surrogates stand for code points above all others.
      if (x <= 0xdfff) x += 0x10000;
      if (y <= 0xdfff) y += 0x10000;
    }
    return x - y;
  }
  return a.length - b.length;
}

/** Orders by exchange and instrument. */
export function compareMarkets(
  a: { exchange: string; instrument: string },
  b: { exchange: string; instrument: string },
): number {
  return compareText(a.exchange, b.exchange) || compareText(a.instrument, b.instrument);
}

/** Orders rows as `order` says. */
export function comparePlaces(order: "time" | "market", a: RowPlace, b: RowPlace): number {
  const byTime = a.startMs - b.startMs;
  return order === "time" ? byTime || compareMarkets(a, b) : compareMarkets(a, b) || byTime;
}
