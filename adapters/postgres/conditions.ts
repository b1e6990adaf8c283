/**
 * Conditions on the markets `m`, as SQL and values.
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
    for (const name of MARKET_FILTER_NAMES) {
      const [filter, id] = [filters[name], onlyIdOf(filters[name])];
      if (id !== undefined) this.and(`m.${name} = ?`, id);
      else if (filter !== undefined) {
        const [patterns, ids] = [filter.filter(isPattern), filter.filter((id) => !isPattern(id))];
        this.and(
          `(m.${name} = ANY (?::text[]) OR m.${name} LIKE ANY (?::text[]))`,
          ids,
          patterns.map(likeOf),
        );
      }
    }
    return this;
  }

  andAfter(market: { exchange: string; instrument: string } | undefined): this {
    if (market === undefined) return this;
    return this.and(`(${BY_MARKET}) > (?, ?)`, market.exchange, market.instrument);
  }

  toString(): string {
    return this.#sql.length === 0 ? "TRUE" : this.#sql.join(" AND ");
  }
}
