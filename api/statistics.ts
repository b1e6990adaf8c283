/**
 * `/v1/statistics` and `/v1/statistics/latest`: what markets did, window by window.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { Clock } from "../ports/clock.ts";
import type { DayQueries } from "../ports/day_statistics.ts";
import type { RowPlace, StatisticsQueries } from "../ports/statistics_store.ts";
import { TIME_MAX_MS } from "../stats/sample.ts";
import { readFilled } from "./fill.ts";
import { isSealedWhole } from "./finality.ts";
import { readRows } from "./intervals.ts";
import { answerList, formattedListResponses } from "./list.ts";
import {
  EMPTY_RANGE,
  given,
  intervalParameter,
  intervalSchema,
  isRange,
  MARKET_FILTERS,
  MARKET_PLACE,
  marketPlace,
  marketQueryOf,
  pageParameters,
  queryOf,
  TIME_RANGE,
} from "./parameters.ts";
import { badParameter } from "./problem.ts";
import { scanLatest, scanRows } from "./scan.ts";
import {
  type Sort,
  SORTED_PLACE,
  sortedBy,
  sortedPlace,
  sortParameter,
  sortRows,
  unsorted,
} from "./sorting.ts";
import {
  statisticsRow,
  statisticsSchema,
  type SummarisedRow,
  summarisedRow,
} from "./statistics_row.ts";

const WINDOWS = "statistics";
const LATEST = "latest";

/** Time and market of the last row. */
const TIME_PLACE = z.tuple([z.int(), z.string(), z.string()]);
/** The interval, which a page must share with the next, and the place of the last row. */
const PLACE = z.tuple([intervalSchema.nullable(), z.union([TIME_PLACE, SORTED_PLACE])]);

/** Whether what is to be filled has ends, and is by time. */
function isFillable({ fill, from, to, sort }: {
  fill?: "none" | "null" | undefined;
  from?: number | undefined;
  to?: number | undefined;
  sort?: Sort | undefined;
}): boolean {
  return fill !== "null" || (from !== undefined && to !== undefined && sort === undefined);
}

const UNFILLABLE = { path: ["fill"], error: "is null, which needs from and to, and takes no sort" };

/** The route of windows and intervals. */
export const windowsRoute = createRoute({
  method: "get",
  path: "/v1/statistics",
  tags: ["statistics"],
  summary:
    "Statistics per market and window, or longer interval, by time and market or by a statistic",
  request: {
    query: queryOf({
      ...MARKET_FILTERS,
      ...TIME_RANGE,
      interval: intervalParameter,
      fill: z.enum(["none", "null"], { error: "must be none or null" }).optional().openapi({
        description:
          "null: every window or interval of the range, which needs from and to, of every " +
          "market; where nothing was counted, count is 0 and the statistics are null. none: only " +
          "what is stored.",
        default: "none",
      }),
      sort: sortParameter,
      ...pageParameters(WINDOWS, PLACE),
    }).refine(isRange, EMPTY_RANGE).refine(isFillable, UNFILLABLE),
  },
  responses: formattedListResponses(statisticsSchema, "Statistics"),
});

const LATEST_PLACE = z.union([MARKET_PLACE, SORTED_PLACE]);
type LatestPlace = z.output<typeof LATEST_PLACE>;

/** The route of each market's latest window. */
export const latestRoute = createRoute({
  method: "get",
  path: "/v1/statistics/latest",
  tags: ["statistics"],
  summary: "The latest window of each market, by market or by a statistic",
  request: {
    query: queryOf({
      ...MARKET_FILTERS,
      sort: sortParameter,
      ...pageParameters(LATEST, LATEST_PLACE),
    }),
  },
  responses: formattedListResponses(statisticsSchema, "Statistics"),
});

/** What these routes need. */
export interface StatisticsDeps {
  queries: StatisticsQueries & DayQueries;
  clock: Pick<Clock, "nowMs">;
}

/** How they answer. */
export interface StatisticsConfig {
  /** The size of a stored window, in ms. */
  windowSizeMs: number;
  /** Most rows that one request reads; {@link import("./scan.ts").SCAN_ROWS_MAX} unless given. */
  scanRowsMax?: number;
}

/** Adds the routes. */
export function routeStatistics(
  app: OpenAPIHono,
  { queries, clock }: StatisticsDeps,
  config: StatisticsConfig,
): void {
  const depsNow = (c: Context) => ({
    ...{ queries, ...config },
    ...{ nowMs: clock.nowMs(), signal: c.get("signal") },
  });
  app.openapi(windowsRoute, async (c) => {
    const { cursor, limit, from, to, sort, fill, ...filters } = given(c.req.valid("query"));
    const interval = filters.interval ?? null;
    if (cursor !== undefined && cursor[0] !== interval) {
      throw badParameter("cursor", `is of a list with ${cursor[0] ?? "no"} interval`);
    }
    const range = { ...filters, fromMs: from ?? 0, toMs: to ?? TIME_MAX_MS };
    const form = { list: WINDOWS, schema: statisticsSchema };
    if (sort !== undefined) {
      return await answerList(c, { cursor, limit }, {
        ...form,
        isOnePage: true,
        read: (limit, cursor) =>
          sortRows(scanRows(depsNow(c), range), {
            sort,
            after: sortedBy(sort, cursor?.[1]),
            size: limit + 1,
          }),
        place: (row: SummarisedRow): z.output<typeof PLACE> => [interval, sortedPlace(sort, row)],
        show: (row: SummarisedRow) => statisticsRow(row),
      });
    }
    const read = fill === "null" ? readFilled : readRows;
    return await answerList(c, { cursor, limit }, {
      ...form,
      read: (limit, cursor) =>
        read(depsNow(c), { ...range, ...afterOf(unsorted(cursor?.[1])), limit: limit + 1 }),
      place: (row): z.output<typeof PLACE> => [interval, timePlace(row)],
      show: statisticsRow,
      isFinal: (rows) => isSealedWhole(rows, { ...filters, from, to }, config.windowSizeMs),
    });
  });
  app.openapi(latestRoute, async (c) => {
    const { cursor, limit, sort, ...filters } = given(c.req.valid("query"));
    const form = { list: LATEST, schema: statisticsSchema };
    if (sort !== undefined) {
      return await answerList(c, { cursor, limit }, {
        ...form,
        isOnePage: true,
        read: (limit, cursor) =>
          sortRows(scanLatest(depsNow(c), filters), {
            sort,
            after: sortedBy(sort, cursor),
            size: limit + 1,
          }),
        place: (row): LatestPlace => sortedPlace(sort, row),
        show: (row: SummarisedRow) => statisticsRow(row),
      });
    }
    return await answerList(c, { cursor, limit }, {
      ...form,
      read: async (limit, cursor) => {
        const query = marketQueryOf({ ...filters, limit, cursor: unsorted(cursor) });
        return (await queries.latest(query)).map(summarisedRow);
      },
      place: (row): LatestPlace => marketPlace(row),
      show: (row: SummarisedRow) => statisticsRow(row),
    });
  });
}

function timePlace({ startMs, exchange, instrument }: RowPlace): z.output<typeof TIME_PLACE> {
  return [startMs, exchange, instrument];
}

function afterOf(place: z.output<typeof TIME_PLACE> | undefined): { after?: RowPlace } {
  if (place === undefined) return {};
  const [startMs, exchange, instrument] = place;
  return { after: { startMs, exchange, instrument } };
}
