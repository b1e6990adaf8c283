/**
 * Days that are merged, as rows of the table `day_statistics`; times are ms after the day's start.
 *
 * @module
 */
import { DAY_MS, dayOf, type StoredDay } from "../day_rows.ts";
import type { SqlValue } from "./database.ts";

const COLUMNS =
  "day, start_after_ms, end_after_ms, origin, count, mean_hi, mean_lo, m2_hi, m2_lo, min, max, open, open_after_ms, close, close_after_ms, tick_count, revision, amended, closed, live_end_after_ms, window_count, scheduled_ms, scheduled_tick_count";

/** The columns that {@link readDay} takes, of the market `m` and the day `s`. */
export const DAY_COLUMNS = `m.exchange, m.instrument, m.base, m.quote, ${
  COLUMNS.split(", ").map((column) => `s.${column}`).join(", ")
}`;

/** Puts a day in that is not there; takes {@link dayParameters}. */
export const INSERT_DAY_SQL = `INSERT INTO day_statistics (market, ${COLUMNS})
  VALUES (?, ${COLUMNS.replace(/\w+/g, "?")})`;

/** The values of {@link INSERT_DAY_SQL}. */
export function dayParameters({ row, liveEndMs }: StoredDay, market: number): SqlValue[] {
  const day = dayOf(row.startMs);
  const dayMs = day * DAY_MS;
  return [
    market,
    day,
    row.startMs - dayMs,
    row.endMs - dayMs,
    row.origin === "live" ? null : row.origin,
    row.count,
    row.meanHi,
    row.meanLo,
    row.m2Hi,
    row.m2Lo,
    row.min,
    row.max,
    row.openPrice,
    row.openMs - dayMs,
    row.closePrice,
    row.closeMs - dayMs,
    row.tickCount,
    row.revision,
    Number(row.amended),
    Number(row.state === "closed"),
    liveEndMs === null ? null : liveEndMs - dayMs,
    row.parts.windowCount,
    row.parts.scheduledMs,
    row.parts.scheduledTickCount,
  ];
}

/** The day of an array of {@link DAY_COLUMNS}. */
export function readDay(values: readonly SqlValue[]): StoredDay {
  const number = (i: number) => values[i] as number;
  const dayMs = number(4) * DAY_MS;
  const row: StoredDay["row"] = {
    exchange: values[0] as string,
    instrument: values[1] as string,
    base: values[2] as string | null,
    quote: values[3] as string | null,
    startMs: dayMs + number(5),
    endMs: dayMs + number(6),
    count: number(8),
    meanHi: number(9),
    meanLo: number(10),
    m2Hi: number(11),
    m2Lo: number(12),
    min: number(13),
    max: number(14),
    openPrice: number(15),
    openMs: dayMs + number(16),
    closePrice: number(17),
    closeMs: dayMs + number(18),
    tickCount: number(19),
    intervalMs: null,
    revision: number(20),
    state: number(22) === 1 ? "closed" : "open",
    amended: number(21) === 1,
    origin: (values[7] as string | null) ?? "live",
    parts: {
      windowCount: number(24),
      scheduledMs: number(25),
      scheduledTickCount: number(26),
    },
  };
  return { row, liveEndMs: values[23] === null ? null : dayMs + number(23) };
}
