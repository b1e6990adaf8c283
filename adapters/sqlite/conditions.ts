/**
 * Conditions on the markets `m`, or on other rows `m` that bear their names, as SQL and values.
 *
 * @module
 */
import { type MarketFilters, onlyIdOf, WILDCARD } from "../../ports/market_filters.ts";
import type { SqlValue } from "./database.ts";

/** Conditions joined by AND, and their values in order. */
export class Conditions {
  readonly values: SqlValue[] = [];
  readonly #sql: string[] = [];

  /** Adds a condition, and the values of its question marks. */
  and(sql: string, ...values: SqlValue[]): this {
    this.#sql.push(sql);
    this.values.push(...values);
    return this;
  }

  /**
   * The filters that are given. An index serves the most selective that lets a single id through; a
   * plus keeps SQLite from the others', so that markets come in their order.
   */
  andMarkets({ exchange, instrument, base, quote }: MarketFilters): this {
    const [oneExchange, oneInstrument, oneBase] = [exchange, instrument, base].map(onlyIdOf);
    this.andFilter("exchange", exchange);
    this.andFilter("instrument", instrument);
    this.andFilter("base", base, oneInstrument === undefined ? "" : "+");
    const isServed = (oneExchange ?? oneInstrument ?? oneBase) !== undefined;
    this.andFilter("quote", quote, isServed ? "+" : "");
    return this;
  }

  /** This market. */
  andMarket({ exchange, instrument }: { exchange: string; instrument: string }): this {
    return this.and("m.exchange = ? AND m.instrument = ?", exchange, instrument);
  }

  /** The markets of these ids. */
  andIds(ids: readonly number[]): this {
    return this.and("m.id IN (SELECT value FROM json_each(?))", JSON.stringify(ids));
  }

  /** The markets after this one, which need not be there. */
  andAfter(market: { exchange: string; instrument: string } | undefined): this {
    if (market === undefined) return this;
    return this.and("(m.exchange, m.instrument) > (?, ?)", market.exchange, market.instrument);
  }

  /** The markets up to this one. */
  andUpTo({ exchange, instrument }: { exchange: string; instrument: string }): this {
    return this.and("(m.exchange, m.instrument) <= (?, ?)", exchange, instrument);
  }

  /** A filter on one column, where it is given; a plus keeps SQLite from using an index for it. */
  andFilter(name: string, filter: readonly string[] | undefined, plus: "" | "+" = ""): this {
    if (filter === undefined) return this;
    const id = onlyIdOf(filter);
    if (id !== undefined) return this.and(`${plus}m.${name} = ?`, id);
    const matches = filter.map((pattern) =>
      `+m.${name} ${pattern.includes(WILDCARD) ? "GLOB" : "="} ?`
    );
    return this.and(`(${matches.join(" OR ") || "FALSE"})`, ...filter.map(globOf));
  }

  toString(): string {
    return this.#sql.length === 0 ? "TRUE" : this.#sql.join(" AND ");
  }
}

/** The pattern as GLOB has it, or the id as it is. */
function globOf(pattern: string): string {
  return pattern.includes(WILDCARD) ? pattern.replace(/[?[]/g, "[$&]") : pattern;
}
