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
  of: (day: StoredDay) => number | string | boolean | null,
])[] = [
  ["start_ms", "bigint", (day) => day.startMs],
  ["end_ms", "bigint", (day) => day.endMs],
  ["count", "bigint", (day) => day.count],
  ["mean_hi", "float8", (day) => day.meanHi],
  ["mean_lo", "float8", (day) => day.meanLo],
  ["m2_hi", "float8", (day) => day.m2Hi],
  ["m2_lo", "float8", (day) => day.m2Lo],
  ["min", "float8", (day) => day.min],
  ["max", "float8", (day) => day.max],
  ["open", "float8", (day) => day.openPrice],
  ["open_ms", "bigint", (day) => day.openMs],
  ["close", "float8", (day) => day.closePrice],
  ["close_ms", "bigint", (day) => day.closeMs],
  ["tick_count", "bigint", (day) => day.tickCount],
  ["revision", "bigint", (day) => day.revision],
  ["amended", "boolean", (day) => day.amended],
  ["is_closed", "boolean", (day) => day.state === "closed"],
  ["origin", "text", (day) => day.origin],
  ["live_end_ms", "bigint", (day) => day.liveEndMs],
  ["window_count", "integer", (day) => day.parts.windowCount],
  ["scheduled_ms", "bigint", (day) => day.parts.scheduledMs],
  ["scheduled_tick_count", "float8", (day) => day.parts.scheduledTickCount],
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
    arrayOf(days.map(({ day }) => dayOf(day.startMs))),
    ...COLUMNS.map(([, type, of]) =>
      type === "text"
        ? days.map(({ day }) => of(day) as string)
        : arrayOf(days.map(({ day }) => of(day) as number | boolean | null))
    ),
  ];
}

/** The day of an array of a market's exchange, instrument, base and quote, and {@link DAY_NAMES}. */
export function readDay(values: readonly unknown[]): StoredDay {
  // Written out, and in the order of all rows: objects of one shape, made twice as fast as by a loop.
  return {
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
    liveEndMs: values[22],
  } as StoredDay;
}
