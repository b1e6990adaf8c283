/**
 * From an instrument's id to what is priced and what it is priced in, where that is certain.
 *
 * @module
 */

/** What markets are commonly priced in, by length of name: the longer is tried beside the shorter. */
const QUOTES = new Set(
  ("usdt usdc busd tusd usd eur gbp jpy krw aud cad chf try brl rub uah idr pln zar sgd hkd ngn " +
    "dai btc xbt eth weth bnb trx").split(" "),
);

/** Assets common enough to decide between two readings: `bnbusd` is bnb in usd, not bn in busd. */
const BASES = new Set(
  ("btc xbt wbtc eth weth steth bnb xrp ada sol doge dot matic ltc shib trx avax link atom uni etc " +
    "xlm xmr bch algo near fil icp apt arb ape sand mana axs aave eos xtz theta bsv zec dash neo iota " +
    "mkr snx crv comp grt bat enj chz btt usdt usdc busd tusd dai usd eur gbp aud").split(" "),
);

/**
 * Splits an instrument's id, in lower case and without a separator, into base and quote; `null`
 * where more than one reading is possible or none is known. Ids with a hyphen are derivatives or
 * tokens of odd names, and stay whole.
 *
 * @example
 * ```ts
 * import { splitInstrument } from "./instrument_assets.ts";
 * import assert from "node:assert/strict";
 *
 * assert.deepEqual(splitInstrument("btcusdt"), { base: "btc", quote: "usdt" });
 * assert.deepEqual(splitInstrument("bnbusd"), { base: "bnb", quote: "usd" });
 * assert.equal(splitInstrument("foobusd"), null); // foo in busd, or foob in usd?
 * assert.equal(splitInstrument("btcusd-perpetual-futures"), null);
 * ```
 */
export function splitInstrument(instrument: string): { base: string; quote: string } | null {
  if (instrument.includes("-")) return null;
  const long = split(instrument, 4);
  const short = split(instrument, 3);
  if (long === null || short === null) return long ?? short;
  const longKnown = BASES.has(long.base);
  if (longKnown === BASES.has(short.base)) return null;
  return longKnown ? long : short;
}

function split(instrument: string, quoteLength: number): { base: string; quote: string } | null {
  const quote = instrument.slice(-quoteLength);
  const base = instrument.slice(0, -quoteLength);
  return base.length > 1 && QUOTES.has(quote) ? { base, quote } : null;
}
