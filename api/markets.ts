/**
 * `/v1/markets`: which markets the store knows.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { MarketRow, StatisticsQueries } from "../ports/statistics_store.ts";
import { answerList, formattedListResponses, isoTime, MARKET_FIELDS, timeSchema } from "./list.ts";
import { given, marketPageParameters, marketPlace, marketQueryOf, queryOf } from "./parameters.ts";

const LIST = "markets";

/** A market. */
export const marketSchema = z.object({
  ...MARKET_FIELDS,
  firstWindowStart: timeSchema,
  lastWindowStart: timeSchema,
}).openapi("Market");

/** The route, as it is checked and described. */
export const marketsRoute = createRoute({
  method: "get",
  path: "/v1/markets",
  tags: ["statistics"],
  summary: "Markets, by exchange and instrument",
  request: { query: queryOf(marketPageParameters(LIST)) },
  responses: formattedListResponses(marketSchema, "Markets"),
});

/** Adds the route. */
export function routeMarkets(app: OpenAPIHono, queries: Pick<StatisticsQueries, "markets">): void {
  app.openapi(marketsRoute, async (c) => {
    const { cursor, limit, ...filters } = given(c.req.valid("query"));
    return await answerList(c, { cursor, limit }, {
      list: LIST,
      schema: marketSchema,
      read: (limit, cursor) => queries.markets(marketQueryOf({ ...filters, cursor, limit })),
      place: marketPlace,
      show: marketRow,
    });
  });
}

function marketRow(row: MarketRow): z.infer<typeof marketSchema> {
  return {
    exchange: row.exchange,
    instrument: row.instrument,
    base: row.base,
    quote: row.quote,
    firstWindowStart: isoTime(row.firstMs),
    lastWindowStart: isoTime(row.lastMs),
  };
}
