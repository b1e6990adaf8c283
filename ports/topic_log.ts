/**
 * The topic log: partitioned, ordered, durable records with consumer groups, as Kafka has them.
 *
 * An adapter stands for one process's connection to the log. Offsets are integers that grow along a
 * partition, not necessarily without gaps (compaction and transactions leave some).
 *
 * @module
 */
import { OperatorError } from "../errors.ts";

/** A record to append. */
export interface NewRecord {
  topic: string;
  partition: number;
  key: string;
  value: Uint8Array;
  headers?: Readonly<Record<string, string>>;
}

/** A record read. An adapter may read its key only when it is asked for: do not spread it. */
export interface LogRecord {
  offset: number;
  /** When the log took it, by the log's own clock, in ms since the epoch; never falls along a partition. */
  appendMs: number;
  key: string | null;
  value: Uint8Array | null;
  headers: Readonly<Record<string, string>>;
}

/** What one fetch brought. */
export interface FetchedBatch {
  records: readonly LogRecord[];
  /** Where to go on. May lie beyond the last record: what was between is gone or invisible. */
  nextOffset: number;
  /** The least offset still kept. */
  startOffset: number;
  /** One past the last visible (committed) record when this fetch was answered. */
  endOffset: number;
}

/** Bounds of a fetch. */
export interface FetchOptions {
  /** How much to bring at most, in bytes of keys and values; at least one record comes all the same. */
  byteCountMax: number;
  /** How long to wait for a first record, in ms; 0 answers at once. */
  waitMaxMs: number;
  signal?: AbortSignal;
}

/** A consumer group: its partitions are the numbers below the most that one of its topics has. */
export interface Group {
  id: string;
  topics: readonly string[];
  /** Its partition numbers stand for something else, and its members say what they have got. */
  isByProxy?: boolean;
}

/** Where a group stands in one topic's partition. */
export interface Position {
  /** The next offset to read. */
  offset: number;
  /** What the commit said of itself; at most 4 kB. */
  metadata: string;
}

/** What one transaction does, whole or not at all. */
export interface Transaction {
  /** Walked once, while the commit runs: large transactions are made as they are sent. */
  records: Iterable<NewRecord>;
  /** Per topic of the group: the next offset to read in the claimed partition. */
  offsets: Readonly<Record<string, number>>;
  /**
   * The metadata to commit with every offset. Called once, after the records have their places and
   * before they are visible.
   *
   * @param lastOffsets Per topic written to: the offset of the last record in the claimed partition.
   */
  metadata(lastOffsets: Readonly<Record<string, number>>): string;
}

/** Sole ownership of one partition number of a group, from {@link TopicLog.claim} until the next claim of it. */
export interface Claim {
  /** Per topic, the committed position as it was when the claim had fenced every earlier one; absent: none. */
  readonly positions: Readonly<Record<string, Position>>;
  /**
   * One transaction. On any rejection nobody knows whether it happened: throw the claim away and
   * make a new one, whose positions tell.
   *
   * @throws {FencedError} Where a later claim exists: then it did not happen.
   */
  commit(transaction: Transaction): Promise<void>;
  /** Gives back what the claim holds of the connection; the positions stay. Never rejects. */
  release(): Promise<void>;
}

/** The port. */
export interface TopicLog {
  /**
   * Appends records in order per partition; resolves once all are durable and visible. On rejection
   * any of them may have been appended.
   */
  append(records: readonly NewRecord[]): Promise<void>;
  /**
   * Committed records of a partition from `offset` on, in order; none of an open or aborted
   * transaction. Empty after `waitMaxMs` without any, or when the signal aborts.
   *
   * @throws {OffsetOutOfRangeError} Where `offset` is before the start or beyond the end.
   */
  fetch(
    topic: string,
    partition: number,
    offset: number,
    options: FetchOptions,
  ): Promise<FetchedBatch>;
  /**
   * Takes part in the group until `signal` aborts: runs `own` for every partition number given to
   * this member, and aborts its signal when it is taken away. A partition is not given to the same
   * process again before the promise of its last `own` has ended. Resolves when all have; rejects
   * with the first error that an `own` threw, after the others were stopped.
   */
  join(
    group: Group,
    own: (partition: number, revoked: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Claims a partition number of the group: fences every earlier claim at the log itself, ends its
   * open transaction, and only then reads the committed positions. Waits for a log that is away, until
   * `signal` aborts: then it rejects, and it may have fenced.
   */
  claim(group: Group, partition: number, signal?: AbortSignal): Promise<Claim>;
}

/** What a topic must be. */
export interface TopicSpec {
  name: string;
  partitionCount: number;
  /** How long records are kept, in ms. */
  retentionMs: number;
  /** Whether only the last record of a key is kept. */
  compacted: boolean;
}

/** One partition of a topic as it is now. */
export interface PartitionRange {
  startOffset: number;
  endOffset: number;
}

/** What an operator sees of the log. */
export interface TopicAdmin {
  /** Makes the topics that are missing. @throws {TopicMismatchError} Where one exists and differs. */
  create(specs: readonly TopicSpec[]): Promise<void>;
  /** The partitions of a topic, in order; `null` where there is no such topic. */
  describe(topic: string): Promise<readonly PartitionRange[] | null>;
  /** The group's committed offset per topic and partition; `null` where there is none. */
  positions(group: Group): Promise<Readonly<Record<string, readonly (number | null)[]>>>;
}

/** The log does not answer at the moment. Its adapter says so once for all who need it. */
export class LogAwayError extends OperatorError {
  override name = "LogAwayError";
}

/** A later claim of the same partition exists. */
export class FencedError extends Error {
  override name = "FencedError";
}

/** The offset asked for is not in the log. */
export class OffsetOutOfRangeError extends Error {
  override name = "OffsetOutOfRangeError";
  constructor(
    readonly topic: string,
    readonly partition: number,
    readonly offset: number,
    readonly startOffset: number,
    readonly endOffset: number,
  ) {
    super(
      `${topic}/${partition}: offset ${offset} is outside the log [${startOffset}, ${endOffset}]`,
    );
  }
}

/** A topic exists with other settings than the program needs. */
export class TopicMismatchError extends OperatorError {
  override name = "TopicMismatchError";
}
