/**
 * Days that are merged, as rows of the table `day_statistics`.
 *
 * @module
 */
import { dayOf, type StoredDay } from "../day_rows.ts";
import type { SqlValue } from "./database.ts";
import { arrayOf, unnested } from "./window_rows.ts";

/** The columns, in the order in which {@link readDay} takes them: the name, the type, and what of a day is there. */
const COLUMNS: readonly (readonly [
  name: string,
  type: string,
  of: (row: StoredDay["row"], liveEndMs: number | null) => number | string | boolean | null,
])[] = [
  ["start_ms", "bigint", (row) => row.startMs],
  ["end_ms", "bigint", (row) => row.endMs],
  ["count", "bigint", (row) => row.count],
  ["mean_hi", "float8", (row) => row.meanHi],
  ["mean_lo", "float8", (row) => row.meanLo],
  ["m2_hi", "float8", (row) => row.m2Hi],
  ["m2_lo", "float8", (row) => row.m2Lo],
  ["min", "float8", (row) => row.min],
  ["max", "float8", (row) => row.max],
  ["open", "float8", (row) => row.openPrice],
  ["open_ms", "bigint", (row) => row.openMs],
  ["close", "float8", (row) => row.closePrice],
  ["close_ms", "bigint", (row) => row.closeMs],
  ["tick_count", "bigint", (row) => row.tickCount],
  ["revision", "bigint", (row) => row.revision],
  ["amended", "boolean", (row) => row.amended],
  ["is_closed", "boolean", (row) => row.state === "closed"],
  ["origin", "text", (row) => row.origin],
  ["live_end_ms", "bigint", (_, liveEndMs) => liveEndMs],
  ["window_count", "integer", (row) => row.parts.windowCount],
  ["scheduled_ms", "bigint", (row) => row.parts.scheduledMs],
  ["scheduled_tick_count", "float8", (row) => row.parts.scheduledTickCount],
];

/** The names of the columns that tell of the windows. */
export const DAY_NAMES = COLUMNS.map(([name]) => name);

const WRITTEN = [["market", "integer"], ["day", "integer"], ...COLUMNS] as const;

/** Puts days in that are not there; takes {@link dayParameters}. */
export const INSERT_DAYS_SQL = `INSERT INTO day_statistics (market, day, ${DAY_NAMES.join(", ")})
  SELECT * FROM ${unnested(WRITTEN)} ORDER BY u.market, u.day`;

/** The values of {@link INSERT_DAYS_SQL}. */
export function dayParameters(
  days: readonly { market: number; day: StoredDay }[],
): SqlValue[] {
  return [
    arrayOf(days.map(({ market }) => market)),
    arrayOf(days.map(({ day }) => dayOf(day.row.startMs))),
    ...COLUMNS.map(([, type, of]) =>
      type === "text"
        ? days.map(({ day }) => of(day.row, day.liveEndMs) as string)
        : arrayOf(days.map(({ day }) => of(day.row, day.liveEndMs) as number | boolean | null))
    ),
  ];
}

/** The day of an array of a market's exchange, instrument, base and quote, and {@link DAY_NAMES}. */
export function readDay(values: readonly unknown[]): StoredDay {
  // Written out, and in the order of all rows: objects of one shape, made twice as fast as by a loop.
  const row = {
    exchange: values[0],
    instrument: values[1],
    base: values[2],
    quote: values[3],
    startMs: values[4],
    endMs: values[5],
    count: values[6],
    meanHi: values[7],
    meanLo: values[8],
    m2Hi: values[9],
    m2Lo: values[10],
    min: values[11],
    max: values[12],
    openPrice: values[13],
    openMs: values[14],
    closePrice: values[15],
    closeMs: values[16],
    tickCount: values[17],
    intervalMs: null,
    revision: values[18],
    state: values[20] ? "closed" : "open",
    amended: values[19],
    origin: values[21],
    parts: {
      windowCount: values[23],
      scheduledMs: values[24],
      scheduledTickCount: values[25],
    },
  } as StoredDay["row"];
  return { row, liveEndMs: values[22] as number | null };
}
