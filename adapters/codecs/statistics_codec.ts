/**
 * The `statistics` record: one window, whole enough to be restored from it alone (protocol rule 16).
 * JSON, schema version 1; doubles are written so that they read back to the same bits.
 *
 * @module
 */
import type { StatisticsRecord } from "../../ports/statistics_store.ts";
import { revisionOf, type WindowState } from "../../stats/window.ts";
import { refuseNewer } from "./schema_version.ts";
import { TickSet } from "../../stats/tick_set.ts";

/** The newest schema of a `statistics` record that this program knows. */
export const STATISTICS_VERSION = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Writes a window's record value. */
export function encodeStatistics(window: Readonly<WindowState>, streamMs: number): Uint8Array {
  const w = window;
  return encoder.encode(JSON.stringify({
    v: STATISTICS_VERSION,
    exchange: w.exchange,
    instrument: w.instrument,
    base: w.base,
    quote: w.quote,
    startMs: w.startMs,
    endMs: w.endMs,
    count: w.count,
    min: w.min,
    max: w.max,
    mean: [w.meanHi, w.meanLo],
    m2: [w.m2Hi, w.m2Lo],
    open: [w.openPrice, w.openMs, w.openOffset],
    close: [w.closePrice, w.closeMs, w.closeOffset],
    ticks: w.ticks === null ? null : w.ticks.encode(),
    intervalMs: w.intervalMs,
    throughOffset: w.throughOffset,
    state: w.closed ? "closed" : "open",
    amended: w.amended,
    revision: revisionOf(w),
    origin: w.origin,
    streamMs,
  }));
}

/**
 * Reads a window's record value.
 *
 * @throws {TypeError} Where it is none.
 * @throws {NewerSchemaError} Where a newer program wrote it.
 */
export function decodeStatistics(value: Uint8Array | null): StatisticsRecord {
  if (value === null) throw new TypeError("A statistics record without a value");
  const json = parse(value);
  refuseNewer("statistics", json?.v, STATISTICS_VERSION);
  if (json?.v !== STATISTICS_VERSION) {
    throw new TypeError(`Not a statistics record: v is ${json?.v}`);
  }
  try {
    const window: WindowState = {
      exchange: text(json.exchange),
      instrument: text(json.instrument),
      base: json.base === null ? null : text(json.base),
      quote: json.quote === null ? null : text(json.quote),
      startMs: finite(json.startMs),
      endMs: finite(json.endMs),
      count: finite(json.count),
      meanHi: finite(json.mean[0]),
      meanLo: finite(json.mean[1]),
      m2Hi: finite(json.m2[0]),
      m2Lo: finite(json.m2[1]),
      min: finite(json.min),
      max: finite(json.max),
      openPrice: finite(json.open[0]),
      openMs: finite(json.open[1]),
      openOffset: finite(json.open[2]),
      closePrice: finite(json.close[0]),
      closeMs: finite(json.close[1]),
      closeOffset: finite(json.close[2]),
      ticks: json.ticks === null
        ? null
        : TickSet.decode(text(json.ticks), json.endMs - json.startMs),
      intervalMs: json.intervalMs === null ? null : finite(json.intervalMs),
      throughOffset: finite(json.throughOffset),
      closed: json.state === "closed",
      amended: json.amended === true,
      origin: text(json.origin),
    };
    return { window, revision: revisionOf(window), streamMs: finite(json.streamMs) };
  } catch (cause) {
    throw new TypeError("Not a statistics record", { cause });
  }
}

function finite(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw new TypeError(`Not a number: ${value}`);
  }
  return value;
}

function text(value: unknown): string {
  if (typeof value !== "string") throw new TypeError(`Not a text: ${value}`);
  return value;
}

// deno-lint-ignore no-explicit-any -- every field is checked where it is read
function parse(value: Uint8Array): any {
  try {
    return JSON.parse(decoder.decode(value));
  } catch (cause) {
    throw new TypeError("Not a statistics record: not JSON", { cause });
  }
}
