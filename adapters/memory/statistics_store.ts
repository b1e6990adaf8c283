/**
 * A statistics store in memory, for tests and simulations: the rules of the port in their plainest
 * form, every read sorting all there is.
 *
 * @module
 */
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
import { marketOf } from "../../stats/sample.ts";
import { windowKeyOf } from "../../topology.ts";
import {
  checkLimit,
  compareMarkets,
  comparePlaces,
  compareText,
  type StoredRow,
  storedRowOf,
  StreamTimes,
  supersedes,
} from "../statistics_rows.ts";

/** What the markets' windows last said of base and quote. */
interface Naming {
  startMs: number;
  base: string | null;
  quote: string | null;
}

/** The store; lost with the process. */
export class MemoryStatisticsStore implements StatisticsSink, StatisticsQueries {
  readonly #rows = new Map<string, StoredRow>();
  readonly #namings = new Map<string, Naming>();
  readonly #polls = new Map<string, Map<number, PollRecord>>();
  readonly #streams: StreamTimes;

  constructor(config: StatisticsStoreConfig) {
    this.#streams = new StreamTimes(config);
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
  async statistics(query: StatisticsQuery): Promise<StatisticsRow[]> {
    checkLimit(query.limit);
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
  #read(query: Pick<MarketQuery, "exchange" | "instrument" | "base" | "quote">): StatisticsRow[] {
    const rows: StatisticsRow[] = [];
    for (const stored of this.#rows.values()) {
      const { base, quote } = this.#namings.get(marketOf(stored))!;
      const row = { ...stored, base, quote, state: this.#streams.stateOf(stored) };
      const matches = (["exchange", "instrument", "base", "quote"] as const)
        .every((field) => query[field] === undefined || query[field] === row[field]);
      if (matches) rows.push(row);
    }
    return rows;
  }

  /** The rows of each market of a page, ascending by start. */
  #byMarket(query: MarketQuery): StatisticsRow[][] {
    checkLimit(query.limit);
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
