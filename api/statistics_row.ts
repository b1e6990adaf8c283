/**
 * A statistics row as the API shows it: its zod schema, and how a stored window becomes one.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import type { StatisticsRow } from "../ports/statistics_store.ts";
import { type Statistics, statisticsOf, type Summarised, ticksExpected } from "../stats/window.ts";
import { isoTime, MARKET_FIELDS, timeSchema } from "./list.ts";

function number(example: number) {
  return z.number().nullable().openapi({ example });
}

function nullable(example: number, description: string) {
  return z.number().nullable().openapi({ example, description });
}

/** One market's statistics over one window or interval. */
export const statisticsSchema = z.object({
  ...MARKET_FIELDS,
  windowStart: timeSchema,
  windowEnd: timeSchema.openapi({
    description: "The first time that is not in the window.",
    example: "2018-04-05T11:00:00.000Z",
  }),
  count: z.int().openapi({
    description: "Samples counted; 0 where the window is missing (fill=null).",
    example: 3,
  }),
  min: number(6770),
  max: number(6790),
  mean: number(6780),
  stddev: nullable(10, "Of the sample (n − 1); null for a single sample."),
  stddevPopulation: number(8.16496580927726),
  variance: nullable(100, "Of the sample (n − 1); null for a single sample."),
  open: number(6770),
  close: number(6790),
  cv: nullable(0.0014749262536873156, "stddev ÷ mean."),
  changePct: nullable(0.0029542097488921715, "close ÷ open − 1."),
  rangePct: nullable(0.0029498525073746312, "(max − min) ÷ mean."),
  coverage: nullable(0.05, "Ticks counted ÷ ticks expected; null without ticks."),
  state: z.enum(["open", "closed", "sealed"]).openapi({
    description: "open: still counting; closed: a late sample may amend it; sealed: never changes.",
    example: "sealed",
  }),
  amended: z.boolean().openapi({ description: "Whether a late sample was counted." }),
  origin: z.string().nullable().openapi({
    description: "live, or where history came from; mixed: both; null: missing.",
    example: "live",
  }),
  revision: z.int().openapi({
    description: "Grows with every change from 0, missing.",
    example: 243,
  }),
}).openapi("Statistics", {
  description:
    "Prices are in units of quote per base. Numbers read back to the same double. A window " +
    "that is missing is listed with fill=null only: count is 0, the statistics and origin are null, " +
    "and state is open until its end and then closed, for history may still bring it.",
});

/** A window, or several merged, with all that a row shows. */
export type SummarisedRow =
  & Summarised
  & Pick<
    StatisticsRow,
    | "exchange"
    | "instrument"
    | "base"
    | "quote"
    | "startMs"
    | "endMs"
    | "openMs"
    | "closeMs"
    | "state"
    | "amended"
    | "origin"
    | "revision"
  >;

/** A stored window as such. */
export function summarisedRow(row: StatisticsRow): SummarisedRow {
  return { ...row, tickCountExpected: ticksExpected(row) };
}

/** A window or interval of a market in which nothing was counted. */
export interface MissingRow {
  exchange: string;
  instrument: string;
  base: string | null;
  quote: string | null;
  startMs: number;
  endMs: number;
  state: "open" | "closed";
}

/** What is shown where there are no prices, or none that can be pooled. */
export const NO_PRICES = {
  min: null,
  max: null,
  mean: null,
  stddev: null,
  stddevPopulation: null,
  variance: null,
  open: null,
  close: null,
  cv: null,
  changePct: null,
  rangePct: null,
} satisfies { [Name in keyof Omit<Statistics, "count" | "coverage">]: null };

/** What a window that is missing shows. */
const NOTHING = { count: 0, ...NO_PRICES, coverage: null };

/** The row that the API shows. */
export function statisticsRow(row: SummarisedRow | MissingRow): z.infer<typeof statisticsSchema> {
  const counted = "count" in row ? row : null;
  return {
    exchange: row.exchange,
    instrument: row.instrument,
    base: row.base,
    quote: row.quote,
    windowStart: isoTime(row.startMs),
    windowEnd: isoTime(row.endMs),
    ...(counted === null ? NOTHING : statisticsOf(counted)),
    state: row.state,
    amended: counted?.amended ?? false,
    origin: counted?.origin ?? null,
    revision: counted?.revision ?? 0,
  };
}
