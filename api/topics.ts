/**
 * `/v1/topics`: the log's topics, where this process has the log.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { TopicAdmin, TopicLog } from "../ports/topic_log.ts";
import { GROUPS, TOPICS } from "../topology.ts";
import { listResponses } from "./list.ts";
import { queryOf } from "./parameters.ts";
import { RequestProblem } from "./problem.ts";

/** The log, as the API sees it. */
export interface Topics {
  log: Pick<TopicLog, "fetch">;
  admin: Pick<TopicAdmin, "describe" | "positions">;
}

/** The topics that may be looked at: on a shared Kafka there are others. */
export const TOPIC_NAMES = Object.values(TOPICS);

const topicSchema = z.object({
  topic: z.string().openapi({ example: TOPICS.samples }),
  partitions: z.array(z.object({
    partition: z.int().openapi({ example: 0 }),
    startOffset: z.int().openapi({ description: "The least offset still kept.", example: 0 }),
    endOffset: z.int().openapi({ description: "One past the last visible.", example: 1200 }),
  })),
  groups: z.array(z.object({
    group: z.string().openapi({ example: GROUPS.aggregator.id }),
    lag: z.int().openapi({ description: "Offsets that it has still to read.", example: 200 }),
    offsets: z.array(z.int().nullable()).openapi({
      description: "The next offset it reads, by partition; null where it has committed none.",
      example: [1000],
    }),
  })),
}).openapi("Topic");

const topicsRoute = createRoute({
  method: "get",
  path: "/v1/topics",
  tags: ["operation"],
  summary: "Topics, and where their readers stand",
  request: { query: queryOf({}) },
  responses: listResponses(topicSchema, "All topics", 404),
});

/** Adds the route. */
export function routeTopics(app: OpenAPIHono, topics: Topics | undefined): void {
  app.openapi(topicsRoute, async (c) => {
    const { admin } = logOf(topics);
    const rows = await Promise.all(TOPIC_NAMES.map((topic) => topicRow(admin, topic)));
    return c.json({ data: rows.filter((row) => row !== null), nextCursor: null });
  });
}

/** The log. @throws {RequestProblem} Where this process has none. */
export function logOf(topics: Topics | undefined): Topics {
  if (topics !== undefined) return topics;
  throw new RequestProblem(404, {
    detail: "This process has no topic log: ask one that runs the sampler, aggregator or writer",
  });
}

async function topicRow(
  admin: Topics["admin"],
  topic: string,
): Promise<z.infer<typeof topicSchema> | null> {
  const partitions = await admin.describe(topic);
  if (partitions === null) return null;
  const readers = Object.values(GROUPS)
    .filter((group) => (group.topics as readonly string[]).includes(topic));
  const groups = await Promise.all(readers.map(async (group) => {
    const committed = (await admin.positions(group))[topic] ?? [];
    const offsets = partitions.map((_, partition) => committed[partition] ?? null);
    const lag = partitions.reduce(
      (sum, { startOffset, endOffset }, partition) =>
        sum + Math.max(0, endOffset - (offsets[partition] ?? startOffset)),
      0,
    );
    return { group: group.id, lag, offsets };
  }));
  return {
    topic,
    partitions: partitions.map(({ startOffset, endOffset }, partition) => ({
      partition,
      startOffset,
      endOffset,
    })),
    groups,
  };
}
