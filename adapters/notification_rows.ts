/**
 * What all statistics stores share about notifications: how one is kept, and which of two stands.
 *
 * @module
 */
import { FILTER_PATTERNS_MAX, matchesPatterns } from "../ports/market_filters.ts";
import {
  NOTIFICATION_FILTER_NAMES,
  type NotificationFilters,
  type NotificationPlace,
  type NotificationQuery,
} from "../ports/notification_queries.ts";
import { compareText } from "../ports/order.ts";
import type { Notification } from "../stats/notification.ts";
import { checkLimit } from "./statistics_rows.ts";

/** A notification as it is stored. */
export interface StoredNotification {
  notification: Notification;
  /** All of it, as JSON. */
  text: string;
}

/** Makes what is stored. The fields are in one order, whoever made the notification, so that texts can be compared. */
export function storedNotificationOf(n: Notification): StoredNotification {
  const { baseline } = n;
  const text = JSON.stringify({
    id: n.id,
    state: n.state,
    rule: n.rule,
    kind: n.kind,
    subject: n.subject,
    exchange: n.exchange,
    instrument: n.instrument,
    base: n.base,
    quote: n.quote,
    source: n.source,
    windowStartMs: n.windowStartMs,
    windowEndMs: n.windowEndMs,
    startedMs: n.startedMs,
    endedMs: n.endedMs,
    price: n.price,
    value: n.value,
    threshold: n.threshold,
    baseline: baseline && {
      startMs: baseline.startMs,
      count: baseline.count,
      mean: baseline.mean,
      stddev: baseline.stddev,
    },
    past: n.past,
  });
  return { notification: n, text };
}

/** Reads a stored notification's text. */
export function notificationOf(text: string): Notification {
  return JSON.parse(text) as Notification;
}

/** Whether `next` takes the place of `stored`, another of the same id: the rule of `StatisticsSink.writeNotifications`. */
export function outlasts(next: StoredNotification, stored: StoredNotification): boolean {
  // As the alphabet has it, "resolved" comes after "firing"; SQL counts on it, too.
  const order = compareText(next.notification.state, stored.notification.state) ||
    compareText(next.text, stored.text);
  return order > 0;
}

/** Orders notifications by when they started. */
export function compareStarts(a: NotificationPlace, b: NotificationPlace): number {
  return a.startedMs - b.startedMs || compareText(a.id, b.id);
}

/** Whether a notification matches all filters. */
export function matchesNotification(filters: NotificationFilters, row: Notification): boolean {
  return NOTIFICATION_FILTER_NAMES.every((name) => {
    const [patterns, id] = [filters[name], row[name]];
    return patterns === undefined || (id !== null && matchesPatterns(patterns, id));
  });
}

/** @throws {RangeError} Where a read asks for more than fits into memory, for nothing, or by too many patterns. */
export function checkNotificationQuery({ limit, ...filters }: NotificationQuery): void {
  for (const name of NOTIFICATION_FILTER_NAMES) {
    const patternCount = filters[name]?.length ?? 0;
    if (patternCount <= FILTER_PATTERNS_MAX) continue;
    throw new RangeError(`${name} has ${patternCount} patterns; at most ${FILTER_PATTERNS_MAX} do`);
  }
  checkLimit(limit);
}
