/**
 * What a new owner does before its first sample (protocol rules 3–7): from the committed checkpoint
 * to a partition whose windows are in memory, and on disk or on their way there. Reads the commit, the
 * disk and, where the disk is not exactly that commit's, the tail of `statistics`.
 *
 * @module
 */
import type { Claim, FetchedBatch } from "../ports/topic_log.ts";
import { OffsetOutOfRangeError } from "../ports/topic_log.ts";
import type { PartitionWindows } from "../ports/window_store.ts";
import { recreated, StopPartitionError } from "../roles/partition_task.ts";
import { TOPICS } from "../topology.ts";
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeFirstPlaces,
  fingerprintOf,
} from "./checkpoint.ts";
import { type FoldConfig, Partition } from "./partition.ts";
import { type ClaimingDeps, dropPlacesOver, isKept, restore } from "./restoring.ts";
import { RESTORE_WAIT_MS } from "./statistics_tail.ts";
import { deleteWindows } from "./writing.ts";

/** Makes the partition's state as of the committed checkpoint. */
export async function openPartition(
  claim: Claim,
  shelf: PartitionWindows,
  config: FoldConfig,
  deps: ClaimingDeps,
): Promise<Partition> {
  const partition = new Partition(config, deps.rules);
  const position = claim.positions[TOPICS.samples];
  const committed = position === undefined ? null : readCheckpoint(position.metadata, config);
  if (committed !== null) {
    take(partition, committed, position!.offset);
    await checkPosition(partition, deps);
  }
  if (committed !== null) partition.committedOffset = partition.nextOffset;
  const row = await shelf.row();
  if (deps.rules.trustsDisk(row, committed)) {
    await loadFromDisk(partition, shelf, row!.state);
  } else {
    await deps.restores.run(() => restore(partition, shelf, committed, deps));
  }
  return partition;
}

function readCheckpoint(metadata: string, config: FoldConfig): Checkpoint {
  let checkpoint: Checkpoint;
  try {
    checkpoint = decodeCheckpoint(metadata);
  } catch (cause) {
    throw new StopPartitionError(
      "the group's commit was not made by this program, or by a newer one; upgrade, or delete the group to count again from the start",
      { cause },
    );
  }
  for (
    const [name, setting] of [["partitionCount", "PARTITIONS"], ["windowSizeMs", "WINDOW"]] as const
  ) {
    if (checkpoint[name] === config[name]) continue;
    throw new StopPartitionError(
      `${setting} was ${checkpoint[name]} when these windows were counted and is ${
        config[name]
      } now; set it back, or start a new deployment`,
    );
  }
  return checkpoint;
}

function take(partition: Partition, committed: Checkpoint, offset: number): void {
  partition.checkpointId = committed.checkpointId;
  partition.nextOffset = offset;
  partition.streamMs = committed.streamMs;
  partition.arrivalMs = committed.arrivalMs;
  partition.counters = structuredClone(committed.counters);
  partition.statisticsThrough = committed.statisticsThrough;
  partition.fingerprint = committed.fingerprint;
}

/** Rule 7: the committed offset must lie in the log, after the very record it was committed after. */
async function checkPosition(partition: Partition, deps: ClaimingDeps): Promise<void> {
  const { fingerprint, config } = partition;
  const from = fingerprint?.offset ?? partition.nextOffset;
  let batch: FetchedBatch;
  try {
    batch = await deps.log.fetch(TOPICS.samples, config.partition, from, {
      byteCountMax: 1,
      waitMaxMs: fingerprint === null ? 0 : RESTORE_WAIT_MS,
      signal: deps.signal,
    });
  } catch (error) {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
    if (partition.nextOffset > error.endOffset) throw replaced(partition, error.endOffset);
    skipLost(partition, error.startOffset, deps.skipLost);
    return;
  }
  if (fingerprint === null || deps.signal.aborted) return;
  const before = batch.records[0];
  if (before === undefined) {
    // A broker that has just begun to lead may not know yet how far the log is committed.
    throw new Error(
      `the record at offset ${from} of ${TOPICS.samples} does not come; waiting for it. Was the topic deleted and made again? ${START_OVER}`,
    );
  }
  if (before.offset !== from || fingerprintOf(before).hash !== fingerprint.hash) {
    throw new StopPartitionError(
      `the record at offset ${from} of ${TOPICS.samples} is not the one that was counted: was the topic deleted and made again? ${START_OVER}`,
    );
  }
}

/** What an operator can do about a log that is another than the one counted. */
const START_OVER =
  "To start over, delete the topics samples and statistics, the group's offsets and the data directory";

/** The log is not the one that was counted. */
export function replaced({ nextOffset: offset }: Partition, endOffset: number): StopPartitionError {
  return recreated({ topic: TOPICS.samples, offset, endOffset }, START_OVER);
}

/** Samples were deleted before they were read. */
export function skipLost(partition: Partition, startOffset: number, allowed: boolean): void {
  const lost = startOffset - partition.nextOffset;
  // The record before the offset may be gone although nothing unread is.
  if (lost <= 0) return;
  if (!allowed) {
    throw new StopPartitionError(
      `${lost} samples from offset ${partition.nextOffset} of ${TOPICS.samples} were deleted before they were counted; SKIP_LOST=yes goes on without them`,
    );
  }
  partition.counters.lost += lost;
  partition.nextOffset = startOffset;
}

async function loadFromDisk(
  partition: Partition,
  shelf: PartitionWindows,
  state: string,
): Promise<void> {
  for (const [startMs, place] of decodeFirstPlaces(state)) partition.places.set(startMs, place);
  for await (const page of shelf.scan()) {
    const over = page.filter((window) => !isKept(partition, window));
    for (const window of page) if (isKept(partition, window)) partition.take(window);
    await deleteWindows(shelf, over);
    partition.cache.shrink();
  }
  dropPlacesOver(partition);
}
