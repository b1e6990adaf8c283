/**
 * The statistics store in Postgres, for any number of writers and readers. Nothing of the database is
 * remembered that another process could change unseen, but for which tables are there; and that is
 * forgotten when one is missed.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import { formatDuration } from "../../config/duration.ts";
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
  type StatisticsQueries,
  type StatisticsQuery,
  type StatisticsRecord,
  type StatisticsRow,
  type StatisticsSink,
  type StatisticsStoreConfig,
  StoreUnavailableError,
} from "../../ports/statistics_store.ts";
import type { Notification } from "../../stats/notification.ts";
import { OperatorError } from "../../errors.ts";
import { orAborted } from "../../signals.ts";
import { systemClock } from "../system_clock.ts";
import { Database, type Query } from "./database.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import {
  isPartitionMissing,
  isTableMissing,
  misconfigurationOf,
  NotMadeYetError,
} from "./errors.ts";
import { forgetChanges } from "./changes.ts";
import { expireNotifications, readNotifications, upsertNotifications } from "./notifications.ts";
import { BEGIN_ALONE, BEGIN_WRITE, LOCKS, prepare, refuseNewer } from "./schema.ts";
import { StatisticsReads } from "./statistics_reads.ts";
import {
  expiredBefore,
  expireMonths,
  expireRows,
  upsert,
  upsertPolls,
} from "./statistics_writes.ts";

/** Between two looks for a server that is away, or for its tables, in ms. */
const LOOK_INTERVAL_MS = 500;
/** How often old changes are forgotten, in ms. */
const FORGET_INTERVAL_MS = 60_000;
/** How often the waiting, or what hinders retention, is told again, in ms. */
const REMINDER_INTERVAL_MS = 60_000;

const logger = getLogger(["data-tracker", "postgres"]);

/** How to open a store. */
export interface OpenOptions {
  /** Open it for reading alone, and wait until a writer has made its tables. */
  isReadOnly?: boolean;
  /** How long a server that is away is waited for, in ms; for ever, unless given. */
  patienceMs?: number;
  /** Ends the waiting. */
  signal?: AbortSignal | undefined;
  /** For metrics of the connections. */
  registry?: Registry | undefined;
}

/**
 * Opens the store, and makes its tables where they are missing. Waits, and says so, for a server that
 * is away.
 *
 * @param url As psql takes it: `postgres://user:password@host:5432/name?sslmode=verify-full`.
 * @throws {OperatorError} Where waiting would not help: the URL, the login, the database or a
 * privilege is wrong, or the schema is newer than this program's; and where it has lasted too long.
 * @throws The signal's reason, where it aborts.
 */
export async function openPostgresStore(
  url: string,
  config: StatisticsStoreConfig,
  { isReadOnly = false, patienceMs = Infinity, signal, registry }: OpenOptions = {},
): Promise<PostgresStatisticsStore> {
  const address = parseDatabaseUrl(url);
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await Database.open(address, registry));
  const startMs = performance.now();
  for (let saidMs = -Infinity;;) {
    try {
      // A server that is frozen keeps nobody from stopping.
      const preparing = prepare(database, isReadOnly);
      preparing.catch(() => {});
      await orAborted(preparing, signal);
      signal?.throwIfAborted();
      break;
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error;
      const final = misconfigurationOf(error);
      if (final !== null) throw final;
      // Tables come with the first writer, which an API alone may precede by any time.
      if (!(error instanceof NotMadeYetError) && performance.now() - startMs >= patienceMs) {
        throw new OperatorError(error.message, { cause: error });
      }
      if (performance.now() - saidMs >= REMINDER_INTERVAL_MS) {
        saidMs = performance.now();
        logger.warn("Waiting for the statistics store: {problem}", { problem: error.message });
      }
    }
    await systemClock.sleep(LOOK_INTERVAL_MS, signal);
    signal?.throwIfAborted();
  }
  const waitedMs = performance.now() - startMs;
  if (waitedMs >= LOOK_INTERVAL_MS) {
    const duration = formatDuration(Math.round(waitedMs / 1_000) * 1_000);
    logger.info("The statistics store is there, after {duration}", { duration });
  }
  stack.move();
  return new PostgresStatisticsStore(database, config, isReadOnly);
}

/** The store. */
export class PostgresStatisticsStore
  implements
    StatisticsSink,
    StatisticsQueries,
    StatisticsChanges,
    CoverageQueries,
    NotificationQueries,
    AsyncDisposable {
  readonly #reads: StatisticsReads;
  /** The months that have a partition. */
  #months = new Set<number>();
  /** Up to here no live rows are left; before this they are expired. */
  #expiry = { doneMs: 0, beforeMs: 0 };
  /** No notifications are left that started before. */
  #notifiedFromMs = 0;
  #hinderedMs = -Infinity;
  #forgottenMs = -Infinity;

  /** @param database Its tables are there. */
  constructor(
    private readonly database: Database,
    private readonly config: StatisticsStoreConfig,
    private readonly isReadOnly: boolean,
  ) {
    this.#reads = new StatisticsReads(database, config);
  }

  storeId(): Promise<string> {
    return this.#use(async () => {
      const { rows: [row] } = await this.database.run(
        "SELECT store_id, version FROM schema_version",
      );
      const [id, version] = row as [string, number];
      refuseNewer(version, this.database);
      return id;
    });
  }

  async writeStatistics(records: readonly StatisticsRecord[]): Promise<number> {
    if (records.length === 0) return 0;
    const { changedCount, expiredBeforeMs } = await this.#use(async () => {
      const months = new Set(this.#months);
      const upserted = await this.#write((query) => upsert(query, records, this.config, months));
      this.#months = months;
      return upserted;
    });
    await this.#expire(expiredBeforeMs);
    return changedCount;
  }

  async writePolls(records: readonly PollRecord[]): Promise<void> {
    if (records.length === 0) return;
    await this.#use(() => this.#write((query) => upsertPolls(query, records)));
  }

  async writeNotifications(records: readonly Notification[]): Promise<number> {
    if (records.length === 0) return 0;
    return await this.#use(() =>
      this.#write(async (query) =>
        await upsertNotifications(query, records, await expiredBefore(query, this.config))
      )
    );
  }

  statistics(query: StatisticsQuery): Promise<StatisticsRow[]> {
    return this.#use(() => this.#reads.statistics(query));
  }

  latest(query: MarketQuery): Promise<StatisticsRow[]> {
    return this.#use(() => this.#reads.latest(query));
  }

  markets(query: MarketQuery): Promise<MarketRow[]> {
    return this.#use(() => this.#reads.markets(query));
  }

  sources(): Promise<{ last: PollRecord; lastSuccessMs: number | null }[]> {
    return this.#use(() => this.#reads.sources());
  }

  changes(after: string | null, limit: number): Promise<ChangePage | null> {
    return this.#use(() => this.#reads.changes(after, limit));
  }

  polls(query: PollQuery): Promise<PollRecord[]> {
    return this.#use(() => this.#reads.polls(query));
  }

  gaps(query: GapQuery): Promise<GapRow[]> {
    return this.#use(() => this.#reads.gaps(query));
  }

  pollCounts(
    query: { fromMs: number; toMs: number; windowSizeMs: number },
  ): Promise<PollCounts[]> {
    return this.#use(() => this.#reads.pollCounts(query));
  }

  notifications(query: NotificationQuery): Promise<Notification[]> {
    return this.#use(() => readNotifications(this.database, query));
  }

  /** Closes the connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.database[Symbol.asyncDispose]();
  }

  #write<T>(work: (query: Query) => Promise<T>): Promise<T> {
    if (this.isReadOnly) throw new Error("The statistics store was opened for reading alone");
    return this.database.transaction(work, BEGIN_WRITE);
  }

  /** Does something; and once more where tables that were there are missed, after they were made anew. */
  async #use<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const cause = (error as Error).cause as Error | undefined ?? (error as Error);
      if (isTableMissing(cause)) await prepare(this.database, this.isReadOnly);
      else if (!isPartitionMissing(cause)) throw error;
      this.#months.clear();
      return await work();
    }
  }

  /** One step of retention. What hinders it hinders no write: the next one tries again. */
  async #expire(beforeMs: number): Promise<void> {
    const expiry = this.#expiry;
    const forgets = performance.now() - this.#forgottenMs >= FORGET_INTERVAL_MS;
    try {
      if (forgets) {
        this.#forgottenMs = performance.now();
        await this.database.transaction((query) => forgetChanges(query, LOCKS.changes));
      }
      if (beforeMs > this.#notifiedFromMs) {
        const work = (query: Query) => expireNotifications(query, beforeMs);
        if (await this.database.transaction(work, BEGIN_ALONE)) this.#notifiedFromMs = beforeMs;
      }
      if (beforeMs <= expiry.doneMs) return;
      if (beforeMs > expiry.beforeMs) {
        await this.database.transaction((query) => expireMonths(query, beforeMs), BEGIN_ALONE);
        // Somebody else may have written old rows meanwhile: begin at the first there is.
        this.#expiry = { doneMs: 0, beforeMs };
      }
      this.#expiry.doneMs = await this.database.transaction(
        (query) => expireRows(query, this.#expiry.doneMs, beforeMs),
        BEGIN_ALONE,
      );
    } catch (error) {
      if (performance.now() - this.#hinderedMs < REMINDER_INTERVAL_MS) return;
      this.#hinderedMs = performance.now();
      const { message: problem } = error as Error;
      logger.warn("Expired statistics could not be deleted: {problem}; trying again", { problem });
    }
  }
}
