import assert from "node:assert/strict";
import { splitInstrument } from "./instrument_assets.ts";

Deno.test.each([
  ["btcusd", "btc", "usd"],
  ["btcusdt", "btc", "usdt"],
  ["ethbtc", "eth", "btc"],
  ["1inchusdc", "1inch", "usdc"],
  ["usdttry", "usdt", "try"],
  ["luffyeth", "luffy", "eth"],
  // Two readings, one of a common asset:
  ["bnbusd", "bnb", "usd"],
  ["adabusd", "ada", "busd"],
  ["dotusd", "dot", "usd"],
  ["btcweth", "btc", "weth"],
])("%s is %s priced in %s", (instrument, base, quote) => {
  assert.deepEqual(splitInstrument(instrument), { base, quote });
});

Deno.test.each([
  ["degobusd", "dego in busd, or degob in usd"],
  ["btcusd-perpetual-futures", "a derivative"],
  ["ethusd-quarterly-future-inverse-25mar22", "a derivative"],
  ["cf-in-bchusd", "an index"],
  ["ksmdot", "priced in what is no common quote"],
  ["usd", "without a base"],
  ["xusd", "hardly a base"],
  ["", "nothing"],
])('"%s" is not split: %s', (instrument, _why) => {
  assert.equal(splitInstrument(instrument), null);
});
