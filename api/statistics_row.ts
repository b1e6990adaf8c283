/**
 * A statistics row as the API shows it: its zod schema, and how a stored window becomes one.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import type { StatisticsRow } from "../ports/statistics_store.ts";
import { statisticsOf, type Summarised, ticksExpected } from "../stats/window.ts";
import { isoTime, MARKET_FIELDS, timeSchema } from "./list.ts";

function number(example: number) {
  return z.number().openapi({ example });
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
  count: z.int().openapi({ description: "Samples counted.", example: 3 }),
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
  origin: z.string().openapi({
    description: "live, or where history came from; mixed: both.",
    example: "live",
  }),
  revision: z.int().openapi({ description: "Grows with every change.", example: 243 }),
}).openapi("Statistics", {
  description: "Prices are in units of quote per base. Numbers read back to the same double.",
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
    | "state"
    | "amended"
    | "origin"
    | "revision"
  >;

/** A stored window as such. */
export function summarisedRow(row: StatisticsRow): SummarisedRow {
  return { ...row, tickCountExpected: ticksExpected(row) };
}

/** The row that the API shows. */
export function statisticsRow(row: SummarisedRow): z.infer<typeof statisticsSchema> {
  return {
    exchange: row.exchange,
    instrument: row.instrument,
    base: row.base,
    quote: row.quote,
    windowStart: isoTime(row.startMs),
    windowEnd: isoTime(row.endMs),
    ...statisticsOf(row),
    state: row.state,
    amended: row.amended,
    origin: row.origin,
    revision: row.revision,
  };
}
