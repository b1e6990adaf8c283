/**
 * What a new owner does before its first sample (protocol rules 3–7): from the committed checkpoint
 * to a partition whose windows are in memory, and on disk or on their way there. Reads the commit, the
 * disk and, where the disk is not exactly that commit's, the tail of `statistics`.
 *
 * @module
 */
import type { Claim, OffsetOutOfRangeError } from "../ports/topic_log.ts";
import type { PartitionWindows } from "../ports/window_store.ts";
import { readCommit } from "../roles/commit_metadata.ts";
import { checkPlace, outOfRange } from "../roles/position_check.ts";
import { TOPICS } from "../topology.ts";
import { type Checkpoint, decodeCheckpoint, decodeFirstPlaces } from "./checkpoint.ts";
import { type FoldConfig, Partition } from "./partition.ts";
import { type ClaimingDeps, dropPlacesOver, isKept, restore } from "./restoring.ts";
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
  const committed = position === undefined
    ? null
    : readCommit(decodeCheckpoint, position.metadata, config, WORDS);
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

function take(partition: Partition, committed: Checkpoint, offset: number): void {
  partition.checkpointId = committed.checkpointId;
  partition.nextOffset = offset;
  partition.streamMs = committed.streamMs;
  partition.arrivalMs = committed.arrivalMs;
  partition.counters = structuredClone(committed.counters);
  partition.statisticsThrough = committed.statisticsThrough;
  partition.fingerprint = committed.fingerprint;
}

/** What an operator is told of a log that is another than the one counted. */
const WORDS = {
  done: "counted",
  startOver:
    "To start over, delete the topics samples and statistics, the group's offsets and the data directory",
};

/** Rule 7: the committed offset must lie in the log, after the very record it was committed after. */
async function checkPosition(partition: Partition, deps: ClaimingDeps): Promise<void> {
  const { fingerprint, config, nextOffset: offset } = partition;
  const place = { topic: TOPICS.samples, partition: config.partition, offset, fingerprint };
  goOnAt(partition, await checkPlace(place, WORDS, deps));
}

/** Goes on where the log begins, if samples before it may be lost. */
export function skipLost(
  partition: Partition,
  { startOffset, endOffset }: OffsetOutOfRangeError,
  allowed: boolean,
): void {
  const place = { topic: TOPICS.samples, offset: partition.nextOffset, startOffset, endOffset };
  goOnAt(partition, outOfRange(place, WORDS, allowed));
}

function goOnAt(partition: Partition, offset: number): void {
  partition.counters.lost += offset - partition.nextOffset;
  partition.nextOffset = offset;
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
