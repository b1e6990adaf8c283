/**
 * What one channel wants to hear of, and how its digests are timed. Pure.
 *
 * @module
 */
import { type MarketFilters, matchesFilters, matchesPattern } from "../ports/market_filters.ts";
import type { Notification } from "../stats/notification.ts";

/** What notifications can be gathered by. */
export type GroupLabel = "rule" | "exchange" | "instrument" | "base" | "quote" | "source";

/** What the notifier must know of a channel. Times in ms. */
export interface DigestPolicy {
  /** The channel's. */
  name: string;
  /** What the notifications of one digest have in common; empty: everything goes together. */
  groupBy: readonly GroupLabel[];
  /** How long the first news of a group wait for others. */
  waitMs: number;
  /** The least time between two digests of one group. */
  intervalMs: number;
  /** How long after a digest it is told again what goes on firing; `null`: never. */
  repeatMs: number | null;
  /** Patterns of rules' names, of which one must match. */
  rules: readonly string[];
  /** Which markets it is told of; one that is given matches no source. */
  filters: MarketFilters;
  /** Whether it is told that what it was told of is over. */
  sendResolved: boolean;
}

/** The values of a channel's `groupBy`, in its order; `null` where the notification has none. */
export type Labels = Readonly<Record<string, string | null>>;

/** Whether a channel is to hear of a notification. */
export function isWanted({ rules, filters }: DigestPolicy, notification: Notification): boolean {
  return rules.some((pattern) => matchesPattern(pattern, notification.rule)) &&
    matchesFilters(filters, notification);
}

/** What a notification is gathered by. */
export function labelsOf(groupBy: readonly GroupLabel[], notification: Notification): Labels {
  return Object.fromEntries(groupBy.map((label) => [label, notification[label]]));
}

/** The key of a group's state in topic `deliveries`. */
export function groupKeyOf(channel: string, labels: Labels): string {
  return `group/${channel}/${JSON.stringify(labels)}`;
}

/** Whether a group is gathered by these labels, and not by those of an earlier configuration. */
export function isGroupedBy(labels: Labels, groupBy: readonly GroupLabel[]): boolean {
  return Object.keys(labels).join() === groupBy.join();
}
