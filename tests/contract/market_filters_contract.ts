/**
 * What every statistics store must make of filters, whatever stands in ids and patterns.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert";
import fc from "fast-check";
import { type MarketFilters, matchesFilters } from "../../ports/market_filters.ts";
import { marketOf } from "../../stats/sample.ts";
import {
  ALL,
  CONFIG,
  type OpenStore,
  record,
  type Register,
  type StoreUnderTest,
} from "./statistics_store_contract.ts";

/** Ids of what GLOB, LIKE, JSON, arrays and SQL treat apart. */
const id = fc.array(fc.constantFrom(..."ab?[]^-%_\\'\"{}\u{1f600}"), { minLength: 1, maxLength: 4 })
  .map((characters) => characters.join(""));

const market = fc.record({
  exchange: id,
  instrument: id,
  base: fc.option(id),
  quote: fc.option(id),
});

/** One of these ids, or what is left of it when a part becomes a wildcard. */
function patternOf(ids: string[]) {
  return fc.tuple(fc.constantFrom(...ids, "b"), fc.nat(4), fc.nat(4), fc.boolean())
    .map(([id, from, length, isExact]) => {
      const characters = [...id];
      if (!isExact) characters.splice(from, length, "*");
      return characters.join("");
    });
}

/** Markets, and filters that are about them. */
const asked = fc.array(market, { minLength: 1, maxLength: 8 }).chain((markets) => {
  const filter = (name: keyof MarketFilters) =>
    fc.array(patternOf(markets.flatMap((market) => market[name] ?? [])), { maxLength: 3 });
  const filters = fc.record({
    exchange: filter("exchange"),
    instrument: filter("instrument"),
    base: filter("base"),
    quote: filter("quote"),
  }, { requiredKeys: [] });
  return fc.tuple(fc.constant(markets), fc.array(filters, { minLength: 1, maxLength: 5 }));
});

/** Registers the suite's test for one store. */
export function marketFiltersContract(
  name: string,
  open: OpenStore,
  { register = Deno.test, runCount = 40 }: { register?: Register; runCount?: number } = {},
): void {
  register(`${name}: any filters let through what a plain reading of them does`, async () => {
    const property = fc.asyncProperty(asked, async ([markets, all]) => {
      await using store = await open(CONFIG);
      await store.writeStatistics(
        markets.flatMap((market) => [0, 1].map((hour) => record({ ...market, hour }))),
      );
      for (const filters of all) await letsThroughWhatMatches(store, filters);
    });
    await fc.assert(property, { numRuns: runCount });
  });
}

async function letsThroughWhatMatches(
  store: StoreUnderTest,
  filters: MarketFilters,
): Promise<void> {
  const known = await store.markets({ limit: 9 });
  const expected = known.filter((market) => matchesFilters(filters, market)).map(marketOf);
  const found = await store.markets({ ...filters, limit: 9 });
  deepStrictEqual(found.map(marketOf), expected);
  deepStrictEqual((await store.latest({ ...filters, limit: 9 })).map(marketOf), expected);
  for (const order of ["time", "market"] as const) {
    const query = { ...ALL, ...filters, order };
    const rows = await store.statistics(query);
    const inTime = rows.toSorted((a, b) => a.startMs - b.startMs);
    deepStrictEqual(inTime.map(marketOf), [...expected, ...expected]);
    const [first] = rows;
    if (first === undefined) continue;
    deepStrictEqual(await store.statistics({ ...query, after: first }), rows.slice(1));
  }
}
