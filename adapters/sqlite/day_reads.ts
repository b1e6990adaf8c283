/**
 * Reads of days: those that are merged are found, the others merged of their windows.
 *
 * @module
 */
import type { DayQuery, DayRow } from "../../ports/day_statistics.ts";
import type { RowPlace, StatisticsStoreConfig } from "../../ports/statistics_store.ts";
import {
  checkDayQuery,
  compareDays,
  DAY_MS,
  dayOf,
  mergedDay,
  shownDay,
  type StoredDay,
} from "../day_rows.ts";
import type { StoredRow } from "../statistics_rows.ts";
import { Conditions } from "./conditions.ts";
import type { SqlValue, Statements } from "./database.ts";
import { DAY_COLUMNS, readDay } from "./day_rows.ts";
import { readStreamTimes } from "./stream_times.ts";
import { atWindow, perTable, readRow, ROW_COLUMNS } from "./window_rows.ts";

/** The windows of a market's day, in no order; those that are open are found from start to start. */
const WINDOWS_SQL = perTable((table) =>
  table === "statistics"
    ? `SELECT ${ROW_COLUMNS} FROM markets AS m
         CROSS JOIN statistics AS s ON s.day = ?1 AND s.market = m.id WHERE m.id = ?2`
    : `SELECT ${ROW_COLUMNS} FROM markets AS m CROSS JOIN starts AS t
         CROSS JOIN open_statistics AS s ON ${atWindow("t.start", "m.id")}
         WHERE m.id = ?2 AND t.start >= ?1 * ${DAY_MS} AND t.start < (?1 + 1) * ${DAY_MS}`
);

type DayKey = [day: number, market: number];

/** As the port's. Call it within a read transaction. */
export function readDays(
  db: Statements,
  config: StatisticsStoreConfig,
  query: DayQuery,
): DayRow[] {
  checkDayQuery(query);
  const { after, limit } = query;
  const range = { from: dayOf(query.fromMs), to: dayOf(query.toMs) };
  const streams = readStreamTimes(db, config);
  const markets = () => new Conditions().andMarkets(query);
  // As pages of windows are read: what is left of the place's market, and then all that follow it.
  const days = after === undefined ? readPage(db, markets(), range, limit) : readPage(
    db,
    markets().andMarket({ exchange: after.exchange, instrument: after.instrument }),
    { ...range, from: Math.max(range.from, dayOf(after.startMs) + 1) },
    limit,
  );
  if (after !== undefined && days.length < limit) {
    days.push(...readPage(db, markets().andAfter(after), range, limit - days.length));
  }
  return days.map((day) => shownDay(day, streams));
}

/** Days `[from, to)`, by market and day. */
function readPage(
  db: Statements,
  where: Conditions,
  { from, to }: { from: number; to: number },
  limit: number,
): StoredDay[] {
  const page = (table: string, columns: string) =>
    db.all(
      `SELECT ${columns} FROM markets AS m CROSS JOIN days AS t
         CROSS JOIN ${table} AS s ON s.day = t.day AND s.market = m.id
         WHERE t.day >= ? AND t.day < ? AND ${where}
         ORDER BY m.exchange, m.instrument, t.day LIMIT ?`,
      [from, to, ...where.values, limit],
    );
  const merged = page("day_statistics", DAY_COLUMNS).map(readDay);
  const [isUnmerged] = db.get(
    "SELECT EXISTS (SELECT 1 FROM unmerged_days WHERE day >= ? AND day < ?)",
    [from, to],
  ) as [number];
  if (isUnmerged === 0) return merged;
  const names = page("unmerged_days", "m.exchange, m.instrument, m.id, s.day");
  const places = names.map(placeOf);
  // Those beyond the page need not be merged.
  const chosen = [...merged, ...places].sort((a, b) => compareDays(a.row, b.row)).slice(0, limit);
  const openFromDay = readOpenFromDay(db);
  return chosen.map((day) => "key" in day ? mergeDay(db, day.key, openFromDay) : day);
}

function placeOf([exchange, instrument, market, day]: SqlValue[]): { row: RowPlace; key: DayKey } {
  const startMs = (day as number) * DAY_MS;
  return {
    row: { exchange: exchange as string, instrument: instrument as string, startMs },
    key: [day as number, market as number],
  };
}

/** The first day that has open windows. */
export function readOpenFromDay(db: Statements): number {
  const [startMs] = db.get("SELECT min(start) FROM open_statistics") as [number | null];
  return startMs === null ? Infinity : dayOf(startMs);
}

/** Merges a day of its windows, of which there are some. */
export function mergeDay(
  db: Statements,
  key: DayKey,
  openFromDay: number,
): StoredDay {
  const windows: StoredRow[] = db.all(WINDOWS_SQL.statistics, key).map(readRow);
  if (key[0] >= openFromDay) windows.push(...db.all(WINDOWS_SQL.open_statistics, key).map(readRow));
  return mergedDay(windows.sort((a, b) => a.startMs - b.startMs));
}
