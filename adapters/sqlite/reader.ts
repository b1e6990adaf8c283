/**
 * Reads of the SQLite store off the main thread: while a heavy one is under way, the program goes on
 * counting and writing. A read waits for its turn in a queue that is bounded in length and in time.
 *
 * @module
 */
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
  type StatisticsRow,
  type StatisticsStoreConfig,
  StoreBusyError,
  StoreUnavailableError,
} from "../../ports/statistics_store.ts";
import type { Notification } from "../../stats/notification.ts";
import { type Answer, errorOf, type Opening, type ReadName } from "./reader_protocol.ts";

/** Threads of one reader: a second one, so that what is quick need not wait for what is not; each takes some 20 MB. */
const THREAD_COUNT_MAX = 2;
/** So long a read waits before a second thread is made for it, in ms: most reads take less. */
const CONGESTION_MS = 100;
/** Most reads that wait: some seconds of usual ones. */
const WAITING_COUNT_MAX = 100;
/** Longest time of a read, its waiting included, in ms: less than the API's own limit, so that it is this that ends. */
const READ_TIME_MAX_MS = 9_000;

/** How to read; each is as this file has it unless given. */
export interface ReaderOptions {
  threadCountMax?: number;
  waitingCountMax?: number;
  readTimeMaxMs?: number;
}

/** A read that somebody awaits. */
interface Read {
  name: ReadName;
  parameters: readonly unknown[];
  settle: PromiseWithResolvers<unknown>;
  timer: ReturnType<typeof setTimeout>;
}

/**
 * The API's half of a store, read in threads of its own. The first is made with the first read. A read
 * that is given up ends at its next statement; until then its thread is taken.
 */
export class SqliteReader
  implements
    StatisticsQueries,
    StatisticsChanges,
    CoverageQueries,
    NotificationQueries,
    Disposable {
  readonly #threads = new Set<ReaderThread>();
  #waiting: Read[] = [];
  #congestion: ReturnType<typeof setTimeout> | undefined;
  #isClosed = false;
  readonly #limits: Required<ReaderOptions>;

  constructor(
    private readonly path: string,
    private readonly config: StatisticsStoreConfig,
    limits: ReaderOptions = {},
  ) {
    this.#limits = {
      threadCountMax: THREAD_COUNT_MAX,
      waitingCountMax: WAITING_COUNT_MAX,
      readTimeMaxMs: READ_TIME_MAX_MS,
      ...limits,
    };
  }

  statistics(query: StatisticsQuery): Promise<StatisticsRow[]> {
    return this.#read("statistics", query);
  }

  latest(query: MarketQuery): Promise<StatisticsRow[]> {
    return this.#read("latest", query);
  }

  markets(query: MarketQuery): Promise<MarketRow[]> {
    return this.#read("markets", query);
  }

  sources(): Promise<{ last: PollRecord; lastSuccessMs: number | null }[]> {
    return this.#read("sources");
  }

  changes(after: string | null, limit: number): Promise<ChangePage | null> {
    return this.#read("changes", after, limit);
  }

  polls(query: PollQuery): Promise<PollRecord[]> {
    return this.#read("polls", query);
  }

  gaps(query: GapQuery): Promise<GapRow[]> {
    return this.#read("gaps", query);
  }

  pollCounts(
    query: { fromMs: number; toMs: number; windowSizeMs: number },
  ): Promise<PollCounts[]> {
    return this.#read("pollCounts", query);
  }

  notifications(query: NotificationQuery): Promise<Notification[]> {
    return this.#read("notifications", query);
  }

  /** Ends the threads; reads under way are given up. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    clearTimeout(this.#congestion);
    const error = new StoreUnavailableError(`statistics store ${this.path}: it is being closed`);
    for (const read of this.#waiting.splice(0)) end(read, () => read.settle.reject(error));
    for (const thread of [...this.#threads]) thread.close(error);
  }

  // deno-lint-ignore require-await -- the port is asynchronous; errors must reject
  async #read<T>(name: ReadName, ...parameters: readonly unknown[]): Promise<T> {
    const place = `statistics store ${this.path}`;
    if (this.#isClosed) throw new StoreUnavailableError(`${place}: it is closed`);
    const { waitingCountMax, readTimeMaxMs } = this.#limits;
    if (this.#waiting.length >= waitingCountMax) {
      throw new StoreBusyError(`${place}: ${waitingCountMax} reads are waiting already`);
    }
    const settle = Promise.withResolvers<unknown>();
    const timer = setTimeout(() => {
      this.#waiting = this.#waiting.filter((waiting) => waiting !== read);
      for (const thread of this.#threads) thread.giveUp(read);
      settle.reject(new StoreBusyError(`${place}: a read was not done in ${readTimeMaxMs} ms`));
    }, readTimeMaxMs);
    const read = { name, parameters, settle, timer };
    this.#waiting.push(read);
    this.#share();
    return settle.promise as Promise<T>;
  }

  /** Gives waiting reads to threads that are free. */
  #share(): void {
    if (this.#threads.size === 0) this.#addThread();
    for (const thread of this.#threads) {
      if (thread.isFree && this.#waiting.length > 0) thread.ask(this.#waiting.shift()!);
    }
    clearTimeout(this.#congestion);
    if (this.#waiting.length === 0 || this.#threads.size >= this.#limits.threadCountMax) return;
    this.#congestion = setTimeout(() => {
      this.#addThread();
      this.#share();
    }, CONGESTION_MS);
  }

  #addThread(): void {
    const thread: ReaderThread = new ReaderThread(this.path, this.config, () => {
      if (thread.isBroken) this.#threads.delete(thread);
      if (!this.#isClosed && this.#waiting.length > 0) this.#share();
    });
    this.#threads.add(thread);
  }
}

function end(read: Read, settle: () => void): void {
  clearTimeout(read.timer);
  settle();
}

/** One thread, seen from the main one. */
class ReaderThread {
  readonly #worker: Worker;
  readonly #givenUp = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  #read: Read | null = null;
  #number = 0;
  isBroken = false;

  /** @param onFree Called when it can take another read, or none any more. */
  constructor(path: string, config: StatisticsStoreConfig, private readonly onFree: () => void) {
    this.#worker = new Worker(new URL("./reader_thread.ts", import.meta.url), {
      type: "module",
      name: "statistics reader",
      deno: {
        permissions: {
          ...{ read: [path], write: false, net: false, env: false },
          ...{ run: false, ffi: false, sys: false, import: false },
        },
      },
    });
    this.#worker.onmessage = ({ data }: MessageEvent<Answer>) => this.#answered(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.close(new Error(`statistics store ${path}: its reader failed: ${event.message}`));
      this.onFree();
    };
    const opening: Opening = { path, config, givenUp: this.#givenUp.buffer };
    this.#worker.postMessage(opening);
  }

  get isFree(): boolean {
    return this.#read === null && !this.isBroken;
  }

  ask(read: Read): void {
    this.#read = read;
    const { name, parameters } = read;
    this.#worker.postMessage({ number: ++this.#number, read: name, parameters });
  }

  /** Ends a read at its next statement, where it is this thread's. */
  giveUp(read: Read): void {
    if (this.#read === read) Atomics.store(this.#givenUp, 0, this.#number);
  }

  close(reason: Error): void {
    const read = this.#read;
    this.isBroken = true;
    this.#read = null;
    this.#worker.terminate();
    if (read !== null) end(read, () => read.settle.reject(reason));
  }

  #answered(answer: Answer): void {
    const read = this.#read!;
    this.#read = null;
    end(read, () => {
      if ("result" in answer) read.settle.resolve(answer.result);
      else read.settle.reject(errorOf(answer.failure));
    });
    this.onFree();
  }
}
