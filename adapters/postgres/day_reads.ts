/**
 * Reads of days: those that are merged are found, the others merged of their windows.
 *
 * @module
 */
import type { DayQuery } from "../../ports/day_statistics.ts";
import { marketOf } from "../../stats/sample.ts";
import { windowKeyOf } from "../../topology.ts";
import { checkDayQuery, DAY_MS, dayOf, mergedDay, type StoredDay } from "../day_rows.ts";
import type { StoredRow } from "../statistics_rows.ts";
import { BY_MARKET, Conditions } from "./conditions.ts";
import type { Query } from "./database.ts";
import { DAY_NAMES, readDay } from "./day_rows.ts";
import { arrayOf, readRow, ROW_COLUMNS, unnested } from "./window_rows.ts";

/** A range of more days is walked from market to market; of fewer, all markets' days lie together. */
const SHORT_RANGE_DAYS = 3;
/** Windows held at once: some 25 MB. */
const WINDOWS_AT_ONCE_MAX = 24_000;

/** In SQL: the times within the day `u.day`. */
const IN_DAY =
  `start_ms >= u.day * ${DAY_MS}::bigint AND start_ms < (u.day + 1) * ${DAY_MS}::bigint`;

/** A day that is not merged. */
export interface UnmergedDay {
  market: number;
  day: number;
}

/** The days of a page, by market and day. Call it within a transaction that reads one moment. */
export async function readDays(query: Query, wanted: DayQuery): Promise<StoredDay[]> {
  checkDayQuery(wanted);
  const { rows } = await query(...pageStatement(wanted));
  const nameCount = 4 + DAY_NAMES.length;
  const unmerged = rows.filter((values) => values[4] === null).map((values): UnmergedDay => ({
    market: values[nameCount] as number,
    day: values[nameCount + 1] as number,
  }));
  if (unmerged.length === 0) return rows.map(readDay);
  const merged = new Map<string, StoredDay>();
  const dayCountMax = await daysOfWindows(query, WINDOWS_AT_ONCE_MAX);
  for (let i = 0; i < unmerged.length; i += dayCountMax) {
    const chunk = unmerged.slice(i, i + dayCountMax);
    for (const { market, day } of await mergeUnmerged(query, chunk)) {
      merged.set(keyOf(market, dayOf(day.row.startMs)), day);
    }
  }
  return rows.map((values) =>
    values[4] !== null
      ? readDay(values)
      : merged.get(keyOf(values[nameCount] as number, values[nameCount + 1] as number))!
  );
}

function keyOf(market: number, day: number): string {
  return `${market} ${day}`;
}

function pageStatement({ fromMs, toMs, after, limit, ...filters }: DayQuery) {
  const where = new Conditions().andMarkets(filters);
  if (after !== undefined) {
    const { exchange, instrument, startMs } = after;
    where.and(`(${BY_MARKET}) >= (?, ?)`, exchange, instrument)
      .and(`(${BY_MARKET}, s.day) > (?, ?, ?)`, exchange, instrument, dayOf(startMs));
  }
  const [from, to] = [dayOf(fromMs), dayOf(toMs)];
  const isShort = to - from <= SHORT_RANGE_DAYS;
  const within = `day >= ${where.value(from)} AND day < ${where.value(to)}`;
  const ofMarket = isShort ? "" : "market = m.id AND";
  // A day without windows is none: an operator may have dropped a month.
  const days = `(
    SELECT market, day, ${DAY_NAMES.join(", ")} FROM day_statistics WHERE ${ofMarket} ${within}
    UNION ALL
    SELECT market, day, ${DAY_NAMES.map(() => "NULL").join(", ")} FROM unmerged_days AS u
      WHERE ${ofMarket} ${within} AND EXISTS (
        SELECT FROM statistics AS w WHERE w.market = u.market AND ${IN_DAY})
    OFFSET 0) AS s`;
  const joined = isShort
    ? `${days} JOIN markets AS m ON m.id = s.market`
    : `markets AS m CROSS JOIN LATERAL ${days}`;
  const columns = ["m.exchange", "m.instrument", "m.base", "m.quote"]
    .concat(DAY_NAMES.map((name) => `s.${name}`), "m.id", "s.day");
  const sql = `SELECT ${columns.join(", ")} FROM ${joined} WHERE ${where}
    ORDER BY ${BY_MARKET}, s.day LIMIT ${where.value(limit)}`;
  return [sql, where.values] as const;
}

/** How many of a market's days have so many windows at most, which are all of one length; at least one. */
export async function daysOfWindows(query: Query, windowCount: number): Promise<number> {
  const { rows: [first] } = await query("SELECT end_ms - start_ms FROM statistics LIMIT 1");
  const windowSizeMs = (first?.[0] as number | undefined) ?? DAY_MS;
  return Math.max(1, Math.floor((windowCount * windowSizeMs) / DAY_MS));
}

/** Merges days of their windows; one that has none is left out. */
export async function mergeUnmerged(
  query: Query,
  days: readonly UnmergedDay[],
): Promise<{ market: number; day: StoredDay }[]> {
  const { rows } = await query(
    `SELECT ${ROW_COLUMNS}, m.id
       FROM ${unnested([["market", "integer"], ["day", "integer"]])}
       JOIN markets AS m ON m.id = u.market CROSS JOIN LATERAL (
         SELECT * FROM statistics WHERE market = u.market AND ${IN_DAY} OFFSET 0) AS s`,
    [arrayOf(days.map(({ market }) => market)), arrayOf(days.map(({ day }) => day))],
  );
  const windows = new Map<string, { market: number; rows: StoredRow[] }>();
  for (const values of rows) {
    const row = readRow(values);
    const key = windowKeyOf(marketOf(row), dayOf(row.startMs));
    const known = windows.get(key);
    if (known === undefined) windows.set(key, { market: values.at(-1) as number, rows: [row] });
    else known.rows.push(row);
  }
  return [...windows.values()].map(({ market, rows }) => ({
    market,
    day: mergedDay(rows.sort((a, b) => a.startMs - b.startMs)),
  }));
}
