/**
 * `/v1/notifications`: what rules found, by when it started.
 *
 * @module
 */
import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { NotificationQueries } from "../ports/notification_queries.ts";
import { type Notification, RULE_KINDS } from "../stats/notification.ts";
import { TIME_MAX_MS } from "../stats/sample.ts";
import { answerList, formattedListResponses } from "./list.ts";
import { notificationRow, notificationSchema, STATES } from "./notification_row.ts";
import {
  choiceParameter,
  EMPTY_RANGE,
  filterParameter,
  given,
  isRange,
  MARKET_FILTERS,
  pageParameters,
  queryOf,
  timeParameter,
} from "./parameters.ts";
import { badParameter } from "./problem.ts";

const LIST = "notifications";

const sortSchema = z.enum(["startedAt", "-startedAt"], {
  error: "must be startedAt, or -startedAt, which is newest first",
});

/** The order, which a page must share with the next, and the place of the last row. */
const PLACE = z.tuple([sortSchema, z.int(), z.string()]);

/** The route, as it is checked and described. */
export const notificationsRoute = createRoute({
  method: "get",
  path: "/v1/notifications",
  tags: ["notifications"],
  summary: "What rules found, by when it started",
  description:
    "A notification that turns resolved keeps its place, so pages that are read one after the " +
    "other hold every notification that was there at the first of them once, each as it is by " +
    "then; one that is resolved meanwhile is no longer among those of `state=firing`. They are " +
    "kept as long as statistics are.",
  request: {
    query: queryOf({
      rule: filterParameter("Only of this rule", ["tripled"]),
      kind: choiceParameter("Only of rules of this kind", RULE_KINDS, ["ratioAbove", "ratioBelow"]),
      state: choiceParameter("Only in this state", STATES, ["firing"]),
      ...MARKET_FILTERS,
      source: filterParameter("Only about this source", ["kraken"]),
      from: timeParameter(
        "Notifications that started at this time or later: ISO 8601 with an offset, or " +
          "milliseconds since 1970.",
        "2018-04-05T00:00:00Z",
      ),
      to: timeParameter("Notifications that started before this time.", "2018-04-06T00:00:00Z"),
      sort: sortSchema.default("startedAt").openapi({
        description: "startedAt: oldest first; -startedAt: newest first. What started at the " +
          "same time is by id.",
        example: "-startedAt",
        default: "startedAt",
      }),
      ...pageParameters(LIST, PLACE),
    }).refine(isRange, EMPTY_RANGE),
  },
  responses: formattedListResponses(notificationSchema, "Notifications"),
});

/** Adds the route. */
export function routeNotifications(app: OpenAPIHono, queries: NotificationQueries): void {
  app.openapi(notificationsRoute, async (c) => {
    const { cursor, limit, from, to, sort, ...filters } = given(c.req.valid("query"));
    if (cursor !== undefined && cursor[0] !== sort) {
      throw badParameter("cursor", `is of a list that is sorted by ${cursor[0]}`);
    }
    const order = sort === "startedAt" ? "ascending" as const : "descending" as const;
    const range = { ...filters, fromMs: from ?? 0, toMs: to ?? TIME_MAX_MS, order };
    return await answerList(c, { cursor, limit }, {
      list: LIST,
      schema: notificationSchema,
      read: (limit, cursor) =>
        queries.notifications({ ...range, ...afterOf(cursor), limit: limit + 1 }),
      place: ({ startedMs, id }: Notification): z.output<typeof PLACE> => [sort, startedMs, id],
      show: notificationRow,
    });
  });
}

function afterOf(place: z.output<typeof PLACE> | undefined) {
  return place && { after: { startedMs: place[1], id: place[2] } };
}
