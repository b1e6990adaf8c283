/**
 * The statistics store in one SQLite file, by what Deno has built in. Any number of processes of one
 * machine may have the file open: writers take turns, and readers wait for nobody. Nothing of the
 * file is remembered between two transactions, so nobody is misled by what another has written.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type {
  CoverageQueries,
  GapQuery,
  GapRow,
  PollCounts,
  PollQuery,
} from "../../ports/coverage_queries.ts";
import type { NotificationQueries, NotificationQuery } from "../../ports/notification_queries.ts";
import type { ChangePage, StatisticsChanges } from "../../ports/statistics_changes.ts";
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
import type { Notification } from "../../stats/notification.ts";
import { systemClock } from "../system_clock.ts";
import {
  type Connections,
  NotMadeYetError,
  openDatabase,
  openDatabaseToRead,
  Statements,
  transaction,
} from "./database.ts";
import { explained, isLocked } from "./errors.ts";
import { StatisticsReads } from "./statistics_reads.ts";
import { StatisticsWrites } from "./statistics_writes.ts";

/** Rows of one transaction: some 20 ms, for which nothing else runs in this thread. */
const TRANSACTION_ROWS_MAX = 2000;
/** How long a write waits for its turn, in ms: many transactions of others, and less than a shutdown may take. */
const TURN_WAIT_MAX_MS = 5_000;
/** Between two tries of a write, in ms: others' transactions take about as long. */
const TURN_INTERVAL_MS = 20;
/** How long processes that make the file at the same moment wait for each other, in ms. */
const OPEN_WAIT_MAX_MS = 30_000;
/** How often one that only reads looks whether the file is there, in ms. */
const LOOK_INTERVAL_MS = 250;

const logger = getLogger(["data-tracker", "sqlite"]);

/** How to open a store. */
export interface OpenOptions {
  /** Open it for reading alone, and wait until another process has made it. */
  isReadOnly?: boolean;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
}

/**
 * Opens the store beside other processes that may be opening, making or writing it at the moment.
 *
 * @throws {Error} As {@link SqliteStatisticsStore}'s constructor; the signal's reason where it aborts.
 */
export async function openSqliteStore(
  path: string,
  config: StatisticsStoreConfig,
  { isReadOnly = false, signal }: OpenOptions = {},
): Promise<SqliteStatisticsStore> {
  const startMs = performance.now();
  let isAwaited = false;
  for (;;) {
    try {
      const store = new SqliteStatisticsStore(path, config, { isReadOnly });
      if (isAwaited) logger.info("The statistics store {path} is there", { path });
      return store;
    } catch (error) {
      if (error instanceof NotMadeYetError) {
        if (!isAwaited) {
          const problem = error.message;
          logger.info("Waiting for a writer to make it: {problem}", { problem });
        }
        isAwaited = true;
      } else if (
        !isLocked((error as Error).cause) || performance.now() - startMs > OPEN_WAIT_MAX_MS
      ) throw error;
    }
    await systemClock.sleep(isAwaited ? LOOK_INTERVAL_MS : turnInterval(), signal);
    signal?.throwIfAborted();
  }
}

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
export class SqliteStatisticsStore
  implements
    StatisticsSink,
    StatisticsQueries,
    StatisticsChanges,
    CoverageQueries,
    NotificationQueries,
    Disposable {
  readonly #connections: Connections;
  readonly #writes: StatisticsWrites | null;
  readonly #reads: StatisticsReads;
  readonly #turnWaitMaxMs: number;

  /** @throws {Error} Where the file cannot be opened, is no database, or is of a newer schema; in words for an operator. */
  constructor(
    private readonly path: string,
    config: StatisticsStoreConfig,
    { isReadOnly = false, turnWaitMaxMs = TURN_WAIT_MAX_MS } = {},
  ) {
    this.#connections = isReadOnly ? openDatabaseToRead(path) : openDatabase(path);
    const { writer, reader } = this.#connections;
    this.#writes = writer && new StatisticsWrites(new Statements(writer), config);
    this.#reads = new StatisticsReads(new Statements(reader), config);
    this.#turnWaitMaxMs = turnWaitMaxMs;
  }

  // deno-lint-ignore require-await -- the port is asynchronous; errors must reject
  async storeId(): Promise<string> {
    return this.#read(() => this.#reads.storeId());
  }

  writeStatistics(records: readonly StatisticsRecord[]): Promise<number> {
    return this.#writeSlices(records, (writes, slice) => writes.upsert(slice));
  }

  writePolls(records: readonly PollRecord[]): Promise<void> {
    return this.#write((writes) => writes.upsertPolls(records));
  }

  writeNotifications(records: readonly Notification[]): Promise<number> {
    return this.#writeSlices(records, (writes, slice) => writes.upsertNotifications(slice));
  }

  // deno-lint-ignore require-await -- the port is asynchronous; errors must reject
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

  // deno-lint-ignore require-await -- as above
  async changes(after: string | null, limit: number): Promise<ChangePage | null> {
    return this.#read(() => this.#reads.changes(after, limit));
  }

  // deno-lint-ignore require-await -- as above
  async polls(query: PollQuery): Promise<PollRecord[]> {
    return this.#read(() => this.#reads.polls(query));
  }

  // deno-lint-ignore require-await -- as above
  async gaps(query: GapQuery): Promise<GapRow[]> {
    return this.#read(() => this.#reads.gaps(query));
  }

  // deno-lint-ignore require-await -- as above
  async pollCounts(
    query: { fromMs: number; toMs: number; windowSizeMs: number },
  ): Promise<PollCounts[]> {
    return this.#read(() => this.#reads.pollCounts(query));
  }

  // deno-lint-ignore require-await -- as above
  async notifications(query: NotificationQuery): Promise<Notification[]> {
    return this.#read(() => this.#reads.notifications(query));
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#connections.reader.close();
    this.#connections.writer?.close();
  }

  /** Transactions of {@link TRANSACTION_ROWS_MAX} rows; how many rows changed. */
  async #writeSlices<T>(
    records: readonly T[],
    work: (writes: StatisticsWrites, slice: readonly T[]) => number,
  ): Promise<number> {
    let changedCount = 0;
    for (let i = 0; i < records.length; i += TRANSACTION_ROWS_MAX) {
      if (i > 0) await new Promise<void>((resolve) => setTimeout(resolve, 0));
      const slice = records.slice(i, i + TRANSACTION_ROWS_MAX);
      changedCount += await this.#write((writes) => work(writes, slice));
    }
    return changedCount;
  }

  /** One transaction, which waits for its turn without blocking this thread. */
  async #write<T>(work: (writes: StatisticsWrites) => T): Promise<T> {
    const { writer } = this.#connections;
    const writes = this.#writes;
    if (writer === null || writes === null) {
      throw new Error(`statistics store ${this.path}: opened for reading alone`);
    }
    const startMs = performance.now();
    for (;;) {
      try {
        return explained(this.path, () => transaction(writer, () => work(writes)));
      } catch (error) {
        const waitedMs = performance.now() - startMs;
        if (!isLocked((error as Error).cause) || waitedMs >= this.#turnWaitMaxMs) throw error;
      }
      await systemClock.sleep(turnInterval());
    }
  }

  /** One read transaction, so that rows and stream times are of one moment. */
  #read<T>(work: () => T): T {
    return explained(this.path, () => transaction(this.#connections.reader, work, "DEFERRED"));
  }
}

/** Never in step with another process that waits as well. */
function turnInterval(): number {
  return TURN_INTERVAL_MS * (0.5 + Math.random());
}
