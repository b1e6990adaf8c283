/**
 * The query parameters that lists share: one zod schema each, which checks, converts and documents.
 * What comes in is always text, so a schema is one of text whose output is what the handler needs.
 *
 * @module
 */
import { z } from "@hono/zod-openapi";
import { FILTER_PATTERNS_MAX } from "../ports/market_filters.ts";
import type { MarketQuery } from "../ports/statistics_store.ts";
import { type Interval, INTERVAL_SIZES_MS } from "../stats/interval.ts";
import { ID_LENGTH_MAX } from "../stats/sample.ts";
import { cursorParameter } from "./cursor.ts";

/** Most rows of one page: about 4 MB of JSON. */
export const LIMIT_MAX = 10_000;
const LIMIT_DEFAULT = 100;

/** Wider than what can name a market: only what no store could take as text is refused. */
const FILTER_PATTERN = new RegExp(`^[^\\s:@,\\u0000-\\u001f]{1,${ID_LENGTH_MAX}}$`);

/** Longest number of milliseconds: reaches the year 33658. */
const EPOCH_MS_PATTERN = /^\d{1,15}$/;

/** A query of exactly these parameters: an unknown one is refused, and told which are known. */
export function queryOf<Shape extends z.ZodRawShape>(shape: Shape) {
  const known = Object.keys(shape).join(", ") || "none";
  return z.strictObject(shape, {
    error: (issue) =>
      issue.code === "unrecognized_keys"
        ? `is not a parameter of this list; known are: ${known}`
        : undefined,
  });
}

/** A whole number from `min` to `max`, both included. */
export function integerParameter(min: number, max: number, description: string) {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.string().regex(/^\d{1,16}$/, { error }).transform(Number)
    .refine((value) => value >= min && value <= max, { error })
    .openapi({ type: "integer", minimum: min, maximum: max, description });
}

/** Values as a comma list or by the parameter given again, each once. */
const listSchema = z.union([z.string(), z.array(z.string())]).transform((given, context) => {
  const values = [given].flat().flatMap((text) => text.split(","));
  if (values.length > FILTER_PATTERNS_MAX) {
    const message = `must be at most ${FILTER_PATTERNS_MAX} values`;
    context.addIssue({ code: "custom", message });
  }
  return [...new Set(values)];
});

/** How a list is described. */
function listDocument(items: { enum?: string[]; pattern?: string }) {
  return {
    type: "array" as const,
    items: { type: "string" as const, ...items },
    minItems: 1,
    maxItems: FILTER_PATTERNS_MAX,
    param: { style: "form" as const, explode: false },
  };
}

/** Ids or patterns of them. */
export function filterParameter(what: string, example: string[]) {
  return listSchema.refine((patterns) => patterns.every((each) => FILTER_PATTERN.test(each)), {
    error: `must be values of 1 to ${ID_LENGTH_MAX} characters without spaces, ':' or '@', with ` +
      "',' between them",
  }).optional().openapi({
    ...listDocument({ pattern: FILTER_PATTERN.source }),
    description: `${what}, or any of several; * stands for any run of characters.`,
    example,
  });
}

/** Some of the values that there are: another one is a mistake. */
export function choiceParameter(what: string, values: readonly string[], example: string[]) {
  return listSchema.refine((chosen) => chosen.every((value) => values.includes(value)), {
    error: `must be one of ${values.join(", ")}, or several with ',' between them`,
  }).optional().openapi({
    ...listDocument({ enum: [...values] }),
    description: `${what}, or any of several.`,
    example,
  });
}

/** A time: ISO 8601 with an offset, or milliseconds since 1970; gives milliseconds. */
export function timeParameter(description: string, example: string) {
  return z.union([z.iso.datetime({ offset: true }), z.string().regex(EPOCH_MS_PATTERN)], {
    error: "must be ISO 8601 with an offset, as in 2018-04-05T00:00:00Z (a + in it is written " +
      "%2B), or milliseconds since 1970",
  }).transform((text) => EPOCH_MS_PATTERN.test(text) ? Number(text) : Date.parse(text)).optional()
    .openapi({ description, example });
}

/** Filters by market; all that are given must match. */
export const MARKET_FILTERS = {
  exchange: filterParameter("Only this exchange", ["kraken", "coinbase"]),
  instrument: filterParameter("Only this instrument, as its exchange calls it", ["btc*"]),
  base: filterParameter("Only what is priced", ["btc"]),
  quote: filterParameter("Only what it is priced in", ["usd"]),
};

/** The same query, as whoever wants no `undefined` takes it: zod leaves out what was not given. */
export function given<Query>(
  query: Query,
): { [Name in keyof Query]: Exclude<Query[Name], undefined> } {
  return query as { [Name in keyof Query]: Exclude<Query[Name], undefined> };
}

/** A half-open range `[from, to)` of the starts of windows. */
export const TIME_RANGE = {
  from: timeParameter(
    "Windows that start at this time or later: ISO 8601 with an offset, or milliseconds since 1970.",
    "2018-04-05T00:00:00Z",
  ),
  to: timeParameter("Windows that start before this time.", "2018-04-06T00:00:00Z"),
};

/** The name of an interval. */
export const intervalSchema = z.enum(Object.keys(INTERVAL_SIZES_MS) as [Interval, ...Interval[]], {
  error: `must be one of ${Object.keys(INTERVAL_SIZES_MS).join(", ")}`,
});

/** Longer rows than windows. */
export const intervalParameter = intervalSchema.optional().openapi({
  description: "Merges windows exactly into intervals of UTC; weeks begin on Monday. An interval " +
    "that starts in the range is merged whole. Without it: windows as stored.",
  example: "1d",
});

/** Whether the range is none or not empty; for `refine` with {@link EMPTY_RANGE}. */
export function isRange(query: { from?: number | undefined; to?: number | undefined }): boolean {
  return query.from === undefined || query.to === undefined || query.from < query.to;
}

/** What to say of a range that {@link isRange} refuses. */
export const EMPTY_RANGE = { path: ["to"], error: "must be later than from" };

/** A page of a list whose places are what `place` says. */
export function pageParameters<Place extends z.ZodType>(list: string, place: Place) {
  return {
    cursor: cursorParameter(list, place),
    limit: integerParameter(1, LIMIT_MAX, "At most this many rows.")
      .default(LIMIT_DEFAULT).openapi({ default: LIMIT_DEFAULT }),
  };
}

/** A page of a list that is ordered by market. */
export function marketPageParameters(list: string) {
  return { ...MARKET_FILTERS, ...pageParameters(list, MARKET_PLACE) };
}

/** The market of the last row of such a list. */
export const MARKET_PLACE = z.tuple([z.string(), z.string()]);

/** The store's query for such a page and one row more. */
export function marketQueryOf(
  { cursor, limit, ...filters }: Omit<MarketQuery, "after"> & {
    cursor?: z.output<typeof MARKET_PLACE> | undefined;
  },
): MarketQuery {
  const after = cursor && { after: { exchange: cursor[0], instrument: cursor[1] } };
  return { ...filters, ...after, limit: limit + 1 };
}

/** The place of a row in such a list. */
export function marketPlace(
  row: { exchange: string; instrument: string },
): z.output<typeof MARKET_PLACE> {
  return [row.exchange, row.instrument];
}
