/**
 * Which markets a read is about, and what it means that a filter matches.
 *
 * @module
 */

/** Stands for any run of characters, also for none; no id can contain it. */
export const WILDCARD = "*";

/** Most patterns of one filter: each is held against every market. */
export const FILTER_PATTERNS_MAX = 100;

/**
 * Filters on markets; every one that is given must match. One matches where any of its patterns does:
 * an id, in which {@link WILDCARD} stands for any run of characters, and every other character for
 * itself. A market without a base or a quote matches no filter on it, and an empty filter matches
 * nothing.
 */
export interface MarketFilters {
  exchange?: readonly string[];
  instrument?: readonly string[];
  base?: readonly string[];
  quote?: readonly string[];
}

/** The names of the filters. */
export const MARKET_FILTER_NAMES = ["exchange", "instrument", "base", "quote"] as const;

/** The one id that the filter lets through; `undefined` where it is not given, has a wildcard, or has several. */
export function onlyIdOf(filter: readonly string[] | undefined): string | undefined {
  const [pattern] = filter ?? [];
  return filter?.length === 1 && !pattern!.includes(WILDCARD) ? pattern : undefined;
}

/** Whether the filters let one market through at most. */
export function isOneMarket(filters: MarketFilters): boolean {
  return onlyIdOf(filters.exchange) !== undefined && onlyIdOf(filters.instrument) !== undefined;
}

/**
 * Whether a market matches all filters.
 *
 * @example
 * ```ts
 * import { matchesFilters } from "./market_filters.ts";
 * import { strictEqual } from "node:assert";
 * const market = { exchange: "kraken", instrument: "btcusd", base: "btc", quote: null };
 * strictEqual(matchesFilters({ exchange: ["okx", "kraken"], instrument: ["btc*"] }, market), true);
 * strictEqual(matchesFilters({ quote: ["*"] }, market), false);
 * ```
 */
export function matchesFilters(
  filters: MarketFilters,
  market: Readonly<Record<keyof MarketFilters, string | null>>,
): boolean {
  return MARKET_FILTER_NAMES.every((name) => {
    const [patterns, id] = [filters[name], market[name]];
    return patterns === undefined || (id !== null && matchesPatterns(patterns, id));
  });
}

/** Whether an id matches any of the patterns. */
export function matchesPatterns(patterns: readonly string[], id: string): boolean {
  return patterns.some((pattern) => matchesPattern(pattern, id));
}

/**
 * Whether a pattern matches an id as a whole.
 *
 * The first part begins the id, the last ends it, and each between follows the one before as soon as
 * it can.
 *
 * @example
 * ```ts
 * import { matchesPattern } from "./market_filters.ts";
 * import { strictEqual } from "node:assert";
 * strictEqual(matchesPattern("btc*", "btcusd"), true);
 * strictEqual(matchesPattern("btc", "btcusd"), false);
 * ```
 */
export function matchesPattern(pattern: string, id: string): boolean {
  const [first, ...parts] = pattern.split(WILDCARD) as [string, ...string[]];
  const last = parts.pop();
  if (last === undefined) return id === pattern;
  const endAt = id.length - last.length;
  let at = first.length;
  if (at > endAt || !id.startsWith(first) || !id.endsWith(last)) return false;
  for (const part of parts) {
    const foundAt = id.indexOf(part, at);
    if (foundAt === -1) return false;
    at = foundAt + part.length;
  }
  return at <= endAt;
}
