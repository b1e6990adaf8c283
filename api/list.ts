/**
 * The form of every list: `{"data": […], "nextCursor": "…" | null}`.
 *
 * @module
 */
import { type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { encodeCursor } from "./cursor.ts";
import { formatOf, FORMATS } from "./formats.ts";
import { LIMIT_MAX } from "./parameters.ts";
import { responsesOf } from "./responses.ts";
import { answerRows } from "./row_stream.ts";
import { csv, ndjson, type Row as TextRow } from "./row_text.ts";

/** Documents a list of these rows, and the problems that it can answer with. */
export function listResponses(
  row: z.ZodType,
  description: string,
  ...problems: readonly (403 | 404)[]
): RouteConfig["responses"] {
  const content = { [FORMATS.json]: { schema: listSchema(row) } };
  return responsesOf(description, content, [400, 401, ...problems, 429, 503]);
}

/** The same for a list that {@link answerList} answers with, in every format. */
export function formattedListResponses(
  row: z.ZodObject,
  description: string,
): RouteConfig["responses"] {
  const content = {
    [FORMATS.json]: { schema: listSchema(row) },
    [FORMATS.ndjson]: {
      schema: z.string().openapi({ description: "A row a line, each a JSON object." }),
    },
    [FORMATS.csv]: {
      example: csv(columnsOf(row)).head,
      schema: z.string().openapi({
        description: "RFC 4180, a header line first; null is empty. Times and numbers as in JSON.",
      }),
    },
  };
  return responsesOf(description, content, [400, 401, 406, 429, 503]);
}

/** The columns of CSV: the fields, and each one within another, as `baseline.mean`. */
function columnsOf(row: z.ZodObject): string[] {
  return Object.entries(row.shape).flatMap(([name, field]) => {
    const inner = field instanceof z.ZodNullable ? field.unwrap() : field;
    if (!(inner instanceof z.ZodObject)) return [name];
    return Object.keys(inner.shape).map((innerName) => `${name}.${innerName}`);
  });
}

function listSchema(row: z.ZodType) {
  return z.object({
    data: z.array(row),
    nextCursor: z.string().nullable().openapi({
      description: "Pass it as `cursor` for the next page; null at the end.",
    }),
  });
}

/** How rows of a store become a page of a list. */
export interface PageForm<Row, Shown> {
  /** The list, as its cursors name it. */
  list: string;
  /** The place of a row in the list, as a cursor holds it. */
  place: (row: Row) => unknown;
  show: (row: Row) => Shown;
}

/** Answers with up to `limit` of the rows: one more tells that there is a next page. */
export function answerPage<Row, Shown>(
  c: Context,
  rows: readonly Row[],
  limit: number,
  { list, place, show }: PageForm<Row, Shown>,
): Response {
  const isLast = rows.length <= limit;
  const page = isLast ? rows : rows.slice(0, limit);
  const nextCursor = isLast ? null : encodeCursor(list, place(page.at(-1)!));
  return c.json({ data: page.map(show), nextCursor });
}

/** How a list is read, page by page, and shown in any format. */
export interface ListSource<Place, Row, Shown> extends PageForm<Row, Shown> {
  /** Up to `limit` rows after `place`, or from the start, and one more where there are more. */
  read(limit: number, place: Place | undefined): Promise<readonly Row[]>;
  place: (row: Row) => Place;
  /** Its fields, in their order, are the columns of CSV. */
  schema: z.ZodObject;
  /** Whether every page costs as much as all of them: then `limit` bounds every format. */
  isOnePage?: boolean;
  /** Whether these rows, all that there are, stay what they are and all that there are. */
  isFinal?(rows: readonly Row[]): boolean;
}

/**
 * Answers in the format that `Accept` wants: a page of JSON, or all rows as NDJSON or CSV. There
 * `limit` bounds them only where it is given, or where they are one page.
 */
export async function answerList<Place, Row, Shown extends TextRow>(
  c: Context,
  { cursor, limit }: { cursor?: Place | undefined; limit: number },
  source: ListSource<Place, Row, Shown>,
): Promise<Response> {
  c.header("Vary", "Accept", { append: true });
  const format = formatOf(c);
  if (format === "json") {
    const rows = await source.read(limit, cursor);
    const isWhole = cursor === undefined && rows.length <= limit;
    if (isWhole && source.isFinal?.(rows)) c.set("isFinal", true);
    return answerPage(c, rows, limit, source);
  }
  const text = format === "csv" ? csv(columnsOf(source.schema)) : ndjson;
  const pages = {
    read: source.read,
    place: source.place,
    line: (row: Row) => text.line(source.show(row)),
    ...(source.isOnePage && { pageRowsMax: LIMIT_MAX }),
  };
  const isAll = c.req.query("limit") === undefined && !source.isOnePage;
  const range = { place: cursor, limit: isAll ? Infinity : limit };
  return await answerRows(c, text, pages, range, c.get("streams"));
}

/** A time as the API shows it: ISO 8601 in UTC. */
export function isoTime(timeMs: number): string {
  return new Date(timeMs).toISOString();
}

/** The schema of a {@link isoTime}. */
export const timeSchema = z.iso.datetime().openapi({ example: "2018-04-05T10:00:00.000Z" });

/** The fields that name a market. */
export const MARKET_FIELDS = {
  exchange: z.string().openapi({ example: "kraken" }),
  instrument: z.string().openapi({ example: "btcusd" }),
  base: z.string().nullable().openapi({ example: "btc" }),
  quote: z.string().nullable().openapi({ example: "usd" }),
};
