/**
 * Rows of several markets and times as one group. Prices are pooled where all are of one base and
 * quote, from the moments and so exactly; what no unit stands in the way of, the spread of `cv`,
 * `changePct` and `rangePct` over the rows, every group has.
 *
 * @module
 */
import { Distribution, type Spread } from "./distribution.ts";
import { precedes } from "./merge_windows.ts";
import { emptyMoments, merge } from "./moments.ts";
import { type Statistics, statisticsOf, type Summarised } from "./window.ts";

/** What pooling needs of a row: a window, or several of one market merged. */
export interface PoolableRow extends Summarised {
  exchange: string;
  instrument: string;
  base: string | null;
  quote: string | null;
  startMs: number;
  endMs: number;
  openMs: number;
  closeMs: number;
}

/** What a group tells its readers. */
export interface PooledStatistics {
  /** What all the group's markets share; `null` where they differ, or do not say. */
  exchange: string | null;
  instrument: string | null;
  base: string | null;
  quote: string | null;
  /** From the start of its first row to the end of its last. */
  startMs: number;
  endMs: number;
  marketCount: number;
  rowCount: number;
  /** Samples counted. */
  count: number;
  /** Ticks counted ÷ ticks expected in its rows, at most 1; `null` where no schedule is known. */
  coverage: number | null;
  /** Of all samples; `null` where the group mixes units. */
  prices: Omit<Statistics, "count" | "coverage"> | null;
  /** Over the rows that have them. */
  cv: Spread;
  changePct: Spread;
  rangePct: Spread;
}

const NAMES = ["exchange", "instrument", "base", "quote"] as const;

/** A group that rows are added to; it holds 24 bytes of each. */
export class Pool {
  readonly #moments = emptyMoments();
  readonly #cv = new Distribution();
  readonly #changePct = new Distribution();
  readonly #rangePct = new Distribution();
  readonly #shared = { exchange: true, instrument: true, base: true, quote: true };
  #first: PoolableRow | undefined;
  #last: PoolableRow | undefined;
  #opening: PoolableRow | undefined;
  #closing: PoolableRow | undefined;
  #startMs = Infinity;
  #endMs = -Infinity;
  #min = Infinity;
  #max = -Infinity;
  #marketCount = 0;
  #rowCount = 0;
  #count = 0;
  #tickCount = 0;
  #tickCountExpected = 0;

  /** @param row Rows of one market come together, in any order else. */
  add(row: PoolableRow): void {
    this.#note(row);
    this.#rowCount++;
    this.#count += row.count;
    this.#startMs = Math.min(this.#startMs, row.startMs);
    this.#endMs = Math.max(this.#endMs, row.endMs);
    if (row.tickCountExpected !== null) {
      this.#tickCount += row.tickCount;
      this.#tickCountExpected += row.tickCountExpected;
    }
    const { cv, changePct, rangePct } = statisticsOf(row);
    this.#cv.add(cv);
    this.#changePct.add(changePct);
    this.#rangePct.add(rangePct);
    if (this.#isOfOneUnit()) this.#pool(row);
  }

  /** The group's statistics so far. @throws {RangeError} Where it has no rows. */
  read(): PooledStatistics {
    const first = this.#first;
    if (first === undefined) throw new RangeError("Cannot summarise a group of no rows");
    const shared = (name: typeof NAMES[number]) => this.#shared[name] ? first[name] : null;
    return {
      exchange: shared("exchange"),
      instrument: shared("instrument"),
      base: shared("base"),
      quote: shared("quote"),
      startMs: this.#startMs,
      endMs: this.#endMs,
      marketCount: this.#marketCount,
      rowCount: this.#rowCount,
      count: this.#count,
      coverage: this.#tickCountExpected === 0
        ? null
        : Math.min(1, this.#tickCount / this.#tickCountExpected),
      prices: this.#isOfOneUnit() ? this.#prices() : null,
      cv: this.#cv.read(),
      changePct: this.#changePct.read(),
      rangePct: this.#rangePct.read(),
    };
  }

  /** Notes the row's market, and what it shares with all before it. */
  #note(row: PoolableRow): void {
    const last = this.#last;
    this.#last = row;
    if (last?.exchange === row.exchange && last.instrument === row.instrument) return;
    this.#first ??= row;
    this.#marketCount++;
    for (const name of NAMES) this.#shared[name] &&= row[name] === this.#first[name];
  }

  /** One market is of one unit, whatever it is called; several are where all say so. */
  #isOfOneUnit(): boolean {
    const { base, quote } = this.#shared;
    const { base: baseName, quote: quoteName } = this.#first!;
    return this.#marketCount === 1 || (base && quote && baseName !== null && quoteName !== null);
  }

  #pool(row: PoolableRow): void {
    const [opening, closing] = [this.#opening, this.#closing];
    merge(this.#moments, row);
    if (row.min < this.#min) this.#min = row.min;
    if (row.max > this.#max) this.#max = row.max;
    if (opening === undefined || precedes(row, opening, row.openMs - opening.openMs)) {
      this.#opening = row;
    }
    if (closing === undefined || precedes(row, closing, closing.closeMs - row.closeMs)) {
      this.#closing = row;
    }
  }

  #prices(): PooledStatistics["prices"] {
    const { count: _, coverage: __, ...prices } = statisticsOf({
      ...this.#moments,
      min: this.#min,
      max: this.#max,
      openPrice: this.#opening!.openPrice,
      closePrice: this.#closing!.closePrice,
      tickCount: 0,
      tickCountExpected: null,
    });
    return prices;
  }
}
