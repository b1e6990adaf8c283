import { strictEqual } from "node:assert";
import fc from "fast-check";
import { isOneMarket, matchesFilters, onlyIdOf } from "./market_filters.ts";

function matches(pattern: string, instrument: string): boolean {
  const market = { exchange: "kraken", instrument, base: null, quote: null };
  return matchesFilters({ instrument: [pattern] }, market);
}

for (
  const [pattern, id, expected] of [
    ["btcusd", "btcusd", true],
    ["btcusd", "btcusdt", false],
    ["btc*", "btcusd", true],
    ["btc*", "btc", true],
    ["*usd", "btcusd", true],
    ["*usd", "btcusdt", false],
    ["b*u*d", "btcusd", true],
    ["ab*ba", "aba", false],
    ["a*b*b", "ab", false],
    ["*", "anything", true],
    ["**", "a", true],
    ["a?c", "abc", false],
    ["a?c", "a?c", true],
    ["BTC*", "btcusd", false],
  ] as const
) {
  Deno.test(`${pattern} ${expected ? "matches" : "does not match"} ${id}`, () => {
    strictEqual(matches(pattern, id), expected);
  });
}

Deno.test("a pattern matches what the regular expression of the same meaning does", () => {
  const text = (characters: string) =>
    fc.array(fc.constantFrom(...characters), { maxLength: 8 }).map((all) => all.join(""));
  fc.assert(
    fc.property(text("ab*.?"), text("ab.?"), (pattern, id) => {
      const source = pattern.split("*").map((part) => RegExp.escape(part)).join(".*");
      strictEqual(matches(pattern, id), new RegExp(`^${source}$`, "s").test(id));
    }),
    { numRuns: 2000 },
  );
});

Deno.test("every filter that is given must match, by any of its patterns", () => {
  const market = { exchange: "kraken", instrument: "btcusd", base: "btc", quote: null };
  strictEqual(matchesFilters({}, market), true);
  strictEqual(matchesFilters({ exchange: ["okx", "kra*"], base: ["btc"] }, market), true);
  strictEqual(matchesFilters({ exchange: ["kraken"], base: ["eth"] }, market), false);
  strictEqual(matchesFilters({ quote: ["*"] }, market), false);
  strictEqual(matchesFilters({ exchange: [] }, market), false);
});

Deno.test("only two single ids without a wildcard name one market", () => {
  strictEqual(onlyIdOf(["kraken"]), "kraken");
  for (const filter of [undefined, [], ["kra*"], ["kraken", "okx"]]) {
    strictEqual(onlyIdOf(filter), undefined);
  }
  strictEqual(isOneMarket({ exchange: ["kraken"], instrument: ["btcusd"] }), true);
  strictEqual(isOneMarket({ exchange: ["kraken"], instrument: ["btc*"] }), false);
  strictEqual(isOneMarket({ exchange: ["kraken"] }), false);
});
