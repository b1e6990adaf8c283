/**
 * The topics of a partition as one stream, in the order in which the log took their records: what is
 * read after a pause comes as it would have come live.
 *
 * A record is given out when no other topic can still bring one that is older: each has one waiting,
 * or was seen to be at its end after the record was fetched.
 *
 * @module
 */
import {
  type FetchedBatch,
  type LogRecord,
  OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";

/** One fetch, in bytes: some 5,000 samples. */
const FETCH_BYTES = 1024 * 1024;
/**
 * What a process holds of a topic that is read ahead, in bytes, if it has all partitions: an hour's
 * statistics of some 160,000 markets. Records take about twice that in memory.
 */
const AHEAD_BYTES_MAX = 96 * 1024 * 1024;
/** How long a fetch waits for what must be there after one that brought nothing, in ms, and how often. */
const AHEAD_WAIT_MS = 200;
const AHEAD_EMPTY_MAX = 10;
/** Records that were given out are let go in so many. */
const SPLICE_COUNT = 4_096;

/** What inputs are read by. */
export interface InputDeps {
  log: Pick<TopicLog, "fetch">;
  partition: number;
  /** Of all monitors: what may be read ahead of one partition is a share of the whole. */
  partitionCount: number;
  /** Where to go on where a topic does not have the offset that is next. @throws Where it must not. */
  outOfRange(error: OffsetOutOfRangeError, offset: number): number;
}

/** Of one fetch. */
interface FetchTimes {
  begunAt: number;
  cameAt: number;
  /** It was ended by its signal: it says nothing of the end. */
  isCut: boolean;
}

/** One topic. */
class Input {
  waiting: LogRecord[] = [];
  /** How many of {@link waiting} were given out. */
  takenCount = 0;
  byteCount = 0;
  /** Where the next fetch goes on. */
  fetchOffset: number;
  /** The place after the last record given out, and after whatever lies between it and the next. */
  nextOffset: number;
  endOffset = 0;
  /** When the records waiting had come, and when the last fetch that saw the end was begun; counted, not timed. */
  broughtAt = -1;
  endSeenAt = -1;

  constructor(readonly topic: string, offset: number) {
    this.fetchOffset = offset;
    this.nextOffset = offset;
  }

  get head(): LogRecord | undefined {
    return this.waiting[this.takenCount];
  }

  get isAtEnd(): boolean {
    return this.endSeenAt >= 0;
  }

  put(batch: FetchedBatch, { begunAt, cameAt, isCut }: FetchTimes): void {
    if (this.head === undefined) {
      this.waiting = [];
      this.takenCount = 0;
      this.byteCount = 0;
    }
    for (const record of batch.records) {
      this.waiting.push(record);
      this.byteCount += sizeOf(record);
    }
    this.fetchOffset = Math.max(this.fetchOffset, batch.nextOffset);
    this.endOffset = batch.endOffset;
    if (this.head === undefined) this.nextOffset = this.fetchOffset;
    if (batch.records.length > 0) this.broughtAt = cameAt;
    this.endSeenAt = !isCut && this.fetchOffset >= this.endOffset ? begunAt : -1;
  }

  take(): LogRecord {
    const record = this.waiting[this.takenCount++]!;
    this.byteCount -= sizeOf(record);
    if (this.takenCount === SPLICE_COUNT) {
      this.waiting = this.waiting.slice(SPLICE_COUNT);
      this.takenCount = 0;
    }
    this.nextOffset = this.head === undefined ? this.fetchOffset : record.offset + 1;
    return record;
  }
}

function sizeOf({ value }: LogRecord): number {
  return (value?.length ?? 0) + 100;
}

/** The topics' records, one after the other. */
export class Inputs {
  readonly #inputs: readonly Input[];
  #eventCount = 0;

  /**
   * @param offsets Per topic: where to begin. Of records that the log took in the same millisecond,
   * those of earlier topics come first.
   */
  constructor(offsets: ReadonlyMap<string, number>, private readonly deps: InputDeps) {
    this.#inputs = Array.from(offsets, ([topic, offset]) => new Input(topic, offset));
  }

  /** Per topic, the next offset to read after what was given out. */
  get offsets(): Record<string, number> {
    return Object.fromEntries(this.#inputs.map(({ topic, nextOffset }) => [topic, nextOffset]));
  }

  /** When the log took the newest of the records that wait; `null`: none does. */
  get newestMs(): number | null {
    let newestMs: number | null = null;
    for (const { head, waiting } of this.#inputs) {
      if (head === undefined) continue;
      newestMs = Math.max(newestMs ?? 0, waiting.at(-1)!.appendMs);
    }
    return newestMs;
  }

  /** Per topic, how many offsets lie between what was given out and the end as it was seen last. */
  get lags(): Record<string, number> {
    return Object.fromEntries(
      this.#inputs.map((i) => [i.topic, Math.max(0, i.endOffset - i.nextOffset)]),
    );
  }

  /** The topic of the record that {@link next} gave out last. */
  topic = "";

  /** The next record in the log's order; `null`: more must be fetched first. */
  next(): LogRecord | null {
    let first: Input | null = null;
    for (const input of this.#inputs) {
      const { head } = input;
      if (head !== undefined && (first === null || head.appendMs < first.head!.appendMs)) {
        first = input;
      }
    }
    if (first === null) return null;
    for (const other of this.#inputs) {
      if (other.head === undefined && other.endSeenAt < first.broughtAt) return null;
    }
    this.topic = first.topic;
    return first.take();
  }

  /**
   * Fetches what is missing; where nothing is there at all, waits for it.
   *
   * @returns Whether every topic was seen at its end, and nothing waits.
   */
  async fill(waitMaxMs: number, signal: AbortSignal): Promise<boolean> {
    const some = this.#inputs.some(({ head }) => head !== undefined);
    const wanting = this.#inputs.filter(({ head }) => head === undefined);
    if (some) {
      for (const input of wanting) await this.#fetch(input, 0, signal);
      return false;
    }
    const found = new AbortController();
    const either = AbortSignal.any([signal, found.signal]);
    await Promise.all(wanting.map(async (input) => {
      await this.#fetch(input, waitMaxMs, either);
      if (input.head !== undefined) found.abort();
    }));
    if (this.#inputs.some(({ head }) => head !== undefined)) return false;
    return !signal.aborted && this.#inputs.every(({ isAtEnd }) => isAtEnd);
  }

  /**
   * Reads a topic ahead, until a record that the log took later than that waits, or its end is seen.
   *
   * @throws {Error} Where what there is does not come.
   */
  async readAhead(topic: string, throughMs: number, signal: AbortSignal): Promise<void> {
    const input = this.#inputs.find((input) => input.topic === topic)!;
    const byteCountMax = AHEAD_BYTES_MAX / this.deps.partitionCount;
    const isEnough = () =>
      input.isAtEnd || input.byteCount >= byteCountMax ||
      (input.waiting.at(-1)?.appendMs ?? 0) > throughMs;
    for (let emptyCount = 0; !isEnough() && !signal.aborted;) {
      const before = input.fetchOffset;
      await this.#fetch(input, emptyCount === 0 ? 0 : AHEAD_WAIT_MS, signal);
      emptyCount = input.fetchOffset > before ? 0 : emptyCount + 1;
      if (emptyCount > AHEAD_EMPTY_MAX) {
        throw new Error(`${topic} from offset ${before} on does not come; waiting for it`);
      }
    }
  }

  /** The records of a topic that wait. */
  *waiting(topic: string): Iterable<LogRecord> {
    const { waiting, takenCount } = this.#inputs.find((input) => input.topic === topic)!;
    for (let i = takenCount; i < waiting.length; i++) yield waiting[i]!;
  }

  async #fetch(input: Input, waitMaxMs: number, signal: AbortSignal): Promise<void> {
    const { log, partition, outOfRange } = this.deps;
    const begunAt = this.#eventCount++;
    try {
      const batch = await log.fetch(input.topic, partition, input.fetchOffset, {
        byteCountMax: FETCH_BYTES,
        waitMaxMs,
        signal,
      });
      const isCut = signal.aborted && batch.records.length === 0;
      input.put(batch, { begunAt, cameAt: this.#eventCount++, isCut });
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
      input.fetchOffset = outOfRange(error, input.fetchOffset);
      if (input.head === undefined) input.nextOffset = input.fetchOffset;
    }
  }
}
