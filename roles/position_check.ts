/**
 * Whether a committed position lies in the log that it was committed on (protocol rule 7).
 *
 * @module
 */
import { type FetchedBatch, type LogRecord, OffsetOutOfRangeError } from "../ports/topic_log.ts";
import { murmur2OfBytes } from "../stats/murmur2.ts";
import { recreated, StopPartitionError } from "./partition_task.ts";
import { RESTORE_WAIT_MS, type TailDeps } from "./topic_tail.ts";

/** Tells one record from another that took its place. */
export interface Fingerprint {
  offset: number;
  hash: string;
}

/** The fingerprint of a record. */
export function fingerprintOf(record: LogRecord): Fingerprint {
  const hash = `${record.appendMs}:${murmur2OfBytes(record.value ?? new Uint8Array())}`;
  return { offset: record.offset, hash };
}

/** Where the record of a fingerprint stood, and when the log took it. */
export function placeOf({ offset, hash }: Fingerprint): Pick<LogRecord, "offset" | "appendMs"> {
  return { offset, appendMs: Number(hash.slice(0, hash.indexOf(":"))) };
}

/** Where a group stands in a topic's partition. */
export interface Place {
  topic: string;
  partition: number;
  /** The next offset to read. */
  offset: number;
  /** Of the record before; `null` where none was read. */
  fingerprint: Fingerprint | null;
}

/** What a role says of its topics. */
export interface PlaceWords {
  /** What was to be done with the records: `counted`, say. */
  done: string;
  /** What an operator can do about a log that is another than the one read. */
  startOver: string;
}

/**
 * Looks whether the place's offset lies in the log, after the very record it was committed after.
 *
 * @returns The offset to go on at: greater than the place's where records were deleted before they were
 * read, which `skipLost` allows.
 * @throws {StopPartitionError} Where it is another log, or records were lost.
 */
export async function checkPlace(
  place: Place,
  words: PlaceWords,
  { log, signal, skipLost }: TailDeps,
): Promise<number> {
  const { topic, partition, fingerprint } = place;
  const from = fingerprint?.offset ?? place.offset;
  let batch: FetchedBatch;
  try {
    batch = await log.fetch(topic, partition, from, {
      byteCountMax: 1,
      waitMaxMs: fingerprint === null ? 0 : RESTORE_WAIT_MS,
      signal,
    });
  } catch (error) {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
    return outOfRange({ ...place, ...error, offset: place.offset }, words, skipLost);
  }
  if (fingerprint === null || signal.aborted) return place.offset;
  const before = batch.records[0];
  if (before === undefined) {
    // A broker that has just begun to lead may not know yet how far the log is committed.
    throw new Error(
      `the record at offset ${from} of ${topic} does not come; waiting for it. Was the topic deleted and made again? ${words.startOver}`,
    );
  }
  if (before.offset !== from || fingerprintOf(before).hash !== fingerprint.hash) {
    throw new StopPartitionError(
      `the record at offset ${from} of ${topic} is not the one that was ${words.done}: was the topic deleted and made again? ${words.startOver}`,
    );
  }
  return place.offset;
}

/** As {@link checkPlace}, for a place that a fetch found outside of the log. */
export function outOfRange(
  { topic, offset, startOffset, endOffset }: {
    topic: string;
    offset: number;
    startOffset: number;
    endOffset: number;
  },
  { done, startOver }: PlaceWords,
  skipLost: boolean,
): number {
  if (offset > endOffset) throw recreated({ topic, offset, endOffset }, startOver);
  // The record before the offset may be gone although nothing unread is.
  const lost = startOffset - offset;
  if (lost <= 0) return offset;
  if (skipLost) return startOffset;
  throw new StopPartitionError(
    `${lost} ${topic} from offset ${offset} were deleted before they were ${done}; SKIP_LOST=yes goes on without them`,
  );
}
