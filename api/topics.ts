/**
 * `/v1/topics`: the log's topics, where this process has the log.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { PartitionRange, TopicAdmin, TopicLog } from "../ports/topic_log.ts";
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

/** A topic, and where its readers stand. */
export const topicSchema = z.object({
  topic: z.string().openapi({ example: TOPICS.samples }),
  partitions: z.array(z.object({
    partition: z.int().openapi({ example: 0 }),
    startOffset: z.int().openapi({ description: "The least offset still kept.", example: 0 }),
    endOffset: z.int().openapi({ description: "One past the last visible.", example: 1200 }),
  })),
  groups: z.array(z.object({
    group: z.string().openapi({ example: GROUPS.aggregator.id }),
    lag: z.int().openapi({ description: "Offsets that it has still to read.", example: 200 }),
    lags: z.array(z.int()).openapi({ description: "The same, by partition.", example: [200] }),
    offsets: z.array(z.int().nullable()).openapi({
      description: "The next offset it reads, by partition; null where it has committed none.",
      example: [1000],
    }),
  })),
}).openapi("Topic");

/** The route, as it is checked and described. */
export const topicsRoute = createRoute({
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
    const groups = await Promise.all(
      Object.values(GROUPS).map(async (group) => ({
        group: group.id,
        topics: group.topics as readonly string[],
        positions: await admin.positions(group),
      })),
    );
    const rows = await Promise.all(TOPIC_NAMES.map(async (topic) => {
      const partitions = await admin.describe(topic);
      return partitions === null ? [] : [topicRow(topic, partitions, groups)];
    }));
    return c.json({ data: rows.flat(), nextCursor: null });
  });
}

/** The log. @throws {RequestProblem} Where this process has none. */
export function logOf(topics: Topics | undefined): Topics {
  if (topics !== undefined) return topics;
  throw new RequestProblem(404, {
    detail: "This process has no topic log: ask one that runs the sampler, aggregator or writer",
  });
}

interface Reader {
  group: string;
  topics: readonly string[];
  positions: Readonly<Record<string, readonly (number | null)[]>>;
}

function topicRow(
  topic: string,
  partitions: readonly PartitionRange[],
  readers: readonly Reader[],
): z.infer<typeof topicSchema> {
  const groups = readers.filter((reader) => reader.topics.includes(topic)).map((reader) => {
    const offsets = partitions.map((_, partition) => reader.positions[topic]?.[partition] ?? null);
    const lags = partitions.map(({ startOffset, endOffset }, partition) =>
      Math.max(0, endOffset - (offsets[partition] ?? startOffset))
    );
    return { group: reader.group, lag: lags.reduce((sum, lag) => sum + lag, 0), lags, offsets };
  });
  return {
    topic,
    partitions: partitions.map((range, partition) => ({ partition, ...range })),
    groups,
  };
}
