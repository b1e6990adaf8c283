/**
 * Notifications of the Postgres store: the statements that write and read them.
 *
 * @module
 */
import { onlyIdOf } from "../../ports/market_filters.ts";
import type { NotificationQuery } from "../../ports/notification_queries.ts";
import type { Notification } from "../../stats/notification.ts";
import {
  checkNotificationQuery,
  outlasts,
  type StoredNotification,
  storedNotificationOf,
} from "../notification_rows.ts";
import { Conditions } from "./conditions.ts";
import type { Database, Query, SqlValue } from "./database.ts";
import { arrayOf, unnested } from "./window_rows.ts";

/** Expired rows deleted at once: some hundred ms. */
const EXPIRED_ROWS_MAX = 5000;

/** The columns, and of which field each is. */
const COLUMNS = [
  ["id", "text", "id"],
  ["started_ms", "bigint", "startedMs"],
  ["state", "text", "state"],
  ["rule", "text", "rule"],
  ["kind", "text", "kind"],
  ["exchange", "text", "exchange"],
  ["instrument", "text", "instrument"],
  ["base", "text", "base"],
  ["quote", "text", "quote"],
  ["source", "text", "source"],
  ["notification", "json", null],
] as const;

/** By the rule of `outlasts` of adapters/notification_rows.ts. All lock rows in one order. */
const UPSERT_SQL = `
  INSERT INTO notifications AS n (${COLUMNS.map(([name]) => name).join(", ")})
  SELECT u.* FROM ${unnested(COLUMNS)} ORDER BY u.id COLLATE "C"
  ON CONFLICT (id) DO UPDATE SET
    ${COLUMNS.slice(1).map(([name]) => `${name} = excluded.${name}`).join(", ")}
  WHERE (excluded.state, excluded.notification::text COLLATE "C")
    > (n.state, n.notification::text COLLATE "C")`;

/** Upserts those that are not expired; how many rows changed. */
export async function upsertNotifications(
  query: Query,
  records: readonly Notification[],
  expiredBeforeMs: number,
): Promise<number> {
  // One statement cannot change a row twice.
  const rows = new Map<string, StoredNotification>();
  for (const record of records) {
    if (record.startedMs < expiredBeforeMs) continue;
    const next = storedNotificationOf(record);
    const other = rows.get(record.id);
    if (other === undefined || outlasts(next, other)) rows.set(record.id, next);
  }
  if (rows.size === 0) return 0;
  const values = COLUMNS.map(([, , field]): SqlValue => {
    const each = [...rows.values()];
    if (field === null) return each.map(({ text }) => text);
    const column = each.map(({ notification }) => notification[field]);
    return field === "startedMs" ? arrayOf(column as number[]) : column as (string | null)[];
  });
  return (await query(UPSERT_SQL, values)).changedCount;
}

/** Deletes some of those that started before; whether none are left. */
export async function expireNotifications(query: Query, beforeMs: number): Promise<boolean> {
  const { changedCount } = await query(
    `DELETE FROM notifications WHERE id IN (
       SELECT id FROM notifications WHERE started_ms < $1 ORDER BY started_ms LIMIT $2)`,
    [beforeMs, EXPIRED_ROWS_MAX],
  );
  return changedCount < EXPIRED_ROWS_MAX;
}

/** As the port's `notifications`. */
export async function readNotifications(
  database: Database,
  query: NotificationQuery,
): Promise<Notification[]> {
  checkNotificationQuery(query);
  const { fromMs, toMs, order = "ascending", after, limit } = query;
  const [direction, follows] = order === "ascending" ? ["ASC", ">"] : ["DESC", "<"];
  const where = new Conditions().and("m.started_ms >= ? AND m.started_ms < ?", fromMs, toMs)
    .andMarkets(query)
    .andFilter("rule", query.rule).andFilter("kind", query.kind).andFilter("source", query.source);
  // As the index of these says it, so that it is used.
  if (onlyIdOf(query.state) === "firing") where.and("m.state = 'firing'");
  else where.andFilter("state", query.state);
  if (after !== undefined) {
    where.and(`(m.started_ms, m.id) ${follows} (?, ?)`, after.startedMs, after.id);
  }
  const { rows } = await database.run(
    `SELECT m.notification FROM notifications AS m WHERE ${where}
       ORDER BY m.started_ms ${direction}, m.id ${direction} LIMIT ${where.value(limit)}`,
    where.values,
  );
  return rows.map(([notification]) => notification as Notification);
}
