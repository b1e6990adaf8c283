/**
 * `/v1/sources/{source}/polls`: what became of each poll of a source.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { CoverageQueries } from "../ports/coverage_queries.ts";
import type { StatisticsQueries } from "../ports/statistics_store.ts";
import { TIME_MAX_MS } from "../stats/sample.ts";
import { answerPage, listResponses } from "./list.ts";
import {
  EMPTY_RANGE,
  given,
  isRange,
  pageParameters,
  queryOf,
  timeParameter,
} from "./parameters.ts";
import { badParameter, RequestProblem } from "./problem.ts";
import { pollRow, pollSchema } from "./sources.ts";

const LIST = "polls";

/** Longer than any source's name. */
const SOURCE_LENGTH_MAX = 100;

/** The route, as it is checked and described. */
export const pollsRoute = createRoute({
  method: "get",
  path: "/v1/sources/{source}/polls",
  tags: ["operation"],
  summary: "Polls of one source, by time; those of the last 30 days are kept",
  request: {
    params: z.object({
      source: z.string().max(SOURCE_LENGTH_MAX, {
        error: `must be at most ${SOURCE_LENGTH_MAX} characters`,
      }).openapi({ description: "As /v1/sources names it.", example: "kraken" }),
    }),
    query: queryOf({
      from: timeParameter(
        "Polls scheduled at this time or later: ISO 8601 with an offset, or milliseconds since 1970.",
        "2018-04-05T00:00:00Z",
      ),
      to: timeParameter("Polls scheduled before this time.", "2018-04-06T00:00:00Z"),
      ...pageParameters(LIST, z.tuple([z.string(), z.int()])),
    }).refine(isRange, EMPTY_RANGE),
  },
  responses: listResponses(pollSchema, "Polls", 404),
});

/** Adds the route. */
export function routePolls(
  app: OpenAPIHono,
  queries: Pick<CoverageQueries, "polls"> & Pick<StatisticsQueries, "sources">,
): void {
  app.openapi(pollsRoute, async (c) => {
    const { source } = c.req.valid("param");
    const { from = 0, to = TIME_MAX_MS, cursor, limit } = given(c.req.valid("query"));
    if (cursor && cursor[0] !== source) throw badParameter("cursor", `is of source ${cursor[0]}`);
    const fromMs = Math.max(from, cursor === undefined ? 0 : cursor[1] + 1);
    const polls = fromMs < to
      ? await queries.polls({ source, fromMs, toMs: to, limit: limit + 1 })
      : [];
    if (polls.length === 0) {
      const known = (await queries.sources()).map(({ last }) => last.source);
      if (!known.includes(source)) {
        const detail = `There is no source ${source}; /v1/sources has all that were ever polled`;
        throw new RequestProblem(404, { detail, errors: [{ parameter: "source", detail }] });
      }
    }
    return answerPage(c, polls, limit, {
      list: LIST,
      place: ({ tickMs }) => [source, tickMs],
      show: pollRow,
    });
  });
}
