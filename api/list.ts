/**
 * The form of every list: `{"data": […], "nextCursor": "…" | null}`.
 *
 * @module
 */
import { type RouteConfig, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { encodeCursor } from "./cursor.ts";
import { responsesOf } from "./problem.ts";

/** Documents a list of these rows, and the problems that it can answer with. */
export function listResponses(
  row: z.ZodType,
  description: string,
  ...problems: readonly 404[]
): RouteConfig["responses"] {
  const schema = z.object({
    data: z.array(row),
    nextCursor: z.string().nullable().openapi({
      description: "Pass it as `cursor` for the next page; null at the end.",
    }),
  });
  return responsesOf(
    description,
    { "application/json": { schema } },
    [400, ...problems, 414, 500, 503],
  );
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
