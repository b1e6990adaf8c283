/**
 * `/v1/topics/{topic}/messages`: what is in a partition of the log, where this process has the log.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { LogRecord } from "../ports/topic_log.ts";
import { encodeCursor } from "./cursor.ts";
import { isoTime, listResponses, timeSchema } from "./list.ts";
import { offsetOfTime, readBackward, readForward, type ReadPartition } from "./message_reading.ts";
import { integerParameter, pageParameters, queryOf, timeParameter } from "./parameters.ts";
import { badParameter, RequestProblem } from "./problem.ts";
import { logOf, TOPIC_NAMES, type Topics } from "./topics.ts";

const PARTITION_MAX = 9999;

/** Longest part of a key to look for, in characters: longer than any market's. */
const KEY_LENGTH_MAX = 300;

const LIST = "messages";
const ORDERS = ["ascending", "descending"] as const;

/** A message. */
export const messageSchema = z.object({
  offset: z.int().openapi({ example: 42 }),
  time: timeSchema.openapi({ description: "When the log took it." }),
  key: z.string().nullable().openapi({ example: "kraken:btcusd" }),
  headers: z.record(z.string(), z.string()).openapi({ example: {} }),
  encoding: z.enum(["json", "base64"]).openapi({ description: "How `value` is shown." }),
  value: z.unknown().openapi({
    description: "null: the record has no value.",
    example: { v: 1, exchange: "kraken", instrument: "btcusd", price: 6770 },
  }),
}).openapi("Message");

/** The route, as it is checked and described. */
export const messagesRoute = createRoute({
  method: "get",
  path: "/v1/topics/{topic}/messages",
  tags: ["operation"],
  summary: "Messages of one partition, by offset",
  request: {
    params: z.object({
      topic: z.enum(TOPIC_NAMES, { error: `must be one of ${TOPIC_NAMES.join(", ")}` })
        .openapi({ description: "As /v1/topics names it.", example: "samples" }),
    }),
    query: queryOf({
      partition: integerParameter(0, PARTITION_MAX, "The partition.").default(0)
        .openapi({ default: 0 }),
      offset: integerParameter(
        0,
        Number.MAX_SAFE_INTEGER,
        "Ascending: the offset to begin at; without it, the least that is kept. Descending: the " +
          "messages before it; without it, the last.",
      ).optional(),
      time: timeParameter(
        "In place of offset: that of the first message which the log took at this time or later.",
        "2018-04-05T10:00:00Z",
      ),
      order: z.enum(ORDERS, { error: `must be ${ORDERS.join(" or ")}` }).default("ascending")
        .openapi({ description: "By offset.", default: "ascending" }),
      key: z.string().max(KEY_LENGTH_MAX, { error: `must be at most ${KEY_LENGTH_MAX} characters` })
        .default("").openapi({
          description: "Only messages whose key contains this; a message without a key has none.",
          example: "btcusd",
        }),
      ...pageParameters(
        LIST,
        z.tuple([z.string(), z.int(), z.enum(ORDERS), z.int().nonnegative()]),
      ),
    }),
  },
  responses: listResponses(messageSchema, "Messages; a page may hold fewer than `limit`", 403, 404),
});

/** Adds the route. */
export function routeMessages(app: OpenAPIHono, topics: Topics | undefined): void {
  app.openapi(messagesRoute, async (c) => {
    const { topic } = c.req.valid("param");
    const { partition, offset, time, order, key, cursor, limit } = c.req.valid("query");
    if (cursor && (cursor[0] !== topic || cursor[1] !== partition || cursor[2] !== order)) {
      throw badParameter("cursor", `is of partition ${cursor[1]} of ${cursor[0]}, ${cursor[2]}`);
    }
    if (offset !== undefined && time !== undefined) {
      throw badParameter("time", "is given beside offset; leave one of them out");
    }
    const from = await readPartition(logOf(topics), topic, partition);
    const place = cursor?.[3] ?? (time === undefined ? offset : await offsetOfTime(from, time));
    const wanted = { limit, matches: (record: LogRecord) => holds(record.key, key) };
    const { records, nextOffset } = order === "ascending"
      ? await readForward(from, place ?? from.startOffset, wanted)
      : await readBackward(from, Math.min(place ?? from.endOffset, from.endOffset), wanted);
    const nextCursor = nextOffset === null
      ? null
      : encodeCursor(LIST, [topic, partition, order, nextOffset]);
    // Written by hand: a value is shown as it stands in the log, digit by digit.
    const body = `{"data":[${records.map(messageText).join(",")}],"nextCursor":${
      JSON.stringify(nextCursor)
    }}`;
    return c.body(body, 200, { "content-type": "application/json" });
  });
}

function holds(key: string | null, part: string): boolean {
  return part === "" || (key !== null && key.includes(part));
}

async function readPartition(
  { admin, log }: Topics,
  topic: string,
  partition: number,
): Promise<ReadPartition> {
  const partitions = await admin.describe(topic);
  const range = partitions?.[partition];
  if (range !== undefined) return { log, topic, partition, ...range };
  const detail = `Topic ${topic} has ${partitions?.length ?? 0} partitions, numbered from 0`;
  throw new RequestProblem(404, { detail, errors: [{ parameter: "partition", detail }] });
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

function messageText({ offset, appendMs, key, headers, value }: LogRecord): string {
  const head = JSON.stringify({ offset, time: isoTime(appendMs), key, headers }).slice(0, -1);
  const json = value === null ? "null" : jsonText(value);
  return json === null
    ? `${head},"encoding":"base64","value":"${value!.toBase64()}"}`
    : `${head},"encoding":"json","value":${json}}`;
}

/** The value's own text where it is JSON, else `null`. */
function jsonText(value: Uint8Array): string | null {
  try {
    const text = utf8.decode(value);
    JSON.parse(text);
    return text;
  } catch {
    return null;
  }
}
