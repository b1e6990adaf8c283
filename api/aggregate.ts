/**
 * `/v1/statistics/aggregate`: markets together, by exchange, instrument, base, quote and time.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { TIME_MAX_MS } from "../stats/sample.ts";
import { aggregateRow, aggregateSchema } from "./aggregate_row.ts";
import { type Dimension, DIMENSIONS, type Group, groupRows } from "./grouping.ts";
import { answerPage, listResponses } from "./list.ts";
import {
  EMPTY_RANGE,
  given,
  intervalSchema,
  isRange,
  MARKET_FILTERS,
  pageParameters,
  queryOf,
  TIME_RANGE,
} from "./parameters.ts";
import { badParameter } from "./problem.ts";
import { scanRows } from "./scan.ts";
import type { StatisticsConfig, StatisticsDeps } from "./statistics.ts";

const LIST = "aggregate";

/** What a page must share with the next, and the place of the last group: its start and ids. */
const PLACE = z.tuple([
  intervalSchema.nullable(),
  z.array(z.enum(DIMENSIONS)),
  z.int(),
  z.array(z.string().nullable()).length(DIMENSIONS.length),
]);

const groupByParameter = z.union([z.string(), z.array(z.string())])
  .transform((given, context) => {
    const names = [given].flat().flatMap((text) => text.split(","));
    if (!names.every((name) => (DIMENSIONS as readonly string[]).includes(name))) {
      const message = `must be one or several of ${DIMENSIONS.join(", ")}, with ',' between them`;
      context.addIssue({ code: "custom", message });
    }
    return DIMENSIONS.filter((name) => names.includes(name));
  }).optional().openapi({
    type: "array",
    items: { type: "string", enum: [...DIMENSIONS] },
    minItems: 1,
    param: { style: "form", explode: false },
    description:
      "One group for each of these, or of each combination; without it all markets are one.",
    example: ["exchange", "quote"],
  });

/** The route, as it is checked and described. */
export const aggregateRoute = createRoute({
  method: "get",
  path: "/v1/statistics/aggregate",
  tags: ["statistics"],
  summary: "Statistics of markets together, by time and group",
  description: "Reads the whole range, so narrow it.",
  request: {
    query: queryOf({
      ...MARKET_FILTERS,
      ...TIME_RANGE,
      groupBy: groupByParameter,
      interval: intervalSchema.optional().openapi({
        description:
          "One group for each interval, too, made of its rows; an interval that starts in " +
          "the range is whole. Without it: windows as stored, whatever their time.",
      }),
      ...pageParameters(LIST, PLACE),
    }).refine(isRange, EMPTY_RANGE),
  },
  responses: listResponses(aggregateSchema, "Groups"),
});

/** How the route answers. */
export interface AggregateConfig extends StatisticsConfig {
  /** Most groups of one answer; {@link import("./grouping.ts").GROUP_COUNT_MAX} unless given. */
  groupCountMax?: number;
}

/** Adds the route. */
export function routeAggregate(
  app: OpenAPIHono,
  { queries, clock }: StatisticsDeps,
  config: AggregateConfig,
): void {
  app.openapi(aggregateRoute, async (c) => {
    const { cursor, limit, from, to, groupBy = [], ...filters } = given(c.req.valid("query"));
    const interval = filters.interval ?? null;
    const after = cursor && placeOf(cursor, interval, groupBy);
    const deps = { queries, ...config, nowMs: clock.nowMs(), signal: c.get("signal") };
    const rows = scanRows(deps, {
      ...filters,
      // What came before the last group's interval need not be read again.
      fromMs: Math.max(from ?? 0, after?.startMs ?? 0),
      toMs: to ?? TIME_MAX_MS,
    });
    const groups = await groupRows(rows, {
      groupBy,
      isByTime: interval !== null,
      after,
      groupCountMax: config.groupCountMax,
    });
    return answerPage(c, groups, limit, {
      list: LIST,
      place: ({ startMs, ids }: Group) => [interval, groupBy, startMs, ids],
      show: aggregateRow,
    });
  });
}

function placeOf(
  [interval, groupBy, startMs, ids]: z.output<typeof PLACE>,
  wantedInterval: string | null,
  wantedGroupBy: readonly Dimension[],
): { startMs: number; ids: readonly (string | null)[] } {
  if (interval !== wantedInterval) {
    throw badParameter("cursor", `is of a list with ${interval ?? "no"} interval`);
  }
  if (groupBy.join() !== wantedGroupBy.join()) {
    throw badParameter("cursor", `is of a list that is grouped by ${groupBy.join() || "nothing"}`);
  }
  return { startMs, ids };
}
