/**
 * A statistics store in memory, for tests and simulations: the rules of the port in their plainest
 * form, every read sorting all there is.
 *
 * @module
 */
import { type MarketFilters, matchesFilters } from "../../ports/market_filters.ts";
import { compareMarkets, comparePlaces, compareText } from "../../ports/order.ts";
import type {
  CoverageQueries,
  GapQuery,
  GapRow,
  PollCounts,
  PollQuery,
} from "../../ports/coverage_queries.ts";
import type { NotificationQueries, NotificationQuery } from "../../ports/notification_queries.ts";
import type { ChangePage, StatisticsChanges } from "../../ports/statistics_changes.ts";
import {
  type MarketQuery,
  type MarketRow,
  type PollRecord,
  POLLS_KEEP_MS,
  type StatisticsQueries,
  type StatisticsQuery,
  type StatisticsRecord,
  type StatisticsRow,
  type StatisticsSink,
  type StatisticsStoreConfig,
} from "../../ports/statistics_store.ts";
import type { Notification } from "../../stats/notification.ts";
import { marketOf } from "../../stats/sample.ts";
import { windowKeyOf } from "../../topology.ts";
import {
  checkLimit,
  checkQuery,
  type StoredRow,
  storedRowOf,
  StreamTimes,
  supersedes,
} from "../statistics_rows.ts";
import { gapsOf, pollCountsOf } from "./coverage.ts";
import { MemoryNotifications } from "./notifications.ts";

/** What the markets' windows last said of base and quote. */
interface Naming {
  startMs: number;
  base: string | null;
  quote: string | null;
}

/** The store; lost with the process. */
export class MemoryStatisticsStore
  implements
    StatisticsSink,
    StatisticsQueries,
    StatisticsChanges,
    CoverageQueries,
    NotificationQueries {
  readonly #rows = new Map<string, StoredRow>();
  readonly #namings = new Map<string, Naming>();
  readonly #polls = new Map<string, Map<number, PollRecord>>();
  readonly #notifications = new MemoryNotifications();
  readonly #streams: StreamTimes;
  readonly #id = crypto.randomUUID();
  /** The number of each live window's last change, in the order of changes. */
  readonly #changes = new Map<string, number>();
  #changeCount = 0;

  constructor(config: StatisticsStoreConfig) {
    this.#streams = new StreamTimes(config);
  }

  storeId(): Promise<string> {
    return Promise.resolve(this.#id);
  }

  // deno-lint-ignore require-await -- the port is asynchronous; errors must reject
  async writeStatistics(records: readonly StatisticsRecord[]): Promise<number> {
    for (const record of records) this.#streams.note(record);
    const expiredBeforeMs = this.#streams.expiredBeforeMs();
    let changedCount = 0;
    for (const record of records) {
      const row = storedRowOf(record);
      if (row.origin === "live" && row.startMs < expiredBeforeMs) continue;
      this.#name(row);
      const key = windowKeyOf(marketOf(row), row.startMs);
      const stored = this.#rows.get(key);
      if (stored !== undefined && !supersedes(row, stored)) continue;
      this.#rows.set(key, row);
      this.#changes.delete(key);
      if (row.origin === "live") this.#changes.set(key, ++this.#changeCount);
      changedCount++;
    }
    this.#expire(expiredBeforeMs);
    return changedCount;
  }

  // deno-lint-ignore require-await -- as above
  async writePolls(records: readonly PollRecord[]): Promise<void> {
    for (const record of records) {
      const polls = this.#polls.get(record.source) ?? new Map<number, PollRecord>();
      this.#polls.set(record.source, polls.set(record.tickMs, { ...record }));
      const beforeMs = Math.max(...polls.keys()) - POLLS_KEEP_MS;
      const lastSuccessMs = lastSuccessMsOf(polls);
      for (const tickMs of [...polls.keys()]) {
        if (tickMs < beforeMs && tickMs !== lastSuccessMs) polls.delete(tickMs);
      }
    }
  }

  // deno-lint-ignore require-await -- as above
  async writeNotifications(records: readonly Notification[]): Promise<number> {
    return this.#notifications.upsert(records, this.#streams.expiredBeforeMs());
  }

  // deno-lint-ignore require-await -- as above
  async statistics(query: StatisticsQuery): Promise<StatisticsRow[]> {
    checkQuery(query);
    const { order = "time", after } = query;
    return this.#read(query)
      .filter((row) => row.startMs >= query.fromMs && row.startMs < query.toMs)
      .filter((row) => after === undefined || comparePlaces(order, row, after) > 0)
      .sort((a, b) => comparePlaces(order, a, b))
      .slice(0, query.limit);
  }

  // deno-lint-ignore require-await -- as above
  async latest(query: MarketQuery): Promise<StatisticsRow[]> {
    return this.#byMarket(query).map((rows) => rows.at(-1)!);
  }

  // deno-lint-ignore require-await -- as above
  async markets(query: MarketQuery): Promise<MarketRow[]> {
    return this.#byMarket(query).map((rows) => {
      const { exchange, instrument, base, quote, startMs } = rows.at(-1)!;
      return { exchange, instrument, base, quote, firstMs: rows[0]!.startMs, lastMs: startMs };
    });
  }

  // deno-lint-ignore require-await -- as above
  async sources(): Promise<{ last: PollRecord; lastSuccessMs: number | null }[]> {
    return [...this.#polls.entries()].sort(([a], [b]) => compareText(a, b)).map(([, polls]) => ({
      last: { ...polls.get(Math.max(...polls.keys()))! },
      lastSuccessMs: lastSuccessMsOf(polls),
    }));
  }

  // deno-lint-ignore require-await -- as above
  async changes(after: string | null, limit: number): Promise<ChangePage | null> {
    checkLimit(limit);
    const placeOf = (number: number) => `${this.#id.slice(0, 8)}-${`${number}`.padStart(9, "0")}`;
    const present = placeOf(this.#changeCount);
    if (after === null) return { changes: [], place: present, isFull: false };
    const number = Number(after.slice(9));
    if (placeOf(number) !== after || number > this.#changeCount) return null;
    const changes = [];
    for (const [key, changed] of this.#changes) {
      const stored = this.#rows.get(key);
      if (changed <= number || stored === undefined) continue;
      if (changes.length === limit) break;
      changes.push({ place: placeOf(changed), row: this.#shown(stored) });
    }
    const isFull = changes.length === limit;
    return { changes, place: isFull ? changes.at(-1)!.place : present, isFull };
  }

  // deno-lint-ignore require-await -- as above
  async polls({ source, fromMs, toMs, limit }: PollQuery): Promise<PollRecord[]> {
    checkLimit(limit);
    return [...this.#polls.get(source)?.values() ?? []]
      .filter(({ tickMs }) => tickMs >= fromMs && tickMs < toMs)
      .sort((a, b) => a.tickMs - b.tickMs).slice(0, limit).map((poll) => ({ ...poll }));
  }

  // deno-lint-ignore require-await -- as above
  async gaps(query: GapQuery): Promise<GapRow[]> {
    checkLimit(query.limit);
    return gapsOf(this.#read(query), query);
  }

  // deno-lint-ignore require-await -- as above
  async pollCounts(
    query: { fromMs: number; toMs: number; windowSizeMs: number },
  ): Promise<PollCounts[]> {
    return pollCountsOf([...this.#polls.values()].flatMap((polls) => [...polls.values()]), query);
  }

  // deno-lint-ignore require-await -- as above
  async notifications(query: NotificationQuery): Promise<Notification[]> {
    return this.#notifications.read(query);
  }

  #name({ exchange, instrument, startMs, base, quote }: StoredRow): void {
    const market = marketOf({ exchange, instrument });
    const known = this.#namings.get(market) ?? { startMs: -1, base: null, quote: null };
    const later = startMs - known.startMs || compareText(base ?? "", known.base ?? "") ||
      compareText(quote ?? "", known.quote ?? "");
    const names = base !== null || quote !== null;
    this.#namings.set(market, names && later > 0 ? { startMs, base, quote } : known);
  }

  #expire(beforeMs: number): void {
    if (beforeMs === -Infinity) return;
    this.#notifications.expire(beforeMs);
    const markets = new Set<string>();
    for (const [key, row] of this.#rows) {
      if (row.origin === "live" && row.startMs < beforeMs) this.#rows.delete(key);
      else markets.add(marketOf(row));
    }
    for (const market of [...this.#namings.keys()]) {
      if (!markets.has(market)) this.#namings.delete(market);
    }
  }

  /** The rows that match the filters on markets. */
  #read(filters: MarketFilters): StatisticsRow[] {
    const rows: StatisticsRow[] = [];
    for (const stored of this.#rows.values()) {
      const row = this.#shown(stored);
      if (matchesFilters(filters, row)) rows.push(row);
    }
    return rows;
  }

  #shown(stored: StoredRow): StatisticsRow {
    const { base, quote } = this.#namings.get(marketOf(stored))!;
    return { ...stored, base, quote, state: this.#streams.stateOf(stored) };
  }

  /** The rows of each market of a page, ascending by start. */
  #byMarket(query: MarketQuery): StatisticsRow[][] {
    checkQuery(query);
    const markets: StatisticsRow[][] = [];
    for (const row of this.#read(query).sort((a, b) => comparePlaces("market", a, b))) {
      if (query.after !== undefined && compareMarkets(row, query.after) <= 0) continue;
      const rows = markets.at(-1);
      if (rows !== undefined && compareMarkets(rows[0]!, row) === 0) rows.push(row);
      else markets.push([row]);
    }
    return markets.slice(0, query.limit);
  }
}

function lastSuccessMsOf(polls: ReadonlyMap<number, PollRecord>): number | null {
  const ticks = [...polls.values()].filter((poll) => poll.outcome === "ok").map((p) => p.tickMs);
  return ticks.length === 0 ? null : Math.max(...ticks);
}
