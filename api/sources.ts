/**
 * `/v1/sources`: how each source of prices is doing, read off its last poll.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { PollRecord, StatisticsQueries } from "../ports/statistics_store.ts";
import { isoTime, listResponses, timeSchema } from "./list.ts";
import { queryOf } from "./parameters.ts";

const HEALTH = { ok: "ok", skipped: "pausing", failed: "failing" } as const;

const budgetSchema = z.object({
  costPerPoll: z.number().openapi({ example: 0.015 }),
  remaining: z.number().openapi({ example: 7.39 }),
  resetsAt: timeSchema.nullable(),
}).nullable().openapi({ description: "Credits left, where the source says so." });

/** One poll, without its source and budget. */
const pollFields = {
  tick: timeSchema.openapi({ description: "When it was scheduled." }),
  outcome: z.enum(["ok", "skipped", "failed"]),
  reason: z.string().nullable().openapi({ example: null }),
  marketCount: z.int().openapi({ description: "Samples published.", example: 741 }),
  entryCount: z.int().openapi({ description: "Entries that the source gave.", example: 743 }),
  zeroPriceCount: z.int().openapi({ example: 2 }),
  leftOutCount: z.int().openapi({ description: "Entries that are no market.", example: 0 }),
  malformedCount: z.int().openapi({ description: "Entries not understood.", example: 0 }),
  latencyMs: z.number().nullable().openapi({ example: 212 }),
};

/** One poll of a source's history. */
export const pollSchema = z.object({ ...pollFields, budget: budgetSchema }).openapi("Poll");

/** How a source is doing. */
export const sourceSchema = z.object({
  source: z.string().openapi({ example: "kraken" }),
  health: z.enum(HEALTH).openapi({
    description: "pausing: the last poll was left out on purpose; failing: it brought nothing.",
  }),
  lastSuccess: timeSchema.nullable().openapi({ description: "Its tick; null: never." }),
  budget: budgetSchema,
  lastPoll: z.object(pollFields),
}).openapi("Source");

/** The route, as it is checked and described. */
export const sourcesRoute = createRoute({
  method: "get",
  path: "/v1/sources",
  tags: ["operation"],
  summary: "Sources: health, budget and last poll",
  request: { query: queryOf({}) },
  responses: listResponses(sourceSchema, "All sources that were ever polled"),
});

/** Adds the route. */
export function routeSources(app: OpenAPIHono, queries: Pick<StatisticsQueries, "sources">): void {
  app.openapi(sourcesRoute, async (c) => {
    const sources = await queries.sources();
    return c.json({ data: sources.map(sourceRow), nextCursor: null });
  });
}

function sourceRow(
  { last, lastSuccessMs }: { last: PollRecord; lastSuccessMs: number | null },
): z.infer<typeof sourceSchema> {
  const { budget, ...lastPoll } = pollRow(last);
  return {
    source: last.source,
    health: HEALTH[last.outcome],
    lastSuccess: lastSuccessMs === null ? null : isoTime(lastSuccessMs),
    budget,
    lastPoll,
  };
}

/** A poll as the API shows it. */
export function pollRow(
  { source: _, budget, tickMs, ...poll }: PollRecord,
): z.infer<typeof pollSchema> {
  return {
    tick: isoTime(tickMs),
    ...poll,
    budget: budget === null ? null : {
      costPerPoll: budget.costPerPoll,
      remaining: budget.remaining,
      resetsAt: budget.resetMs === null ? null : isoTime(budget.resetMs),
    },
  };
}
