/**
 * One market's window: its state while it is counted, and the statistics that are read off it.
 *
 * @module
 */
import { add, type Moments, summarise } from "./moments.ts";
import { marketOf, type Sample, sampleTimeMs } from "./sample.ts";
import { TickSet } from "./tick_set.ts";

/** What is kept of one market over `[startMs, endMs)`. Flat, because hundreds of thousands are held at once. */
export interface WindowState extends Moments {
  exchange: string;
  instrument: string;
  base: string | null;
  quote: string | null;
  startMs: number;
  endMs: number;
  min: number;
  max: number;
  openPrice: number;
  /** The sample time of the opening price. */
  openMs: number;
  /** The log offset of the opening sample: orders samples of one time. */
  openOffset: number;
  closePrice: number;
  closeMs: number;
  closeOffset: number;
  /** The ticks counted; `null` while no sample bore one. */
  ticks: TickSet | null;
  /**
   * The greatest spacing among the ticks counted: a cron schedule of every seven minutes has a
   * shorter one at the hour, which says nothing of the rest.
   */
  intervalMs: number | null;
  /** The log offset of the last sample counted. */
  throughOffset: number;
  closed: boolean;
  /** Whether a late sample was counted. */
  amended: boolean;
  /** `live`, or where history came from. */
  origin: string;
}

/** The start of the window of `sizeMs` that holds `timeMs`; UTC, whatever the machine's time zone. */
export function windowStartMs(timeMs: number, sizeMs: number): number {
  return Math.floor(timeMs / sizeMs) * sizeMs;
}

/**
 * An empty window for the market and time of `sample`.
 *
 * Its properties stand in the same order wherever a window is made (the codecs): objects of few
 * shapes keep counting fast.
 */
export function openWindow(sample: Readonly<Sample>, sizeMs: number, origin = "live"): WindowState {
  const startMs = windowStartMs(sampleTimeMs(sample), sizeMs);
  return {
    exchange: sample.exchange,
    instrument: sample.instrument,
    base: sample.base ?? null,
    quote: sample.quote ?? null,
    startMs,
    endMs: startMs + sizeMs,
    count: 0,
    meanHi: 0,
    meanLo: 0,
    m2Hi: 0,
    m2Lo: 0,
    min: Infinity,
    max: -Infinity,
    openPrice: 0,
    openMs: Infinity,
    openOffset: -1,
    closePrice: 0,
    closeMs: -Infinity,
    closeOffset: -1,
    ticks: null,
    intervalMs: null,
    throughOffset: -1,
    closed: false,
    amended: false,
    origin,
  };
}

/** Whether the sample's tick was counted in this window before. */
export function isDuplicate(window: Readonly<WindowState>, sample: Readonly<Sample>): boolean {
  return sample.tickMs !== undefined && window.ticks !== null &&
    window.ticks.has(sample.tickMs - window.startMs);
}

/**
 * Counts a sample into its window, in place.
 *
 * @param sample Of this window's market and time, checked, and no duplicate.
 * @param offset Its offset in the log: among samples of one time, the least opens and the greatest closes.
 */
export function countSample(window: WindowState, sample: Readonly<Sample>, offset: number): void {
  // −0 becomes 0: not every store tells them apart, and a restored window must not differ.
  const price = sample.price + 0;
  const timeMs = sampleTimeMs(sample);
  add(window, price);
  if (price < window.min) window.min = price;
  if (price > window.max) window.max = price;
  if (timeMs < window.openMs || (timeMs === window.openMs && offset < window.openOffset)) {
    window.openPrice = price;
    window.openMs = timeMs;
    window.openOffset = offset;
  }
  if (timeMs > window.closeMs || (timeMs === window.closeMs && offset > window.closeOffset)) {
    window.closePrice = price;
    window.closeMs = timeMs;
    window.closeOffset = offset;
  }
  if (sample.tickMs !== undefined) countTick(window, sample.tickMs, sample.intervalMs ?? null);
  if (sample.base !== undefined) window.base = sample.base;
  if (sample.quote !== undefined) window.quote = sample.quote;
  window.throughOffset = offset;
}

function countTick(window: WindowState, tickMs: number, intervalMs: number | null): void {
  const sizeMs = window.endMs - window.startMs;
  window.ticks ??= TickSet.empty(sizeMs, intervalMs);
  window.ticks.add(tickMs - window.startMs, sizeMs);
  if (intervalMs !== null && (window.intervalMs === null || intervalMs > window.intervalMs)) {
    window.intervalMs = intervalMs;
  }
}

/** The market of a window: `exchange:instrument`. */
export function marketOfWindow(window: Readonly<WindowState>): string {
  return marketOf(window);
}

/** Orders the records of one window: grows with every sample counted and with the closing, and comes from the log. */
export function revisionOf(window: { throughOffset: number; closed: boolean }): number {
  return 2 * (window.throughOffset + 1) + (window.closed ? 1 : 0);
}

/** Ticks that a full window has, where its schedule starts with the window; `null` without a schedule. */
export function ticksExpected(
  window: { startMs: number; endMs: number; intervalMs: number | null },
): number | null {
  if (window.intervalMs === null) return null;
  return Math.ceil((window.endMs - window.startMs) / window.intervalMs);
}

/** What a window tells its readers. Prices in units of quote per base; times in ms since the epoch. */
export interface Statistics {
  count: number;
  min: number;
  max: number;
  mean: number;
  /** n − 1; `null` for one sample. */
  stddev: number | null;
  stddevPopulation: number;
  variance: number | null;
  open: number;
  close: number;
  /** stddev ÷ mean; `null` for one sample or a mean of 0. */
  cv: number | null;
  /** close ÷ open − 1; `null` where the window opened at 0. */
  changePct: number | null;
  /** (max − min) ÷ mean; `null` for a mean of 0. */
  rangePct: number | null;
  /** Ticks counted ÷ ticks expected, at most 1; `null` without a schedule. */
  coverage: number | null;
}

/** What {@link statisticsOf} needs: a window, or several merged. */
export interface Summarised extends Moments {
  min: number;
  max: number;
  openPrice: number;
  closePrice: number;
  /** Ticks counted. */
  tickCount: number;
  /** Ticks that there could be; `null` where no schedule is known. */
  tickCountExpected: number | null;
}

/** Reads the statistics off moments and extremes. */
export function statisticsOf(from: Readonly<Summarised>): Statistics {
  const { mean, variance, stddev, stddevPopulation } = summarise(from);
  return {
    count: from.count,
    min: from.min,
    max: from.max,
    mean,
    stddev,
    stddevPopulation,
    variance,
    open: from.openPrice,
    close: from.closePrice,
    cv: stddev === null || mean === 0 ? null : stddev / mean,
    // Not close ÷ open − 1: that loses the digits that a small change has.
    changePct: from.openPrice === 0 ? null : (from.closePrice - from.openPrice) / from.openPrice,
    rangePct: mean === 0 ? null : (from.max - from.min) / mean,
    // More than expected come where a window saw two schedules.
    coverage: from.tickCountExpected === null
      ? null
      : Math.min(1, from.tickCount / from.tickCountExpected),
  };
}
