/**
 * What a rule finds in a price. Pure.
 *
 * @module
 */
import type { MarketFilters } from "../ports/market_filters.ts";
import type { Baseline, RuleKind } from "../stats/notification.ts";

/** A rule on prices. */
export interface PriceRule {
  name: string;
  kind: Exclude<RuleKind, "marketSilent" | "sourceSilent">;
  /** A ratio to the mean, or standard deviations: > 0. */
  threshold: number;
  /** Which markets it is about. */
  filters: MarketFilters;
  /** A baseline of fewer samples gives no alarm; ≥ 1. */
  sampleCountMin: number;
  /** Whether an hour that alarmed is no baseline: the last before it that did not stands in, up to {@link CALM_AGE_MAX} hours. */
  leavesOutAlarmed: boolean;
}

/** A rule on silence. */
export interface SilenceRule {
  name: string;
  kind: "marketSilent" | "sourceSilent";
  /** How long nothing must have come, in ms. */
  threshold: number;
  /** Which markets it is about; of a source there are none. */
  filters: MarketFilters;
  /** Which sources it is about, by pattern; `null`: all. */
  sources: readonly string[] | null;
}

/** A rule. */
export type Rule = PriceRule | SilenceRule;

/** So many windows back a calm hour may stand in for one that alarmed: a price of a day ago says little. */
export const CALM_AGE_MAX = 24;

/** Why a price was held against nothing: the words in metrics. */
export type Unjudged = "no_previous_hour" | "too_few_samples" | "zero_baseline";

/**
 * Holds a price against a baseline.
 *
 * @returns What was found, in the unit of the rule's threshold: a ratio, or standard deviations (below
 * the mean negative); `null` where it does not cross; a word where it cannot be judged.
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { judge } from "./rules.ts";
 * const rule = { kind: "ratioAbove", threshold: 3, sampleCountMin: 10 } as const;
 * const baseline = { startMs: 0, count: 60, mean: 100, stddev: 1 };
 * strictEqual(judge(rule, 300, baseline), null);
 * strictEqual(judge(rule, 350, baseline), 3.5);
 * strictEqual(judge(rule, 350, { ...baseline, count: 9 }), "too_few_samples");
 * ```
 */
export function judge(
  rule: Pick<PriceRule, "kind" | "threshold" | "sampleCountMin">,
  price: number,
  baseline: Baseline | null,
): number | null | Unjudged {
  if (baseline === null) return "no_previous_hour";
  const { count, mean, stddev } = baseline;
  if (count < rule.sampleCountMin) return "too_few_samples";
  if (rule.kind === "deviation") {
    if (stddev === null || stddev === 0) return "zero_baseline";
    const distance = price - mean;
    return Math.abs(distance) > rule.threshold * stddev
      ? Math.sign(distance) * Math.min(Math.abs(distance) / stddev, Number.MAX_VALUE)
      : null;
  }
  if (mean === 0) return "zero_baseline";
  const crosses = rule.kind === "ratioAbove"
    ? price > rule.threshold * mean
    : price < rule.threshold * mean;
  // Of the least means there are greater multiples than a double can say.
  return crosses ? Math.min(price / mean, Number.MAX_VALUE) : null;
}

/** Whether a rule is one on prices. */
export function isPriceRule(rule: Rule): rule is PriceRule {
  return rule.kind !== "marketSilent" && rule.kind !== "sourceSilent";
}

/** The longest silence that rules of a kind are about, in ms; 0 without any. */
export function longestSilenceMs(rules: readonly Rule[], kind: SilenceRule["kind"]): number {
  return Math.max(0, ...rules.filter((rule) => rule.kind === kind).map((rule) => rule.threshold));
}
