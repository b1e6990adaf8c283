/**
 * The tail of a partition that a new owner reads back: from the first record that what is kept may
 * need through the last that the committed checkpoint knew of.
 *
 * @module
 */
import {
  type FetchedBatch,
  type LogRecord,
  OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";
import { StopPartitionError } from "./partition_task.ts";

/** One fetch of a restore, in bytes: some 8,000 windows. */
const RESTORE_BYTES = 4 * 1024 * 1024;
/** How long to wait for a record that must be there, in ms. */
export const RESTORE_WAIT_MS = 1000;
/** Empty answers in a row after which what must be there is taken as gone. */
const RESTORE_EMPTY_MAX = 10;

/** What it is read by. */
export interface TailDeps {
  log: Pick<TopicLog, "fetch">;
  signal: AbortSignal;
  /** Go on with what is left where records were deleted. */
  skipLost: boolean;
}

/** Which records. */
export interface TailRange {
  topic: string;
  partition: number;
  from: number;
  /** The last one's offset; `null`: whatever there is, to the topic's end. */
  through: number | null;
}

/**
 * Its records, in order. Ends early where `signal` aborts.
 *
 * @throws {StopPartitionError} Where they are not all there.
 */
export async function* topicTail(
  range: TailRange,
  { log, signal, skipLost }: TailDeps,
): AsyncGenerator<readonly LogRecord[]> {
  const through = range.through ?? Infinity;
  let offset = range.from;
  let emptyCount = 0;
  while (offset <= through && !signal.aborted) {
    let batch: FetchedBatch;
    try {
      batch = await log.fetch(range.topic, range.partition, offset, {
        byteCountMax: RESTORE_BYTES,
        waitMaxMs: range.through === null ? 0 : RESTORE_WAIT_MS,
        signal,
      });
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
      if (offset < error.startOffset && (range.through === null || skipLost)) {
        offset = error.startOffset;
        continue;
      }
      throw unreachable(range, offset, error);
    }
    yield batch.records.filter((record) => record.offset <= through);
    emptyCount = batch.nextOffset > offset ? 0 : emptyCount + 1;
    offset = batch.nextOffset;
    if (range.through === null && offset >= batch.endOffset) return;
    if (emptyCount > RESTORE_EMPTY_MAX) throw unreachable(range, offset);
  }
}

/**
 * Whether compaction took records from between two that were read one after the other. A transaction's
 * mark takes an offset, too, but none within a batch, which has one append time.
 */
export function isThinned(
  before: Pick<LogRecord, "offset" | "appendMs">,
  after: Pick<LogRecord, "offset" | "appendMs">,
): boolean {
  const missing = after.offset - before.offset - 1;
  return missing > 1 || (missing === 1 && before.appendMs === after.appendMs);
}

function unreachable(range: TailRange, offset: number, cause?: unknown): StopPartitionError {
  return new StopPartitionError(
    `what was known up to offset ${range.through} of ${range.topic} cannot be read back from offset ${offset}: was the topic deleted, made again or cut short? SKIP_LOST=yes goes on with what is left`,
    { cause },
  );
}
