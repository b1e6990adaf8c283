/**
 * Notifications in memory, every read sorting all there are.
 *
 * @module
 */
import type { NotificationQuery } from "../../ports/notification_queries.ts";
import type { Notification } from "../../stats/notification.ts";
import {
  checkNotificationQuery,
  compareStarts,
  matchesNotification,
  notificationOf,
  outlasts,
  type StoredNotification,
  storedNotificationOf,
} from "../notification_rows.ts";

/** The notifications of one store. */
export class MemoryNotifications {
  readonly #rows = new Map<string, StoredNotification>();

  /** Upserts those that are not expired; how many rows changed. */
  upsert(records: readonly Notification[], expiredBeforeMs: number): number {
    let changedCount = 0;
    for (const record of records) {
      if (record.startedMs < expiredBeforeMs) continue;
      const next = storedNotificationOf(record);
      const stored = this.#rows.get(record.id);
      if (stored !== undefined && !outlasts(next, stored)) continue;
      this.#rows.set(record.id, { ...next, notification: notificationOf(next.text) });
      changedCount++;
    }
    return changedCount;
  }

  /** Deletes those that started before. */
  expire(beforeMs: number): void {
    for (const [id, { notification }] of this.#rows) {
      if (notification.startedMs < beforeMs) this.#rows.delete(id);
    }
  }

  /** As the port's `notifications`. */
  read(query: NotificationQuery): Notification[] {
    checkNotificationQuery(query);
    const { fromMs, toMs, after, order = "ascending", limit } = query;
    const sign = order === "ascending" ? 1 : -1;
    return [...this.#rows.values()].map(({ notification }) => notification)
      .filter(({ startedMs }) => startedMs >= fromMs && startedMs < toMs)
      .filter((row) => after === undefined || sign * compareStarts(row, after) > 0)
      .filter((row) => matchesNotification(query, row))
      .sort((a, b) => sign * compareStarts(a, b))
      .slice(0, limit)
      .map((row) => structuredClone(row));
  }
}
