/**
 * A notification as the API shows it: its zod schema, and how a stored one becomes one.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { type Notification, RULE_KINDS } from "../stats/notification.ts";
import { isoTime, MARKET_FIELDS, timeSchema } from "./list.ts";

/** The states, in the order that each goes through. */
export const STATES = ["firing", "resolved"] as const satisfies readonly Notification["state"][];

function time(example: string, description: string) {
  return timeSchema.openapi({ description, example: `2018-04-05T${example}.000Z` });
}

const baselineSchema = z.object({
  windowStart: time(
    "09:00:00",
    "The hour it is about: the one before the notification's window, or an earlier one that was calm.",
  ),
  count: z.int().openapi({ description: "Samples that it rests on.", example: 60 }),
  mean: z.number().openapi({ description: "Mean price.", example: 6780 }),
  stddev: z.number().nullable().openapi({
    description: "Of the sample (n − 1); null for a single sample.",
    example: 10,
  }),
}).nullable().openapi({
  description: "What the price was held against; null for silence. In CSV each of its fields is " +
    "a column, as baseline.mean.",
});

/** One crossing of a rule. */
export const notificationSchema = z.object({
  id: z.string().openapi({
    description: "Rule, subject and the window's start in ms: one per rule, subject and window.",
    example: "tripled/kraken:btcusd/1522922400000",
  }),
  rule: z.string().openapi({ description: "The rule's name.", example: "tripled" }),
  kind: z.enum(RULE_KINDS).openapi({
    description:
      "What the rule looks at. ratioAbove, ratioBelow: the price against the mean of an hour " +
      "before; deviation: how many standard deviations it is from that mean; marketSilent: no " +
      "sample of the market came; sourceSilent: no poll of the source brought anything.",
    example: "ratioAbove",
  }),
  state: z.enum(STATES).openapi({
    description: "firing: it has begun; resolved: it is over, and stays so.",
    example: "resolved",
  }),
  subject: z.string().openapi({
    description: "What it is about: exchange:instrument, or a source.",
    example: "kraken:btcusd",
  }),
  exchange: MARKET_FIELDS.exchange.nullable().openapi({
    description: "null, as instrument, base and quote are, for a source.",
    example: "kraken",
  }),
  instrument: MARKET_FIELDS.instrument.nullable().openapi({
    description: "As its exchange calls it.",
    example: "btcusd",
  }),
  base: MARKET_FIELDS.base.openapi({ description: "What is priced.", example: "btc" }),
  quote: MARKET_FIELDS.quote.openapi({ description: "What it is priced in.", example: "usd" }),
  source: z.string().nullable().openapi({
    description: "The source that is silent; null for a market.",
    example: null,
  }),
  windowStart: time("10:00:00", "The window in which it began."),
  windowEnd: time("11:00:00", "The first time that is not in that window."),
  startedAt: time(
    "10:05:00",
    "When it began: the time of the sample that crossed, or that at which silence had lasted too " +
      "long. The same while it is firing and when it is resolved.",
  ),
  endedAt: time("10:12:00", "When it was over; null while it is firing.").nullable(),
  price: z.number().nullable().openapi({
    description: "The price that crossed, in units of quote per base; null for silence.",
    example: 21018,
  }),
  value: z.number().openapi({
    description: "What was found, in the unit of threshold; of deviation, below the mean negative.",
    example: 3.1,
  }),
  threshold: z.number().openapi({
    description:
      "What the rule allows: a ratio to the mean, standard deviations, or ms of silence.",
    example: 3,
  }),
  baseline: baselineSchema,
  past: z.boolean().openapi({
    description:
      "Found in what was there before the monitor was first started, and told to nobody.",
    example: false,
  }),
}).openapi("Notification", {
  description:
    "One crossing of a rule by a market, or a silence of a market or a source. Numbers " +
    "read back to the same double.",
});

/** The row that the API shows. */
export function notificationRow(n: Notification): z.infer<typeof notificationSchema> {
  return {
    id: n.id,
    rule: n.rule,
    kind: n.kind,
    state: n.state,
    subject: n.subject,
    exchange: n.exchange,
    instrument: n.instrument,
    base: n.base,
    quote: n.quote,
    source: n.source,
    windowStart: isoTime(n.windowStartMs),
    windowEnd: isoTime(n.windowEndMs),
    startedAt: isoTime(n.startedMs),
    endedAt: n.endedMs === null ? null : isoTime(n.endedMs),
    price: n.price,
    value: n.value,
    threshold: n.threshold,
    baseline: n.baseline && {
      windowStart: isoTime(n.baseline.startMs),
      count: n.baseline.count,
      mean: n.baseline.mean,
      stddev: n.baseline.stddev,
    },
    past: n.past,
  };
}
