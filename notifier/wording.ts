/**
 * Numbers, times and crossings as people read them.
 *
 * @module
 */
import type { Notification } from "../stats/notification.ts";

/** Digits of a price: enough for a cent of a million, and for any small coin. */
const PRICE_DIGITS = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 8 });
/** Digits of a ratio or of a count of deviations. */
const RATIO_DIGITS = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 4 });
const COUNT_DIGITS = new Intl.NumberFormat("en-US");

/** Beyond these a row of zeros says less than an exponent. */
const PLAIN_MIN = 1e-9;
const PLAIN_MAX = 1e15;

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * A price, to 8 digits.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { priceText } from "./wording.ts";
 * strictEqual(priceText(65432.100000000006), "65,432.1");
 * strictEqual(priceText(0.000012345678912), "0.000012345679");
 * ```
 */
export function priceText(price: number): string {
  return numberText(price, PRICE_DIGITS);
}

/** A ratio, to 4 digits. */
export function ratioText(ratio: number): string {
  return numberText(ratio, RATIO_DIGITS);
}

function numberText(value: number, digits: Intl.NumberFormat): string {
  const size = Math.abs(value);
  const isPlain = value === 0 || (size >= PLAIN_MIN && size < PLAIN_MAX);
  return isPlain ? digits.format(value) : `${Number(value.toPrecision(5))}`;
}

/** A count: `9,900`. */
export function countText(count: number): string {
  return COUNT_DIGITS.format(count);
}

/**
 * How long something lasted, in its two greatest units.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { lengthText } from "./wording.ts";
 * strictEqual(lengthText(5_430_000), "1h 30m");
 * strictEqual(lengthText(42_000), "42s");
 * ```
 */
export function lengthText(durationMs: number): string {
  const parts = ([["d", DAY_MS], ["h", HOUR_MS], ["m", MINUTE_MS], ["s", SECOND_MS]] as const)
    .map(([unit, unitMs], i, units) => {
      const inNext = i === 0 ? Infinity : units[i - 1]![1];
      return { unit, count: Math.floor((durationMs % inNext) / unitMs) };
    });
  const first = parts.findIndex(({ count }) => count > 0);
  if (first === -1) return durationMs > 0 ? "less than 1s" : "0s";
  return parts.slice(first, first + 2).filter(({ count }) => count > 0)
    .map(({ unit, count }) => `${count}${unit}`).join(" ");
}

/** A time in UTC: of `nearMs`'s day without its date. */
export function timeText(timeMs: number, nearMs: number): string {
  const [day, time] = new Date(timeMs).toISOString().split("T") as [string, string];
  const isSameDay = new Date(nearMs).toISOString().startsWith(day);
  return `${isSameDay ? "" : `${day} `}${time.slice(0, 8).replace(/:00$/, "")} UTC`;
}

/** What a notification is about: the market or the source. */
export function subjectText({ exchange, instrument, source, subject }: Notification): string {
  if (exchange !== null && instrument !== null) return `${exchange} ${instrument}`;
  return source === null ? subject : `source ${source}`;
}

/** What was found: `1.63 × the mean`. */
export function findingText({ kind, value, price, baseline }: Notification): string {
  switch (kind) {
    case "ratioAbove":
    case "ratioBelow":
      return `${ratioText(value)} × the mean`;
    case "deviation": {
      const isBelow = price !== null && baseline !== null && price < baseline.mean;
      const deviations = `${ratioText(Math.abs(value))} standard deviations`;
      return `${deviations} ${isBelow ? "below" : "above"} the mean`;
    }
    case "marketSilent":
      return `no sample for ${lengthText(value)}`;
    case "sourceSilent":
      return `nothing from it for ${lengthText(value)}`;
  }
}

/** What the price was held against: `mean 40,123.4 of the hour before, n = 60`; empty for silence. */
export function baselineText({ baseline }: Notification): string {
  return baseline === null
    ? ""
    : `mean ${priceText(baseline.mean)} of the hour before, n = ${countText(baseline.count)}`;
}

/** Since when, or how long it lasted. */
export function durationText({ startedMs, endedMs }: Notification, nearMs: number): string {
  return endedMs === null
    ? `since ${timeText(startedMs, nearMs)}`
    : `from ${timeText(startedMs, nearMs)}, over after ${lengthText(endedMs - startedMs)}`;
}

/** A notification in one line without its time. */
export function summaryText(notification: Notification): string {
  const { price } = notification;
  const at = price === null ? ":" : ` at ${priceText(price)},`;
  return `${subjectText(notification)}${at} ${findingText(notification)}`;
}
