/**
 * `/v1/statistics` and `/v1/statistics/latest`: what markets did, window by window.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Clock } from "../ports/clock.ts";
import type { RowPlace, StatisticsQueries } from "../ports/statistics_store.ts";
import { type Interval, INTERVAL_SIZES_MS } from "../stats/interval.ts";
import { TIME_MAX_MS } from "../stats/sample.ts";
import { readIntervals } from "./intervals.ts";
import { answerPage, listResponses } from "./list.ts";
import {
  EMPTY_RANGE,
  given,
  isRange,
  MARKET_FILTERS,
  marketPageParameters,
  marketPlace,
  marketQueryOf,
  pageParameters,
  queryOf,
  TIME_RANGE,
} from "./parameters.ts";
import { badParameter } from "./problem.ts";
import { statisticsRow, statisticsSchema, summarisedRow } from "./statistics_row.ts";

const WINDOWS = "statistics";
const LATEST = "latest";

const intervalSchema = z.enum(Object.keys(INTERVAL_SIZES_MS) as [Interval, ...Interval[]], {
  error: `must be one of ${Object.keys(INTERVAL_SIZES_MS).join(", ")}`,
});

/** Time and market of the last row, and the interval, which a page must share with the next. */
const PLACE = z.tuple([z.int(), z.string(), z.string(), intervalSchema.nullable()]);

const windowsRoute = createRoute({
  method: "get",
  path: "/v1/statistics",
  tags: ["statistics"],
  summary: "Statistics per market and window, or longer interval, by time and market",
  request: {
    query: queryOf({
      ...MARKET_FILTERS,
      ...TIME_RANGE,
      interval: intervalSchema.optional().openapi({
        description: "Merges windows exactly into intervals of UTC; weeks begin on Monday. An " +
          "interval that starts in the range is merged whole. Without it: windows as stored.",
        example: "1d",
      }),
      ...pageParameters(WINDOWS, PLACE),
    }).refine(isRange, EMPTY_RANGE),
  },
  responses: listResponses(statisticsSchema, "Statistics"),
});

const latestRoute = createRoute({
  method: "get",
  path: "/v1/statistics/latest",
  tags: ["statistics"],
  summary: "The latest window of each market, by market",
  request: { query: queryOf(marketPageParameters(LATEST)) },
  responses: listResponses(statisticsSchema, "Statistics"),
});

/** What these routes need. */
export interface StatisticsDeps {
  queries: StatisticsQueries;
  clock: Pick<Clock, "nowMs">;
}

/**
 * Adds the routes.
 *
 * @param windowSizeMs The size of a stored window, in ms.
 */
export function routeStatistics(
  app: OpenAPIHono,
  { queries, clock }: StatisticsDeps,
  windowSizeMs: number,
): void {
  app.openapi(windowsRoute, async (c) => {
    const { cursor, limit, from, to, interval, ...filters } = given(c.req.valid("query"));
    if (cursor && cursor[3] !== (interval ?? null)) {
      throw badParameter("cursor", `is of a list with ${cursor[3] ?? "no"} interval`);
    }
    const range = {
      ...filters,
      fromMs: from ?? 0,
      toMs: to ?? TIME_MAX_MS,
      ...(cursor && { after: placeOf(cursor) }),
      limit: limit + 1,
    };
    const asStored = interval === undefined || INTERVAL_SIZES_MS[interval] === windowSizeMs;
    const rows = asStored
      ? (await queries.statistics(range)).map(summarisedRow)
      : await readIntervals({ queries, windowSizeMs, nowMs: clock.nowMs() }, {
        ...range,
        interval,
      });
    return answerPage(c, rows, limit, {
      list: WINDOWS,
      place: (row) => [row.startMs, row.exchange, row.instrument, interval ?? null],
      show: statisticsRow,
    });
  });
  app.openapi(latestRoute, async (c) => {
    const query = given(c.req.valid("query"));
    const rows = await queries.latest(marketQueryOf(query));
    return answerPage(c, rows.map(summarisedRow), query.limit, {
      list: LATEST,
      place: marketPlace,
      show: statisticsRow,
    });
  });
}

function placeOf([startMs, exchange, instrument]: z.output<typeof PLACE>): RowPlace {
  return { startMs, exchange, instrument };
}
