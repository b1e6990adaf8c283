/**
 * Notifications of the SQLite store: the statements that write and read them.
 *
 * @module
 */
import { isOneMarket, onlyIdOf } from "../../ports/market_filters.ts";
import type { NotificationQuery } from "../../ports/notification_queries.ts";
import type { Notification } from "../../stats/notification.ts";
import {
  checkNotificationQuery,
  notificationOf,
  storedNotificationOf,
} from "../notification_rows.ts";
import { Conditions } from "./conditions.ts";
import type { Statements } from "./database.ts";

/** Expired rows deleted with one write: more than come meanwhile, so that deleting keeps up. */
const EXPIRED_ROWS_MAX = 5000;

/** By the rule of `outlasts` of adapters/notification_rows.ts. */
const UPSERT_SQL = `INSERT INTO notifications AS n
    (id, started_ms, state, rule, kind, exchange, instrument, base, quote, source, notification)
  VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
  ON CONFLICT (id) DO UPDATE SET
    started_ms = excluded.started_ms, state = excluded.state, rule = excluded.rule,
    kind = excluded.kind, exchange = excluded.exchange, instrument = excluded.instrument,
    base = excluded.base, quote = excluded.quote, source = excluded.source,
    notification = excluded.notification
  WHERE (excluded.state, excluded.notification) > (n.state, n.notification)`;

/** Upserts those that are not expired; how many rows changed. */
export function upsertNotifications(
  db: Statements,
  records: readonly Notification[],
  expiredBeforeMs: number,
): number {
  let changedCount = 0;
  for (const record of records) {
    if (record.startedMs < expiredBeforeMs) continue;
    const { notification: n, text } = storedNotificationOf(record);
    const names = [n.rule, n.kind, n.exchange, n.instrument, n.base, n.quote, n.source];
    changedCount += db.run(UPSERT_SQL, [n.id, n.startedMs, n.state, ...names, text]);
  }
  return changedCount;
}

/** Deletes some of those that started before. */
export function expireNotifications(db: Statements, beforeMs: number): void {
  db.run(
    `DELETE FROM notifications WHERE id IN (
       SELECT id FROM notifications WHERE started_ms < ? ORDER BY started_ms LIMIT ?)`,
    [beforeMs, EXPIRED_ROWS_MAX],
  );
}

/** As the port's `notifications`. */
export function readNotifications(db: Statements, query: NotificationQuery): Notification[] {
  checkNotificationQuery(query);
  const { fromMs, toMs, order = "ascending", after, limit } = query;
  const [direction, follows] = order === "ascending" ? ["ASC", ">"] : ["DESC", "<"];
  // Each walk is along an index that has the order; one for a market alone, and one for what is firing.
  const plus = isOneMarket(query) ? "" : "+";
  const where = new Conditions().and("m.started_ms >= ? AND m.started_ms < ?", fromMs, toMs)
    .andFilter("exchange", query.exchange, plus).andFilter("instrument", query.instrument, plus)
    .andFilter("base", query.base).andFilter("quote", query.quote)
    .andFilter("rule", query.rule).andFilter("kind", query.kind).andFilter("source", query.source);
  if (onlyIdOf(query.state) === "firing") where.and("m.state = 'firing'");
  else where.andFilter("state", query.state);
  if (after !== undefined) {
    where.and(`(m.started_ms, m.id) ${follows} (?, ?)`, after.startedMs, after.id);
  }
  return db.all(
    `SELECT m.notification FROM notifications AS m WHERE ${where}
       ORDER BY m.started_ms ${direction}, m.id ${direction} LIMIT ?`,
    [...where.values, limit],
  ).map(([text]) => notificationOf(text as string));
}
