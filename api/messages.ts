/**
 * `/v1/topics/{topic}/messages`: what is in a partition of the log, where this process has the log.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import {
  type FetchedBatch,
  type LogRecord,
  OffsetOutOfRangeError,
  type PartitionRange,
} from "../ports/topic_log.ts";
import { encodeCursor } from "./cursor.ts";
import { isoTime, listResponses, timeSchema } from "./list.ts";
import { integerParameter, pageParameters, queryOf } from "./parameters.ts";
import { badParameter, RequestProblem } from "./problem.ts";
import { logOf, TOPIC_NAMES, type Topics } from "./topics.ts";

/** Most bytes of keys and values that one answer carries: a page of honest records has less. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** Most fetches for one answer: a stretch of a partition may hold nothing visible. */
const FETCH_COUNT_MAX = 20;

const PARTITION_MAX = 9999;
const LIST = "messages";

const messageSchema = z.object({
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

const messagesRoute = createRoute({
  method: "get",
  path: "/v1/topics/{topic}/messages",
  tags: ["operation"],
  summary: "Messages of one partition, by offset",
  request: {
    params: z.object({
      topic: z.enum(TOPIC_NAMES, { error: `must be one of ${TOPIC_NAMES.join(", ")}` })
        .openapi({ example: "samples" }),
    }),
    query: queryOf({
      partition: integerParameter(0, PARTITION_MAX, "The partition.").default(0)
        .openapi({ default: 0 }),
      offset: integerParameter(
        0,
        Number.MAX_SAFE_INTEGER,
        "The offset to begin at; without it, the least that is kept.",
      ).optional(),
      ...pageParameters(LIST, z.tuple([z.string(), z.int(), z.int().nonnegative()])),
    }),
  },
  responses: listResponses(messageSchema, "Messages; a page may hold fewer than `limit`", 404),
});

/** Adds the route. */
export function routeMessages(app: OpenAPIHono, topics: Topics | undefined): void {
  app.openapi(messagesRoute, async (c) => {
    const { topic } = c.req.valid("param");
    const { partition, cursor, limit, ...query } = c.req.valid("query");
    if (cursor && (cursor[0] !== topic || cursor[1] !== partition)) {
      throw badParameter("cursor", `is of partition ${cursor[1]} of ${cursor[0]}`);
    }
    const { admin, log } = logOf(topics);
    const range = await rangeOf(admin, topic, partition);
    const offset = cursor?.[2] ?? query.offset ?? range.startOffset;
    const { records, nextOffset } = await read(log, topic, partition, offset, limit);
    const nextCursor = nextOffset === null
      ? null
      : encodeCursor(LIST, [topic, partition, nextOffset]);
    // Written by hand: a value is shown as it stands in the log, digit by digit.
    const body = `{"data":[${records.map(messageText).join(",")}],"nextCursor":${
      JSON.stringify(nextCursor)
    }}`;
    return c.body(body, 200, { "content-type": "application/json" });
  });
}

async function rangeOf(
  admin: Topics["admin"],
  topic: string,
  partition: number,
): Promise<PartitionRange> {
  const partitions = await admin.describe(topic);
  const range = partitions?.[partition];
  if (range !== undefined) return range;
  const detail = `Topic ${topic} has ${partitions?.length ?? 0} partitions, numbered from 0`;
  throw new RequestProblem(404, { detail, errors: [{ parameter: "partition", detail }] });
}

/** Up to `limit` records, and where to go on; `null` at the end. */
async function read(
  log: Topics["log"],
  topic: string,
  partition: number,
  offset: number,
  limit: number,
): Promise<{ records: LogRecord[]; nextOffset: number | null }> {
  const records: LogRecord[] = [];
  let byteCount = 0;
  let nextOffset = offset;
  for (let i = 0; i < FETCH_COUNT_MAX; i++) {
    const byteCountMax = ANSWER_BYTES_MAX - byteCount;
    const batch = await fetchAt(log, topic, partition, nextOffset, byteCountMax);
    for (const record of batch.records) {
      if (records.length === limit) return { records, nextOffset: record.offset };
      records.push(record);
      byteCount += record.value?.length ?? 0;
    }
    nextOffset = batch.nextOffset;
    if (nextOffset >= batch.endOffset) return { records, nextOffset: null };
    if (records.length === limit || byteCount >= ANSWER_BYTES_MAX) break;
  }
  return { records, nextOffset };
}

async function fetchAt(
  log: Topics["log"],
  topic: string,
  partition: number,
  offset: number,
  byteCountMax: number,
): Promise<FetchedBatch> {
  try {
    return await log.fetch(topic, partition, offset, { byteCountMax, waitMaxMs: 0 });
  } catch (error) {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
    const detail = `Offset ${offset} is outside partition ${partition} of ${topic}, which holds ` +
      `${error.startOffset} to ${error.endOffset}`;
    throw new RequestProblem(404, { detail, errors: [{ parameter: "offset", detail }] });
  }
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
