/**
 * A group of statistics as the API shows it: its zod schema, and how a pool becomes one.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import type { Spread } from "../stats/distribution.ts";
import type { Pool } from "../stats/pool.ts";
import { isoTime, timeSchema } from "./list.ts";
import { NO_PRICES } from "./statistics_row.ts";

function shared(example: string, what: string) {
  return z.string().nullable().openapi({
    description: `That of all markets of the group; null where they differ${what}.`,
    example,
  });
}

function price(example: number) {
  return z.number().nullable().openapi({ example });
}

function spread(example: number, what: string) {
  return z.number().nullable().openapi({
    example,
    description: `${what} of the rows that have it.`,
  });
}

/** Markets and times as one. */
export const aggregateSchema = z.object({
  exchange: shared("kraken", ""),
  instrument: z.string().nullable().openapi({
    description: "That of all markets of the group; null where they differ.",
  }),
  base: shared("btc", ", or do not say"),
  quote: shared("usd", ", or do not say"),
  windowStart: timeSchema.openapi({ description: "The interval's start, or its first row's." }),
  windowEnd: timeSchema.openapi({
    description: "The interval's end, or its last row's.",
    example: "2018-04-06T00:00:00.000Z",
  }),
  marketCount: z.int().openapi({ example: 2 }),
  rowCount: z.int().openapi({
    description: "Rows that /v1/statistics has of it: windows, or intervals.",
    example: 48,
  }),
  count: z.int().openapi({ description: "Samples counted.", example: 2880 }),
  coverage: z.number().nullable().openapi({
    description: "Ticks counted ÷ ticks expected in its rows; null without ticks.",
    example: 1,
  }),
  min: price(6612),
  max: price(6790.5),
  mean: price(6741.25),
  stddev: price(31.5),
  stddevPopulation: price(31.49453),
  variance: price(992.25),
  open: price(6770),
  close: price(6688.5),
  cv: price(0.004672723),
  changePct: price(-0.012038405),
  rangePct: price(0.026478769),
  cvMean: spread(0.00121, "Mean"),
  cvMedian: spread(0.00098, "Median"),
  cvMax: spread(0.0041, "Greatest"),
  changePctMean: spread(-0.0005, "Mean"),
  changePctMedian: spread(-0.0002, "Median"),
  changePctMax: spread(0.0082, "Greatest"),
  rangePctMean: spread(0.0047, "Mean"),
  rangePctMedian: spread(0.0039, "Median"),
  rangePctMax: spread(0.0185, "Greatest"),
}).openapi("Aggregate", {
  description:
    "min to rangePct are of all samples of the group together, and null where its markets " +
    "are not all of one base and quote: their prices cannot be pooled. cvMean to rangePctMax are " +
    "over the rows that /v1/statistics has of it.",
});

/** The row that the API shows. */
export function aggregateRow({ pool }: { pool: Pool }): z.infer<typeof aggregateSchema> {
  const { startMs, endMs, prices, cv, changePct, rangePct, ...counts } = pool.read();
  const { exchange, instrument, base, quote, marketCount, rowCount, count, coverage } = counts;
  return {
    ...{ exchange, instrument, base, quote },
    windowStart: isoTime(startMs),
    windowEnd: isoTime(endMs),
    ...{ marketCount, rowCount, count, coverage },
    ...(prices ?? NO_PRICES),
    ...spreadFields("cv", cv),
    ...spreadFields("changePct", changePct),
    ...spreadFields("rangePct", rangePct),
  };
}

function spreadFields<Name extends string>(
  name: Name,
  { mean, median, max }: Spread,
): Record<`${Name}${"Mean" | "Median" | "Max"}`, number | null> {
  return { [`${name}Mean`]: mean, [`${name}Median`]: median, [`${name}Max`]: max } as Record<
    `${Name}${"Mean" | "Median" | "Max"}`,
    number | null
  >;
}
