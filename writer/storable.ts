/**
 * What a record must be before a store takes it. The codec has seen to types; a store also needs
 * whole numbers, times and names, and one that refuses a record would stop its partition for good.
 *
 * @module
 */
import { NOTIFICATION_ID_LENGTH_MAX } from "../ports/notification_queries.ts";
import type { StatisticsRecord } from "../ports/statistics_store.ts";
import type { Notification } from "../stats/notification.ts";
import { ID_LENGTH_MAX, isId, isTimeMs } from "../stats/sample.ts";

/** A field, what it is, and whether it may be that. */
type Check = [field: string, value: unknown, isGood: boolean];

/** No control, format or private characters, no half surrogates. */
const TEXT = /^\P{C}+$/u;

function isText(text: string | null, lengthMax = ID_LENGTH_MAX): boolean {
  return text === null || (text.length <= lengthMax && TEXT.test(text));
}

function isName(value: string | null): boolean {
  return value === null || isId(value);
}

function isWhole(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/**
 * Gives the record back.
 *
 * @throws {TypeError} Where no store could keep it; the message names the field.
 */
export function storable(record: StatisticsRecord): StatisticsRecord {
  const { window: w, streamMs } = record;
  refuseBad("statistics", [
    ["exchange", w.exchange, isId(w.exchange)],
    ["instrument", w.instrument, isId(w.instrument)],
    ["base", w.base, isName(w.base)],
    ["quote", w.quote, isName(w.quote)],
    ["origin", w.origin, isId(w.origin)],
    ["startMs", w.startMs, isTimeMs(w.startMs)],
    ["endMs", w.endMs, isTimeMs(w.endMs) && w.endMs > w.startMs],
    ["openMs", w.openMs, isTimeMs(w.openMs) && w.openMs >= w.startMs],
    ["closeMs", w.closeMs, isTimeMs(w.closeMs) && w.closeMs < w.endMs],
    ["count", w.count, isWhole(w.count) && w.count > 0],
    ["intervalMs", w.intervalMs, w.intervalMs === null || isWhole(w.intervalMs)],
    ["throughOffset", w.throughOffset, isWhole(record.revision)],
    ["streamMs", streamMs, isTimeMs(streamMs)],
  ]);
  return record;
}

/**
 * Gives the notification back.
 *
 * @throws {TypeError} Where no store could keep it, or no API show it; the message names the field.
 */
export function storableNotification(notification: Notification): Notification {
  const n = notification;
  const { baseline } = n;
  refuseBad("notifications", [
    ["id", n.id, isText(n.id, NOTIFICATION_ID_LENGTH_MAX)],
    ["rule", n.rule, isText(n.rule)],
    ["subject", n.subject, isText(n.subject, 2 * ID_LENGTH_MAX + 1)],
    ["exchange", n.exchange, isName(n.exchange)],
    ["instrument", n.instrument, isName(n.instrument)],
    ["base", n.base, isName(n.base)],
    ["quote", n.quote, isName(n.quote)],
    ["source", n.source, isText(n.source)],
    ["windowStartMs", n.windowStartMs, isTimeMs(n.windowStartMs)],
    ["windowEndMs", n.windowEndMs, isTimeMs(n.windowEndMs) && n.windowEndMs > n.windowStartMs],
    ["startedMs", n.startedMs, isTimeMs(n.startedMs)],
    ["endedMs", n.endedMs, n.state === "firing" ? n.endedMs === null : isTimeMs(n.endedMs)],
    ["baseline.startMs", baseline?.startMs, baseline === null || isTimeMs(baseline.startMs)],
    ["baseline.count", baseline?.count, baseline === null || isWhole(baseline.count)],
  ]);
  return notification;
}

function refuseBad(what: string, checks: readonly Check[]): void {
  for (const [field, value, isGood] of checks) {
    if (!isGood) throw new TypeError(`Not a ${what} record: ${field} is ${value}`);
  }
}
