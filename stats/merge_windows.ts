/**
 * Several windows as one: a day of a market out of its hours, or the markets of one base and quote
 * together. Exact, because the moments are merged, not their means.
 *
 * @module
 */
import { emptyMoments, merge, type Moments } from "./moments.ts";
import { marketOf } from "./sample.ts";
import type { Summarised } from "./window.ts";

/** What merging needs of a window; a row of the store has it. */
export interface MergeableWindow extends Moments {
  exchange: string;
  instrument: string;
  startMs: number;
  endMs: number;
  min: number;
  max: number;
  openPrice: number;
  openMs: number;
  closePrice: number;
  closeMs: number;
  tickCount: number;
  intervalMs: number | null;
  state: "open" | "closed" | "sealed";
  amended: boolean;
  origin: string;
  revision: number;
  /** Where it is itself made of windows: theirs, and `intervalMs` says nothing. */
  parts?: MergedParts;
}

/** What the windows that a row was merged of leave for merging it on. */
export interface MergedParts {
  windowCount: number;
  /** Of the windows that know their schedule: how long they are together, and how many ticks that makes. */
  scheduledMs: number;
  scheduledTickCount: number;
}

/** Windows merged: what {@link import("./window.ts").statisticsOf} needs, and the rest of a row. */
export interface MergedWindow extends Summarised {
  startMs: number;
  endMs: number;
  openMs: number;
  closeMs: number;
  windowCount: number;
  marketCount: number;
  /** Of the window that is the least settled. */
  state: "open" | "closed" | "sealed";
  /** Whether one of the windows was amended. */
  amended: boolean;
  /** The windows' origin, or {@link MIXED_ORIGIN} where they have several. */
  origin: string;
  /** The sum of the windows' revisions: it grows with every change of any, and with one that is new. */
  revision: number;
}

/** The origin of windows that came from several. */
export const MIXED_ORIGIN = "mixed";

const STATES = ["open", "closed", "sealed"] as const;

/**
 * Merges windows into the interval `[startMs, endMs)`, in any order.
 *
 * Where several markets have a price at the very time of opening or closing, that of the market
 * which sorts first stands for both. Ticks are expected in all of the interval, where windows are
 * missing too, as many per time as in the windows that are there.
 *
 * @param windows Of one market, or of markets with one base and quote; disjoint in time for each.
 * @throws {RangeError} Where there is none, or one lies not within the interval.
 */
export function mergeWindows(
  windows: Iterable<MergeableWindow>,
  startMs: number,
  endMs: number,
): MergedWindow {
  const moments = emptyMoments();
  const ticks = new TickSum();
  let [min, max] = [Infinity, -Infinity];
  let opening: MergeableWindow | undefined;
  let closing: MergeableWindow | undefined;
  let origin: string | undefined;
  let state = STATES.length - 1;
  let [windowCount, revision, amended] = [0, 0, false];
  for (const window of windows) {
    if (window.startMs < startMs || window.endMs > endMs) {
      throw new RangeError(
        `Window [${window.startMs}, ${window.endMs}) of ${marketOf(window)}: not within ` +
          `[${startMs}, ${endMs}); merge into an interval that its size divides`,
      );
    }
    merge(moments, window);
    ticks.add(window);
    origin ??= window.origin;
    if (window.origin !== origin) origin = MIXED_ORIGIN;
    if (window.min < min) min = window.min;
    if (window.max > max) max = window.max;
    if (opening === undefined || precedes(window, opening, window.openMs - opening.openMs)) {
      opening = window;
    }
    if (closing === undefined || precedes(window, closing, closing.closeMs - window.closeMs)) {
      closing = window;
    }
    state = Math.min(state, STATES.indexOf(window.state));
    amended ||= window.amended;
    revision += window.revision;
    windowCount += window.parts?.windowCount ?? 1;
  }
  if (opening === undefined || closing === undefined || origin === undefined) {
    throw new RangeError(`No windows to merge into [${startMs}, ${endMs})`);
  }
  return {
    ...moments,
    startMs,
    endMs,
    min,
    max,
    openPrice: opening.openPrice,
    openMs: opening.openMs,
    closePrice: closing.closePrice,
    closeMs: closing.closeMs,
    tickCount: ticks.count,
    tickCountExpected: ticks.expectedIn(endMs - startMs),
    windowCount,
    marketCount: ticks.marketCount,
    state: STATES[state]!,
    amended,
    origin,
    revision,
  };
}

/** Whether `a` goes before `b`: by `order`, and by market where that is 0. */
export function precedes(
  a: { exchange: string; instrument: string },
  b: { exchange: string; instrument: string },
  order: number,
): boolean {
  return order < 0 || (order === 0 &&
    (a.exchange < b.exchange || (a.exchange === b.exchange && a.instrument < b.instrument)));
}

/** The parts of a window, which may be merged itself. */
function partsOf({ startMs, endMs, intervalMs, parts }: MergeableWindow): MergedParts {
  if (parts !== undefined) return parts;
  if (intervalMs === null) return { windowCount: 1, scheduledMs: 0, scheduledTickCount: 0 };
  const sizeMs = endMs - startMs;
  // A schedule slower than the windows has a tick in some of them only.
  const tickCount = intervalMs > sizeMs ? sizeMs / intervalMs : Math.ceil(sizeMs / intervalMs);
  return { windowCount: 1, scheduledMs: sizeMs, scheduledTickCount: tickCount };
}

/** What is to be kept of one market's windows beside what {@link mergeWindows} makes of them. */
export function sumOfParts(windows: Iterable<MergeableWindow>): MergedParts {
  const sum = { windowCount: 0, scheduledMs: 0, scheduledTickCount: 0 };
  for (const window of windows) addParts(sum, window);
  return sum;
}

function addParts(sum: MergedParts, window: MergeableWindow): void {
  const { windowCount, scheduledMs, scheduledTickCount } = partsOf(window);
  sum.windowCount += windowCount;
  sum.scheduledMs += scheduledMs;
  sum.scheduledTickCount += scheduledTickCount;
}

/** Counts ticks, and per market how many there could be. */
class TickSum {
  count = 0;
  #last: MergeableWindow | undefined;
  /** Of the last window's market. */
  #parts = sumOfParts([]);
  /** Of all markets; `null` while there is one, as there mostly is. */
  #markets: Map<string, MergedParts> | null = null;

  get marketCount(): number {
    return this.#markets?.size ?? (this.#last === undefined ? 0 : 1);
  }

  add(window: MergeableWindow): void {
    const last = this.#last ?? window;
    if (window.exchange !== last.exchange || window.instrument !== last.instrument) {
      this.#markets ??= new Map([[marketOf(last), this.#parts]]);
      const market = marketOf(window);
      this.#parts = this.#markets.get(market) ?? sumOfParts([]);
      this.#markets.set(market, this.#parts);
    }
    this.#last = window;
    this.count += window.tickCount;
    addParts(this.#parts, window);
  }

  /** The ticks that all markets could have in `durationMs`; `null` where no schedule is known. */
  expectedIn(durationMs: number): number | null {
    let sum: number | null = null;
    for (const { scheduledMs, scheduledTickCount } of this.#markets?.values() ?? [this.#parts]) {
      if (scheduledMs === 0) continue;
      const expected = Math.round(scheduledTickCount * (durationMs / scheduledMs));
      sum = (sum ?? 0) + Math.max(1, expected);
    }
    return sum;
  }
}
