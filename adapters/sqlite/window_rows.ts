/**
 * Windows as rows of the tables `statistics` and `open_statistics`.
 *
 * @module
 */
import { DAY_MS, dayOf } from "../day_rows.ts";
import type { StoredRow } from "../statistics_rows.ts";
import type { SqlValue } from "./database.ts";

/** The tables that hold windows; a window is in one of them at most. */
export const WINDOW_TABLES = ["statistics", "open_statistics"] as const;

/** One of the tables that hold windows. */
export type WindowTable = typeof WINDOW_TABLES[number];

/** The table of a row: open live windows are apart. */
export function tableOf(row: Pick<StoredRow, "origin" | "state">): WindowTable {
  return row.origin === "live" && row.state === "open" ? "open_statistics" : "statistics";
}

/** In SQL: the row `s` is of the time and the market id in these columns. (Of columns only: a parameter beyond 31 bits is a REAL, and would not be divided as a whole number.) */
export function atWindow(timeColumn: string, marketColumn: string): string {
  return `s.day = ${timeColumn} / ${DAY_MS} AND s.market = ${marketColumn} AND s.start = ${timeColumn}`;
}

/** In SQL: the row `s` is of the key given; takes {@link keyParameters}. */
export const AT_KEY = "s.day = ? AND s.market = ? AND s.start = ?";

/** The values of {@link AT_KEY}. */
export function keyParameters(startMs: number, market: number): [number, number, number] {
  return [dayOf(startMs), market, startMs];
}

const COLUMNS =
  "size_ms, origin, count, mean_hi, mean_lo, m2_hi, m2_lo, min, max, open, open_after_ms, close, close_after_ms, tick_count, interval_ms, revision, amended, closed";

/** The columns that {@link readRow} takes, of the market `m` and the window `s`. */
export const ROW_COLUMNS = `m.exchange, m.instrument, m.base, m.quote, s.start, ${
  COLUMNS.split(", ").map((column) => `s.${column}`).join(", ")
}`;

/** Per table: puts a row in, in place of one of its window; takes {@link rowParameters}. */
export const REPLACE_SQL = perTable((table) => {
  const columns = `day, market, start, ${COLUMNS}, changed`;
  return `INSERT OR REPLACE INTO ${table} (${columns}) VALUES (${columns.replace(/\w+/g, "?")})`;
});

/** One SQL text per table, made once: a hundred thousand runs should not make it again. */
export function perTable(sqlOf: (table: WindowTable) => string): Record<WindowTable, string> {
  return { statistics: sqlOf("statistics"), open_statistics: sqlOf("open_statistics") };
}

/** The values of {@link REPLACE_SQL}. @param changed The number of this change; 0: none. */
export function rowParameters(row: StoredRow, market: number, changed: number): SqlValue[] {
  return [
    ...keyParameters(row.startMs, market),
    row.endMs - row.startMs,
    row.origin === "live" ? null : row.origin,
    row.count,
    row.meanHi,
    row.meanLo,
    row.m2Hi,
    row.m2Lo,
    row.min,
    row.max,
    row.openPrice,
    row.openMs - row.startMs,
    row.closePrice,
    row.closeMs - row.startMs,
    row.tickCount,
    row.intervalMs,
    row.revision,
    Number(row.amended),
    Number(row.state === "closed"),
    changed,
  ];
}

/** The row of an array of {@link ROW_COLUMNS}. */
export function readRow(values: readonly SqlValue[]): StoredRow {
  const number = (i: number) => values[i] as number;
  const startMs = number(4);
  return {
    exchange: values[0] as string,
    instrument: values[1] as string,
    base: values[2] as string | null,
    quote: values[3] as string | null,
    startMs,
    endMs: startMs + number(5),
    origin: (values[6] as string | null) ?? "live",
    count: number(7),
    meanHi: number(8),
    meanLo: number(9),
    m2Hi: number(10),
    m2Lo: number(11),
    min: number(12),
    max: number(13),
    openPrice: number(14),
    openMs: startMs + number(15),
    closePrice: number(16),
    closeMs: startMs + number(17),
    tickCount: number(18),
    intervalMs: values[19] as number | null,
    revision: number(20),
    amended: number(21) === 1,
    state: number(22) === 1 ? "closed" : "open",
  };
}
