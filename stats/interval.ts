/**
 * The intervals that windows are merged into: hours, days and weeks of UTC.
 *
 * @module
 */

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** The intervals and their sizes in ms. */
export const INTERVAL_SIZES_MS = {
  "1h": HOUR_MS,
  "4h": 4 * HOUR_MS,
  "1d": DAY_MS,
  "1w": 7 * DAY_MS,
} as const;

/** The name of an interval. */
export type Interval = keyof typeof INTERVAL_SIZES_MS;

/** 1970-01-05 was the first Monday. */
const FIRST_MONDAY_MS = 4 * DAY_MS;

/**
 * The start of the interval that holds `timeMs`: in UTC, whatever the machine's time zone, and with
 * weeks that begin on Monday.
 *
 * @param timeMs Ms since the epoch. The first days of 1970 belong to a week that began in 1969.
 *
 * @example
 * ```ts
 * import { intervalStartMs } from "./interval.ts";
 * import { strictEqual } from "node:assert";
 * strictEqual(intervalStartMs(Date.UTC(2018, 3, 5, 17), "1w"), Date.UTC(2018, 3, 2));
 * ```
 */
export function intervalStartMs(timeMs: number, interval: Interval): number {
  const sizeMs = INTERVAL_SIZES_MS[interval];
  const originMs = interval === "1w" ? FIRST_MONDAY_MS : 0;
  return Math.floor((timeMs - originMs) / sizeMs) * sizeMs + originMs;
}
