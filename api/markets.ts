/**
 * `/v1/markets`: which markets the store knows.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { MarketRow, StatisticsQueries } from "../ports/statistics_store.ts";
import { answerPage, isoTime, listResponses, MARKET_FIELDS, timeSchema } from "./list.ts";
import { given, marketPageParameters, marketPlace, marketQueryOf, queryOf } from "./parameters.ts";

const LIST = "markets";

const marketSchema = z.object({
  ...MARKET_FIELDS,
  firstWindowStart: timeSchema,
  lastWindowStart: timeSchema,
}).openapi("Market");

const route = createRoute({
  method: "get",
  path: "/v1/markets",
  tags: ["statistics"],
  summary: "Markets, by exchange and instrument",
  request: { query: queryOf(marketPageParameters(LIST)) },
  responses: listResponses(marketSchema, "Markets"),
});

/** Adds the route. */
export function routeMarkets(app: OpenAPIHono, queries: Pick<StatisticsQueries, "markets">): void {
  app.openapi(route, async (c) => {
    const query = given(c.req.valid("query"));
    const rows = await queries.markets(marketQueryOf(query));
    return answerPage(c, rows, query.limit, { list: LIST, place: marketPlace, show: marketRow });
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
