/**
 * The API as a type, for Hono's typed client: what each route takes and answers, as the schemas say that
 * check requests and make `/openapi.json`. Types alone: a client that imports it runs nothing of it.
 *
 * @module
 */
import type { z } from "@hono/zod-openapi";
import type { Hono } from "hono";
import type { BlankEnv } from "hono/types";
import type { aggregateRoute } from "./aggregate.ts";
import type { aggregateSchema } from "./aggregate_row.ts";
import type { coverageRoute, coverageSchema } from "./coverage.ts";
import type { marketSchema, marketsRoute } from "./markets.ts";
import type { messageSchema, messagesRoute } from "./messages.ts";
import type { notificationSchema } from "./notification_row.ts";
import type { notificationsRoute } from "./notifications.ts";
import type { pollsRoute } from "./polls.ts";
import type { ProblemStatus } from "./problem.ts";
import type { problemSchema } from "./responses.ts";
import type { pollSchema, sourceSchema, sourcesRoute } from "./sources.ts";
import type { latestRoute, windowsRoute } from "./statistics.ts";
import type { statisticsSchema } from "./statistics_row.ts";
import type { streamRoute } from "./stream.ts";
import type { topicSchema, topicsRoute } from "./topics.ts";

/** One market's statistics over one window or interval. */
export type Statistics = z.output<typeof statisticsSchema>;
/** Statistics of a group of markets. */
export type Aggregate = z.output<typeof aggregateSchema>;
/** A market. */
export type Market = z.output<typeof marketSchema>;
/** One crossing of a rule. */
export type Notification = z.output<typeof notificationSchema>;
/** How a source of prices is doing. */
export type Source = z.output<typeof sourceSchema>;
/** What became of one poll. */
export type Poll = z.output<typeof pollSchema>;
/** A window with a gap. */
export type Gap = z.output<typeof coverageSchema>;
/** A topic, and where its readers stand. */
export type Topic = z.output<typeof topicSchema>;
/** A message of a topic. */
export type Message = z.output<typeof messageSchema>;
/** What is answered where there is no answer: RFC 9457. */
export type Problem = z.output<typeof problemSchema>;

/** A page of a list. */
export interface Page<Row> {
  data: Row[];
  /** Pass it as `cursor` for the next page; `null` at the end. */
  nextCursor: string | null;
}

/** A route, as far as its type matters here. */
interface AnyRoute {
  path: string;
  request?: { query?: z.ZodType; params?: z.ZodType };
}

/** `/a/{b}` as Hono writes it: `/a/:b`. */
type HonoPath<Path extends string> = Path extends `${infer Before}{${infer Name}}${infer After}`
  ? `${Before}:${Name}${HonoPath<After>}`
  : Path;

/** What a query may hold: what is read as a number may be given as one. */
type Given<Schema extends z.ZodType> = {
  [Name in keyof z.input<Schema>]:
    | z.input<Schema>[Name]
    | (Name extends keyof z.output<Schema>
      ? number extends NonNullable<z.output<Schema>[Name]> ? number : never
      : never);
};

/** What a route takes. Every parameter of a query may be left out. */
type InputOf<Route extends AnyRoute> =
  & (Route["request"] extends { query: infer Query extends z.ZodType } ? { query?: Given<Query> }
    : unknown)
  & (Route["request"] extends { params: infer Params extends z.ZodType }
    ? { param: z.input<Params> }
    : unknown);

type Endpoint<Input, Answer, Format extends "json" | "text"> =
  | { input: Input; output: Answer; outputFormat: Format; status: 200 }
  | { input: Input; output: Problem; outputFormat: "json"; status: ProblemStatus };

type Get<Route extends AnyRoute, Answer, Format extends "json" | "text" = "json"> = {
  [Path in HonoPath<Route["path"]>]: { $get: Endpoint<InputOf<Route>, Answer, Format> };
};

type Plain<Path extends string, Answer, Format extends "json" | "text" = "json"> = {
  [P in Path]: { $get: Endpoint<Record<never, never>, Answer, Format> };
};

type Routes =
  & Get<typeof marketsRoute, Page<Market>>
  & Get<typeof windowsRoute, Page<Statistics>>
  & Get<typeof latestRoute, Page<Statistics>>
  & Get<typeof aggregateRoute, Page<Aggregate>>
  & Get<typeof streamRoute, string, "text">
  & Get<typeof notificationsRoute, Page<Notification>>
  & Get<typeof sourcesRoute, Page<Source>>
  & Get<typeof pollsRoute, Page<Poll>>
  & Get<typeof coverageRoute, Page<Gap>>
  & Get<typeof topicsRoute, Page<Topic>>
  & Get<typeof messagesRoute, Page<Message>>
  & Plain<"/healthz", { status: "alive" }>
  & Plain<"/readyz", { status: "ready"; roles: string[] }>
  & Plain<"/metrics", string, "text">
  & Plain<"/", { name: string; version: string; simulated: boolean; links: string[] }>
  & Plain<"/openapi.json", object>;

/** The API, for `hc<Api>(url)`. */
export type Api = Hono<BlankEnv, Routes, "/">;
