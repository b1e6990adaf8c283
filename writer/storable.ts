/**
 * What a record must be before a store takes it. The codec has seen to types; a store also needs
 * whole numbers, times and names, and one that refuses a record would stop its partition for good.
 *
 * @module
 */
import type { StatisticsRecord } from "../ports/statistics_store.ts";
import { isId, isTimeMs } from "../stats/sample.ts";

/**
 * Gives the record back.
 *
 * @throws {TypeError} Where no store could keep it; the message names the field.
 */
export function storable(record: StatisticsRecord): StatisticsRecord {
  const { window: w, streamMs } = record;
  const isWhole = (value: number) => Number.isSafeInteger(value) && value >= 0;
  const isName = (value: string | null) => value === null || isId(value);
  const checks: [string, unknown, boolean][] = [
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
  ];
  for (const [field, value, isGood] of checks) {
    if (!isGood) throw new TypeError(`Not a statistics record: ${field} is ${value}`);
  }
  return record;
}
