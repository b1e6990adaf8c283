/**
 * The statistics store in one SQLite file, by what Deno has built in.
 *
 * @module
 */
import type {
  MarketQuery,
  MarketRow,
  PollRecord,
  StatisticsQueries,
  StatisticsQuery,
  StatisticsRecord,
  StatisticsRow,
  StatisticsSink,
  StatisticsStoreConfig,
} from "../../ports/statistics_store.ts";
import { type Connections, explained, openDatabase, Statements, transaction } from "./database.ts";
import { StatisticsReads } from "./statistics_reads.ts";
import { StatisticsWrites } from "./statistics_writes.ts";

/** Rows of one transaction: some 20 ms, for which nothing else runs in this thread. */
const TRANSACTION_ROWS_MAX = 2000;

/**
 * The store. SQLite runs in this thread: a call blocks it, for a read as long as its `limit` allows,
 * for a write by transactions of {@link TRANSACTION_ROWS_MAX} rows, between which others get their turn.
 *
 * @example
 * ```ts ignore
 * using store = new SqliteStatisticsStore("./data/statistics.db", {
 *   graceMs: 300_000, amendForMs: 21_600_000, partitionCount: 6, keepMs: null,
 * });
 * await store.markets({ limit: 100 });
 * ```
 */
export class SqliteStatisticsStore implements StatisticsSink, StatisticsQueries, Disposable {
  readonly #connections: Connections;
  readonly #writes: StatisticsWrites;
  readonly #reads: StatisticsReads;

  /** @throws {Error} Where the file cannot be opened, is no database, or is of a newer schema; in words for an operator. */
  constructor(private readonly path: string, config: StatisticsStoreConfig) {
    this.#connections = openDatabase(path);
    this.#writes = new StatisticsWrites(new Statements(this.#connections.writer), config);
    this.#reads = new StatisticsReads(new Statements(this.#connections.reader), config);
  }

  async writeStatistics(records: readonly StatisticsRecord[]): Promise<number> {
    let changedCount = 0;
    for (let i = 0; i < records.length; i += TRANSACTION_ROWS_MAX) {
      if (i > 0) await new Promise<void>((resolve) => setTimeout(resolve, 0));
      const slice = records.slice(i, i + TRANSACTION_ROWS_MAX);
      changedCount += this.#write(() => this.#writes.upsert(slice));
    }
    return changedCount;
  }

  // deno-lint-ignore require-await -- the port is asynchronous; errors must reject
  async writePolls(records: readonly PollRecord[]): Promise<void> {
    this.#write(() => this.#writes.upsertPolls(records));
  }

  // deno-lint-ignore require-await -- as above
  async statistics(query: StatisticsQuery): Promise<StatisticsRow[]> {
    return this.#read(() => this.#reads.statistics(query));
  }

  // deno-lint-ignore require-await -- as above
  async latest(query: MarketQuery): Promise<StatisticsRow[]> {
    return this.#read(() => this.#reads.latest(query));
  }

  // deno-lint-ignore require-await -- as above
  async markets(query: MarketQuery): Promise<MarketRow[]> {
    return this.#read(() => this.#reads.markets(query));
  }

  // deno-lint-ignore require-await -- as above
  async sources(): Promise<{ last: PollRecord; lastSuccessMs: number | null }[]> {
    return this.#read(() => this.#reads.sources());
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#connections.reader.close();
    this.#connections.writer.close();
  }

  #write<T>(work: () => T): T {
    return explained(this.path, () => transaction(this.#connections.writer, work));
  }

  /** One read transaction, so that rows and stream times are of one moment. */
  #read<T>(work: () => T): T {
    return explained(this.path, () => transaction(this.#connections.reader, work, "DEFERRED"));
  }
}
