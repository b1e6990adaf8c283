/**
 * `/v1/coverage`: which windows of which markets have gaps, and what the polls of that time say of it.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { Clock } from "../ports/clock.ts";
import type { CoverageQueries, GapRow, PollCounts } from "../ports/coverage_queries.ts";
import { answerPage, isoTime, listResponses, MARKET_FIELDS, timeSchema } from "./list.ts";
import {
  EMPTY_RANGE,
  given,
  isRange,
  MARKET_FILTERS,
  pageParameters,
  queryOf,
  TIME_RANGE,
} from "./parameters.ts";
import { badParameter } from "./problem.ts";

const LIST = "coverage";
const DAY_MS = 86_400_000;

/** Windows between `from` and `to`: each market has to be looked up in each of them. */
const RANGE_WINDOWS_MAX = 1_000;

/** A window with a gap. */
export const coverageSchema = z.object({
  ...MARKET_FIELDS,
  windowStart: timeSchema,
  windowEnd: timeSchema.openapi({ example: "2018-04-05T11:00:00.000Z" }),
  isMissing: z.boolean().openapi({ description: "Whether nothing at all was counted." }),
  ticksCounted: z.int().openapi({ example: 59 }),
  ticksExpected: z.int().nullable().openapi({
    description: "null: nothing was counted, so it is not known.",
    example: 60,
  }),
  coverage: z.number().openapi({ example: 0.9833333333333333 }),
  cause: z.enum(["failed", "skipped", "notPolled", "unknown"]).openapi({
    description: "What most of the polls that were not ok did; notPolled: fewer polls were made " +
      "than the window has ticks, as while the program did not run; unknown: all polls were ok, so " +
      "their source has left the market out.",
    example: "failed",
  }),
  polls: z.array(z.object({
    source: z.string().openapi({ example: "kraken" }),
    okCount: z.int().openapi({ example: 59 }),
    skippedCount: z.int().openapi({ example: 0 }),
    failedCount: z.int().openapi({ example: 1 }),
    reason: z.string().nullable().openapi({ description: "Of the last that was not ok." }),
  })).openapi({
    description:
      "Polls made in that window: of the source that is called as the exchange is, else " +
      "of all sources.",
  }),
}).openapi("Gap");

/** The route, as it is checked and described. */
export const coverageRoute = createRoute({
  method: "get",
  path: "/v1/coverage",
  tags: ["operation"],
  summary: "Windows with gaps, and why, by time and market",
  description:
    "Windows that are over and for which not every tick was counted, and those that are " +
    "missing between a market's first and last window. Without `from`: of the day before `to`; " +
    `without \`to\`: up to now. A range has at most ${RANGE_WINDOWS_MAX} windows.`,
  request: {
    query: queryOf({
      ...MARKET_FILTERS,
      ...TIME_RANGE,
      ...pageParameters(LIST, z.tuple([z.int(), z.string(), z.string()])),
    }).refine(isRange, EMPTY_RANGE),
  },
  responses: listResponses(coverageSchema, "Windows with gaps"),
});

/** What this route needs. */
export interface CoverageDeps {
  queries: CoverageQueries;
  clock: Pick<Clock, "nowMs">;
}

/**
 * Adds the route.
 *
 * @param windowSizeMs The size of a stored window, in ms.
 */
export function routeCoverage(
  app: OpenAPIHono,
  { queries, clock }: CoverageDeps,
  windowSizeMs: number,
): void {
  app.openapi(coverageRoute, async (c) => {
    const { from, to, cursor, limit, ...filters } = given(c.req.valid("query"));
    const toMs = to ?? Math.max(clock.nowMs(), (from ?? 0) + 1);
    const fromMs = from ?? Math.max(0, toMs - DAY_MS);
    if (toMs - fromMs > RANGE_WINDOWS_MAX * windowSizeMs) {
      const what = `is more than ${RANGE_WINDOWS_MAX} windows of ${windowSizeMs} ms before `;
      throw badParameter("from", what + (to === undefined ? "now; give to as well" : "to"));
    }
    const after = cursor && { startMs: cursor[0], exchange: cursor[1], instrument: cursor[2] };
    const range = { ...filters, fromMs, toMs, windowSizeMs, ...(after && { after }) };
    const gaps = await queries.gaps({ ...range, limit: limit + 1 });
    const counts = gaps.length === 0 ? [] : await queries.pollCounts({
      fromMs: gaps[0]!.startMs,
      toMs: gaps.at(-1)!.startMs + windowSizeMs,
      windowSizeMs,
    });
    const byWindow = Map.groupBy(counts, ({ startMs }) => startMs);
    return answerPage(c, gaps, limit, {
      list: LIST,
      place: ({ startMs, exchange, instrument }) => [startMs, exchange, instrument],
      show: (gap) => gapRow(gap, windowSizeMs, byWindow.get(gap.startMs) ?? []),
    });
  });
}

/** A gap as the API shows it. */
export function gapRow(
  gap: GapRow,
  windowSizeMs: number,
  counts: readonly PollCounts[],
): z.infer<typeof coverageSchema> {
  const { startMs, exchange, instrument, base, quote, tickCount, intervalMs } = gap;
  const own = counts.filter(({ source }) => source === exchange);
  const polls = own.length > 0 ? own : counts;
  const ticksExpected = intervalMs === null ? null : Math.ceil(windowSizeMs / intervalMs);
  return {
    exchange,
    instrument,
    base,
    quote,
    windowStart: isoTime(startMs),
    windowEnd: isoTime(startMs + windowSizeMs),
    isMissing: tickCount === null,
    ticksCounted: tickCount ?? 0,
    ticksExpected,
    coverage: ticksExpected === null ? 0 : (tickCount ?? 0) / ticksExpected,
    cause: causeOf(polls, ticksExpected),
    polls: polls.map(({ startMs: _, ...counts }) => counts),
  };
}

function causeOf(
  polls: readonly PollCounts[],
  ticksExpected: number | null,
): "failed" | "skipped" | "notPolled" | "unknown" {
  const failedCount = polls.reduce((sum, poll) => sum + poll.failedCount, 0);
  const skippedCount = polls.reduce((sum, poll) => sum + poll.skippedCount, 0);
  if (failedCount > 0 && failedCount >= skippedCount) return "failed";
  if (skippedCount > 0) return "skipped";
  const most = Math.max(0, ...polls.map(({ okCount }) => okCount));
  return most < (ticksExpected ?? 1) ? "notPolled" : "unknown";
}
