/**
 * The tail of a partition's `statistics`: from the first record that a kept window may need through
 * the last that was committed.
 *
 * @module
 */
import {
  type FetchedBatch,
  type LogRecord,
  OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";
import { StopPartitionError } from "../roles/partition_task.ts";
import { TOPICS } from "../topology.ts";
import type { Checkpoint } from "./checkpoint.ts";
import type { Partition } from "./partition.ts";

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

/**
 * Its records, in order. Ends early where `signal` aborts.
 *
 * @param committed `null`: from the topic's start to its end.
 * @throws {StopPartitionError} Where they are not all there.
 */
export async function* statisticsTail(
  partition: Partition,
  committed: Checkpoint | null,
  { log, signal, skipLost }: TailDeps,
): AsyncGenerator<readonly LogRecord[]> {
  const through = committed?.statisticsThrough ?? Infinity;
  let offset = committed?.restoreFrom ?? 0;
  let emptyCount = 0;
  while (offset <= through && !signal.aborted) {
    let batch: FetchedBatch;
    try {
      batch = await log.fetch(TOPICS.statistics, partition.config.partition, offset, {
        byteCountMax: RESTORE_BYTES,
        waitMaxMs: committed === null ? 0 : RESTORE_WAIT_MS,
        signal,
      });
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
      if (offset < error.startOffset && (committed === null || skipLost)) {
        offset = error.startOffset;
        continue;
      }
      throw unreachable(offset, through, error);
    }
    yield batch.records.filter((record) => record.offset <= through);
    emptyCount = batch.nextOffset > offset ? 0 : emptyCount + 1;
    offset = batch.nextOffset;
    if (committed === null && offset >= batch.endOffset) return;
    if (emptyCount > RESTORE_EMPTY_MAX) throw unreachable(offset, through);
  }
}

function unreachable(offset: number, through: number, cause?: unknown): StopPartitionError {
  return new StopPartitionError(
    `the windows up to offset ${through} of ${TOPICS.statistics} cannot be read back from offset ${offset}: was the topic deleted, made again or cut short? SKIP_LOST=yes goes on with what is left`,
    { cause },
  );
}
