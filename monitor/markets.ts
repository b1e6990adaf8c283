/**
 * The markets of a partition by their names, each with the rules on prices that are about it. Pure.
 *
 * @module
 */
import { matchesFilters } from "../ports/market_filters.ts";
import type { Sample } from "../stats/sample.ts";
import { isPriceRule, type PriceRule, type Rule } from "./rules.ts";
import { newMarket, type WatchedMarket } from "./watched.ts";

/** One of them. */
export interface MarketEntry {
  market: WatchedMarket;
  priceRules: readonly PriceRule[];
}

type Names = Pick<Sample, "exchange" | "instrument">;

/** The markets. */
export class Markets {
  /** By exchange and instrument: two texts, which are hashed once, and not joined for every sample. */
  readonly #entries = new Map<string, Map<string, MarketEntry>>();
  readonly #rules: readonly PriceRule[];

  constructor(rules: readonly Rule[]) {
    this.#rules = rules.filter(isPriceRule);
  }

  get count(): number {
    let count = 0;
    for (const byInstrument of this.#entries.values()) count += byInstrument.size;
    return count;
  }

  /** All of them, in no particular order. */
  *all(): Iterable<WatchedMarket> {
    for (const byInstrument of this.#entries.values()) {
      for (const { market } of byInstrument.values()) yield market;
    }
  }

  /** A market; made where nothing is known of it. */
  entryOf(names: Names): MarketEntry {
    return this.#entries.get(names.exchange)?.get(names.instrument) ?? this.add(newMarket(names));
  }

  /** Takes a market, in place of what was known of it. */
  add(market: WatchedMarket): MarketEntry {
    const entry = { market, priceRules: this.#rulesOf(market) };
    const byInstrument = this.#entries.getOrInsertComputed(market.exchange, () => new Map());
    byInstrument.set(market.instrument, entry);
    return entry;
  }

  /** Gives a market of these another base and quote: other rules may be about it. */
  rename(market: WatchedMarket, base: string | null, quote: string | null): void {
    market.base = base;
    market.quote = quote;
    const entry = this.#entries.get(market.exchange)!.get(market.instrument)!;
    entry.priceRules = this.#rulesOf(market);
  }

  delete({ exchange, instrument }: Names): void {
    this.#entries.get(exchange)?.delete(instrument);
  }

  #rulesOf(market: WatchedMarket): PriceRule[] {
    return this.#rules.filter(({ filters }) => matchesFilters(filters, market));
  }
}
