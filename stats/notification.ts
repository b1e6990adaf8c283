/**
 * A notification: one crossing of a rule by one market, or by one source, in one hour.
 *
 * @module
 */

/** What a rule looks at. */
export const RULE_KINDS = [
  /** The price is more than `threshold` times the mean of the hour before. */
  "ratioAbove",
  /** The price is less than `threshold` times the mean of the hour before. */
  "ratioBelow",
  /** The price is more than `threshold` standard deviations from the mean of the hour before. */
  "deviation",
  /** No sample of the market came for `threshold` ms. */
  "marketSilent",
  /** No poll of the source brought anything for `threshold` ms. */
  "sourceSilent",
] as const;

/** One of {@link RULE_KINDS}. */
export type RuleKind = (typeof RULE_KINDS)[number];

/** What a price was held against: the statistics of an earlier hour. */
export interface Baseline {
  startMs: number;
  /** Samples that it rests on. */
  count: number;
  mean: number;
  /** n − 1; `null` for one sample. */
  stddev: number | null;
}

/** One crossing of a rule. It is published twice: when it begins, `firing`, and when it is over, `resolved`. */
export interface Notification {
  /** One per rule, subject and hour: {@link notificationIdOf}. */
  id: string;
  state: "firing" | "resolved";
  /** The rule's name. */
  rule: string;
  kind: RuleKind;
  /** What it is about: the market `exchange:instrument`, or a source's name. Also the record's key. */
  subject: string;
  /** `null`, as the next three are, for a source. */
  exchange: string | null;
  instrument: string | null;
  base: string | null;
  quote: string | null;
  /** `null` for a market. */
  source: string | null;
  /** The window in which it began. */
  windowStartMs: number;
  windowEndMs: number;
  /** When it began: the time of the sample that crossed, or that at which silence had lasted too long. */
  startedMs: number;
  /** When it was over; `null` while it is firing. */
  endedMs: number | null;
  /** The price that crossed; `null` for silence. */
  price: number | null;
  /** What was found, in the unit of `threshold`: a ratio to the mean, standard deviations, or ms. */
  value: number;
  threshold: number;
  /** What the price was held against; `null` for silence. */
  baseline: Baseline | null;
  /** Found in what lay in the log before the monitor was first started: recorded, told to nobody. */
  past: boolean;
}

/** The id of a notification: it says which rule, which subject and which hour. */
export function notificationIdOf(
  { rule, subject, windowStartMs }: Pick<Notification, "rule" | "subject" | "windowStartMs">,
): string {
  return `${rule}/${subject}/${windowStartMs}`;
}
