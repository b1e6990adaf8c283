/**
 * What all statistics stores share: the row that a record makes, which of two rows stands, and which
 * rows are sealed.
 *
 * @module
 */
import {
  FILTER_PATTERNS_MAX,
  MARKET_FILTER_NAMES,
  type MarketFilters,
} from "../ports/market_filters.ts";
import {
  READ_LIMIT_MAX,
  type StatisticsRecord,
  type StatisticsRow,
  type StatisticsStoreConfig,
} from "../ports/statistics_store.ts";
import { compareText } from "../ports/order.ts";
import { marketOf } from "../stats/sample.ts";
import { partitionOf } from "../topology.ts";

const DAY_MS = 86_400_000;

/** A row as it is stored: whether it is sealed is known when it is read. */
export type StoredRow = StatisticsRow & { state: "open" | "closed" };

/** The row of a record. −0 becomes 0, which no store can be trusted to tell apart. */
export function storedRowOf({ window: w, revision }: StatisticsRecord): StoredRow {
  return {
    exchange: w.exchange,
    instrument: w.instrument,
    base: w.base,
    quote: w.quote,
    startMs: w.startMs,
    endMs: w.endMs,
    count: w.count,
    meanHi: w.meanHi + 0,
    meanLo: w.meanLo + 0,
    m2Hi: w.m2Hi + 0,
    m2Lo: w.m2Lo + 0,
    min: w.min + 0,
    max: w.max + 0,
    openPrice: w.openPrice + 0,
    openMs: w.openMs,
    closePrice: w.closePrice + 0,
    closeMs: w.closeMs,
    tickCount: w.ticks?.size ?? 0,
    intervalMs: w.intervalMs,
    revision,
    state: w.closed ? "closed" : "open",
    amended: w.amended,
    origin: w.origin,
  };
}

/** What decides between two rows of one window that count alike and are not both live, in this order. */
const TIE_BREAKERS = [
  "meanHi",
  "meanLo",
  "m2Hi",
  "m2Lo",
  "min",
  "max",
  "openMs",
  "openPrice",
  "closeMs",
  "closePrice",
  "endMs",
  "tickCount",
  "intervalMs",
  "revision",
  "amended",
] as const;

/** Whether `next` takes the place of `stored`, another row of the same window: the rule of `StatisticsSink.writeStatistics`. */
export function supersedes(next: StoredRow, stored: StoredRow): boolean {
  const outranks = rank(next, stored);
  return outranks === "tie" ? sortsFirst(next, stored) : outranks;
}

/** What {@link rank} looks at. */
export type Ranked = Pick<StoredRow, "origin" | "count" | "revision">;

/** The first part of {@link supersedes}, which decides nearly always. */
export function rank(next: Ranked, stored: Ranked): boolean | "tie" {
  const nextLive = next.origin === "live";
  const storedLive = stored.origin === "live";
  if (nextLive && storedLive) return next.revision > stored.revision;
  if (next.count !== stored.count) return next.count > stored.count;
  return nextLive === storedLive ? "tie" : nextLive;
}

/** The second part of {@link supersedes}, after a tie. */
export function sortsFirst(next: StoredRow, stored: StoredRow): boolean {
  const byOrigin = compareText(next.origin, stored.origin);
  if (byOrigin !== 0) return byOrigin < 0;
  for (const field of TIE_BREAKERS) {
    const difference = Number(next[field]) - Number(stored[field]);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** The two greatest stream times of a partition. */
interface StreamTime {
  lastMs: number;
  /** All records of checkpoints up to this one have come, because one of a later has. */
  wholeMs: number;
}

/** Stream times per partition, as the records tell them. */
export class StreamTimes {
  /** What would be sealed by this time is, in whatever partition; `null`: to be found. */
  #sealedToMs: number | null = null;

  constructor(
    private readonly config: StatisticsStoreConfig,
    readonly times: Map<number, StreamTime> = new Map(),
  ) {}

  /** Takes the stream time of a live record in. */
  note({ window, streamMs }: StatisticsRecord): void {
    if (window.origin !== "live") return;
    this.#sealedToMs = null;
    const partition = this.#partition(window);
    const time = this.times.get(partition);
    if (time === undefined) this.times.set(partition, { lastMs: streamMs, wholeMs: -Infinity });
    else if (streamMs > time.lastMs) {
      time.wholeMs = time.lastMs;
      time.lastMs = streamMs;
    } else if (streamMs < time.lastMs && streamMs > time.wholeMs) time.wholeMs = streamMs;
  }

  /** Live rows that start before this are expired; the start of a UTC day. */
  expiredBeforeMs(): number {
    const { keepMs } = this.config;
    if (keepMs === null || this.times.size === 0) return -Infinity;
    const streamMs = Math.max(...[...this.times.values()].map((time) => time.lastMs));
    return Math.floor((streamMs - keepMs) / DAY_MS) * DAY_MS;
  }

  /** The state of a row that is read. */
  stateOf(
    row: Pick<StoredRow, "exchange" | "instrument" | "origin" | "state" | "endMs">,
  ): StatisticsRow["state"] {
    if (row.origin !== "live") return "sealed";
    if (row.state === "open") return "open";
    const sealsAtMs = row.endMs + this.config.graceMs + this.config.amendForMs;
    // Of most rows the partition need not be known, which takes long to find.
    if (sealsAtMs <= (this.#sealedToMs ??= this.#leastWholeMs())) return "sealed";
    const wholeMs = this.times.get(this.#partition(row))?.wholeMs ?? -Infinity;
    return sealsAtMs <= wholeMs ? "sealed" : "closed";
  }

  #leastWholeMs(): number {
    if (this.times.size < this.config.partitionCount) return -Infinity;
    return Math.min(...[...this.times.values()].map(({ wholeMs }) => wholeMs));
  }

  #partition(market: { exchange: string; instrument: string }): number {
    return partitionOf(marketOf(market), this.config.partitionCount);
  }
}

/** @throws {RangeError} Where a read asks for more than fits into memory, for nothing, or by too many patterns. */
export function checkQuery({ limit, ...filters }: MarketFilters & { limit: number }): void {
  for (const name of MARKET_FILTER_NAMES) {
    const patternCount = filters[name]?.length ?? 0;
    if (patternCount <= FILTER_PATTERNS_MAX) continue;
    throw new RangeError(`${name} has ${patternCount} patterns; at most ${FILTER_PATTERNS_MAX} do`);
  }
  checkLimit(limit);
}

/** @throws {RangeError} Where a read would bring more rows than one may. */
export function checkLimit(limit: number): void {
  if (Number.isInteger(limit) && limit >= 1 && limit <= READ_LIMIT_MAX) return;
  throw new RangeError(`limit is ${limit} and must be a whole number from 1 to ${READ_LIMIT_MAX}`);
}
