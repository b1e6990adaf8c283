/**
 * Conditions on the markets `m`, or on other rows `m` that bear their names, as SQL and values.
 *
 * @module
 */
import {
  MARKET_FILTER_NAMES,
  type MarketFilters,
  onlyIdOf,
  WILDCARD,
} from "../../ports/market_filters.ts";
import type { SqlValue } from "./database.ts";

/** The order of markets. */
export const BY_MARKET = "m.exchange, m.instrument";

function isPattern(text: string): boolean {
  return text.includes(WILDCARD);
}

/** The pattern as LIKE has it. */
function likeOf(pattern: string): string {
  return pattern.replace(/[\\%_]/g, "\\$&").replaceAll(WILDCARD, "%");
}

/** The values of a statement, and in SQL the conditions that name them. */
export class Conditions {
  readonly values: SqlValue[] = [];
  readonly #sql: string[] = [];

  /** Takes a value; its name in SQL. */
  value(value: SqlValue): string {
    return `$${this.values.push(value)}`;
  }

  and(sql: string, ...values: SqlValue[]): this {
    this.#sql.push(sql.replace(/\?/g, () => this.value(values.shift()!)));
    return this;
  }

  /** The filters on markets that are given. */
  andMarkets(filters: MarketFilters): this {
    for (const name of MARKET_FILTER_NAMES) this.andFilter(name, filters[name]);
    return this;
  }

  /** A filter on one column, where it is given. */
  andFilter(name: string, filter: readonly string[] | undefined): this {
    if (filter === undefined) return this;
    const id = onlyIdOf(filter);
    if (id !== undefined) return this.and(`m.${name} = ?`, id);
    const [patterns, ids] = [filter.filter(isPattern), filter.filter((id) => !isPattern(id))];
    return this.and(
      `(m.${name} = ANY (?::text[]) OR m.${name} LIKE ANY (?::text[]))`,
      ids,
      patterns.map(likeOf),
    );
  }

  andAfter(market: { exchange: string; instrument: string } | undefined): this {
    if (market === undefined) return this;
    return this.and(`(${BY_MARKET}) > (?, ?)`, market.exchange, market.instrument);
  }

  toString(): string {
    return this.#sql.length === 0 ? "TRUE" : this.#sql.join(" AND ");
  }
}
