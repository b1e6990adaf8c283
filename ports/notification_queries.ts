/**
 * What rules found, as a statistics store keeps it.
 *
 * @module
 */
import type { Notification } from "../stats/notification.ts";
import { ID_LENGTH_MAX } from "../stats/sample.ts";
import { MARKET_FILTER_NAMES, type MarketFilters } from "./market_filters.ts";

/** Longest id of a notification, in UTF-16 units: that of a rule, a market and a time, and what parts them. */
export const NOTIFICATION_ID_LENGTH_MAX = 3 * ID_LENGTH_MAX + 20;

/** Filters on notifications, each as those on markets are: one without a market, or without a source, matches no filter on it. */
export interface NotificationFilters extends MarketFilters {
  rule?: readonly string[];
  kind?: readonly string[];
  state?: readonly string[];
  source?: readonly string[];
}

/** The names of the filters. */
export const NOTIFICATION_FILTER_NAMES = [
  "rule",
  "kind",
  "state",
  "source",
  ...MARKET_FILTER_NAMES,
] as const satisfies readonly (keyof NotificationFilters)[];

/** A place among notifications, as a cursor holds it. A notification that turns resolved keeps it. */
export type NotificationPlace = Pick<Notification, "startedMs" | "id">;

/**
 * Which notifications to read; every filter that is given must match. Reading on after the last one's
 * place, page by page, brings every one that was there at the first page exactly once, as it is when
 * its page is read, whatever is written meanwhile (unless retention deletes it, or it does not match
 * any more: one that turned resolved is gone from those that are firing).
 */
export interface NotificationQuery extends NotificationFilters {
  /** `[fromMs, toMs)` of the times at which they started. */
  fromMs: number;
  toMs: number;
  /** By (startedMs, id): `ascending`, the default, or `descending`. */
  order?: "ascending" | "descending";
  /** Go on after this place, in the order asked for. */
  after?: NotificationPlace;
  /** At most this many, from 1 to `READ_LIMIT_MAX`. */
  limit: number;
}

/** The half of whoever asks what rules found. */
export interface NotificationQueries {
  /** @throws {RangeError} Where `limit` is out of range, or a filter has too many patterns. */
  notifications(query: NotificationQuery): Promise<readonly Notification[]>;
}
