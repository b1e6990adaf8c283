/**
 * The setting `RULES`: its JSON → what the monitor looks for.
 *
 * @module
 */
import { z } from "zod";
import type { Rule } from "../monitor/rules.ts";
import { duration, matching, patterns, yesOrNo } from "./channel_schema.ts";
import { namedList } from "./named_list.ts";

/** Rules of one deployment: what is known of a market's alarms must fit into one value on disk. */
export const RULE_COUNT_MAX = 20;
/** A longer silence is a market that is gone: the monitor gives it up after a week. */
const SILENCE_MAX_MS = 3 * 86_400_000;
/** Prices are polled once a minute, as a rule. */
const SILENCE_MIN_MS = 60_000;

const positive = (what: string) => z.number(`must be ${what}`).positive(`must be ${what}`);

const KINDS = ["ratioAbove", "ratioBelow", "deviations", "marketSilent", "sourceSilent"] as const;
const KINDS_ALLOWED = `must have exactly one of ${KINDS.join(", ")}`;
const PRICE_FIELDS = ["minSamples", "skipAlarmedHours"] as const;

const ruleSchema = z.strictObject({
  name: matching("1 to 40 of a-z, 0-9 and -", /^[a-z0-9-]{1,40}$/),
  ratioAbove: positive("a number above 0: how many times the mean of the hour before").optional(),
  ratioBelow: positive("a number above 0: how many times the mean of the hour before").optional(),
  deviations: positive("a number above 0: how many standard deviations").optional(),
  marketSilent: duration(SILENCE_MIN_MS, SILENCE_MAX_MS).optional(),
  sourceSilent: duration(SILENCE_MIN_MS, SILENCE_MAX_MS).optional(),
  exchange: patterns.optional(),
  instrument: patterns.optional(),
  base: patterns.optional(),
  quote: patterns.optional(),
  source: patterns.optional(),
  minSamples: z.int("must be a whole number above 0").positive("must be a whole number above 0")
    .optional(),
  skipAlarmedHours: yesOrNo.optional(),
}).check((context) => {
  const { value, issues } = context;
  const issue = (field: string | null, message: string) =>
    issues.push({
      ...{ code: "custom", path: field === null ? [] : [field], message, input: value },
    });
  const kinds = KINDS.filter((kind) => value[kind] !== undefined);
  if (kinds.length !== 1) issue(null, KINDS_ALLOWED);
  const isSilence = kinds[0] === "marketSilent" || kinds[0] === "sourceSilent";
  for (const field of isSilence ? PRICE_FIELDS : []) {
    if (value[field] !== undefined) issue(field, "is for rules on prices alone");
  }
  const others = kinds[0] === "sourceSilent"
    ? ["exchange", "instrument", "base", "quote"] as const
    : ["source"] as const;
  for (const field of others) {
    if (value[field] !== undefined) issue(field, `is not for ${kinds[0] ?? "this rule"}`);
  }
}).transform((spec): Rule => {
  const { name, exchange, instrument, base, quote, source, minSamples, skipAlarmedHours } = spec;
  const filters = {
    ...(exchange && { exchange }),
    ...(instrument && { instrument }),
    ...(base && { base }),
    ...(quote && { quote }),
  };
  if (spec.marketSilent !== undefined) {
    return { name, kind: "marketSilent", threshold: spec.marketSilent, filters, sources: null };
  }
  if (spec.sourceSilent !== undefined) {
    const threshold = spec.sourceSilent;
    return { name, kind: "sourceSilent", threshold, filters, sources: source ?? null };
  }
  return {
    name,
    kind: spec.ratioAbove !== undefined
      ? "ratioAbove"
      : spec.ratioBelow !== undefined
      ? "ratioBelow"
      : "deviation",
    threshold: spec.ratioAbove ?? spec.ratioBelow ?? spec.deviations!,
    filters,
    sampleCountMin: minSamples ?? 10,
    leavesOutAlarmed: skipAlarmedHours ?? false,
  };
});

/** The setting's text → rules. */
export const rulesSchema: z.ZodType<readonly Rule[], string> = namedList(ruleSchema, {
  one: "rule",
  countMax: RULE_COUNT_MAX,
  example: '[{"name": "leap", "ratioAbove": 3}]',
  page: "docs/rules.md",
  check: () => null,
});
