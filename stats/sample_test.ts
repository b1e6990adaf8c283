import { deepStrictEqual, ok, strictEqual } from "node:assert";
import fc from "fast-check";
import {
  ID_LENGTH_MAX,
  isId,
  isPrice,
  isTickMs,
  isTimeMs,
  marketOf,
  sampleTimeMs,
} from "./sample.ts";

Deno.test.each([
  "kraken",
  "btc-usd",
  "BTC_USD",
  "1000shib/usdt",
  "binance.us",
  "#%&'()\"\\+;<=>?[]^`{|}~!$",
  "börse",
  "交易所",
  "🚀",
  "__proto__",
  "a".repeat(ID_LENGTH_MAX),
])("%j can name a market", (text) => {
  ok(isId(text));
});

Deno.test.each([
  "",
  " ",
  "a b",
  "a\tb",
  "a\u00a0b",
  "a:b",
  "a@b",
  "a,b",
  "a*",
  "a\u0000",
  "a\u007f",
  "a\u0085",
  "\u200b",
  "a\u202eb",
  "\ufeffa",
  "\ud83d",
  "a\ue000",
  "a".repeat(ID_LENGTH_MAX + 1),
  "🚀".repeat(ID_LENGTH_MAX / 2 + 1),
  null,
  undefined,
  7,
])("%j cannot name a market", (text) => {
  strictEqual(isId(text), false);
});

Deno.test("whatever is an id can be part of a key, and survives UTF-8", () => {
  const text = fc.string({ unit: "binary", maxLength: 8 });
  fc.assert(fc.property(text, text, (exchange, instrument) => {
    if (!isId(exchange) || !isId(instrument)) return;
    const key = marketOf({ exchange, instrument });
    deepStrictEqual(key.split(":"), [exchange, instrument]);
    strictEqual(new TextDecoder().decode(new TextEncoder().encode(key)), key);
    strictEqual(key.trim(), key);
  }));
});

Deno.test("the table for ASCII says what the rule for all characters says", () => {
  for (let c = 0; c < 128; c++) {
    const text = String.fromCharCode(c);
    // With a letter beyond ASCII the rule is asked.
    strictEqual(isId(text), isId(text + "é"), JSON.stringify(text));
  }
});

Deno.test("prices are finite, not negative and at most 1e100", () => {
  const good = [0, -0, 5e-324, 1, 1e100];
  const bad = [-5e-324, -1, 1.1e100, Infinity, -Infinity, NaN, "1", 1n, null, undefined, [1], {}];
  deepStrictEqual([good.filter(isPrice), bad.filter(isPrice)], [good, []]);
});

Deno.test("times are whole milliseconds up to the year 9999, ticks whole seconds", () => {
  const times = [0, 1, 1_522_886_400_123, 253_402_300_799_999];
  const bad = [-1, 0.5, 253_402_300_800_000, 1e300, Infinity, NaN, "0", 0n, null, undefined];
  deepStrictEqual([times.filter(isTimeMs), bad.filter(isTimeMs)], [times, []]);
  const ticks = [0, 1000, 1_522_886_400_000];
  const off = [1, 999, 1500, 1_522_886_400_123, ...bad];
  deepStrictEqual([ticks.filter(isTickMs), off.filter(isTickMs)], [ticks, []]);
});

Deno.test("a sample's time is its tick's, else when it was observed", () => {
  const sample = { exchange: "a", instrument: "b", price: 1, timestampMs: 5 };
  deepStrictEqual([sampleTimeMs(sample), sampleTimeMs({ ...sample, tickMs: 0 })], [5, 0]);
});
