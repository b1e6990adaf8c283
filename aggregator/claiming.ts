/**
 * What a new owner does before its first sample (protocol rules 3–7): from the committed checkpoint
 * to a partition whose windows are in memory and on disk. Reads the commit, the disk and, where the
 * disk is not exactly that commit's, the tail of `statistics`.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import { decodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import type { Claim, FetchedBatch, LogRecord, TopicLog } from "../ports/topic_log.ts";
import { OffsetOutOfRangeError } from "../ports/topic_log.ts";
import type { PartitionWindows } from "../ports/window_store.ts";
import { StopPartitionError } from "../roles/partition_task.ts";
import { marketOfWindow, type WindowState } from "../stats/window.ts";
import { TOPICS, windowKeyOf } from "../topology.ts";
import {
  type Checkpoint,
  decodeCheckpoint,
  decodeFirstPlaces,
  encodeFirstPlaces,
  fingerprintOf,
} from "./checkpoint.ts";
import { type FoldConfig, Partition } from "./partition.ts";
import type { Rules } from "./rules.ts";
import { deleteWindows, putWindows } from "./writing.ts";

const logger = getLogger(["data-tracker", "aggregator"]);

/** One fetch of a restore, in bytes: some 8,000 windows. */
const RESTORE_BYTES = 4 * 1024 * 1024;
/** Windows gathered before they are written to disk: the last record of a key wins among them. */
const RESTORE_BATCH = 20_000;
/** How long to wait for a record that must be there, in ms. */
const RESTORE_WAIT_MS = 1000;
/** Empty answers in a row after which what must be there is taken as gone. */
const RESTORE_EMPTY_MAX = 10;

/** Where a new owner finds its partition. */
export interface ClaimingDeps {
  log: Pick<TopicLog, "fetch">;
  rules: Rules;
  signal: AbortSignal;
  /** Go on where samples were deleted before they were read, and count them. */
  skipLost: boolean;
}

/** Makes the partition's state as of the committed checkpoint, in memory and on disk. */
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
  const row = await shelf.row();
  if (deps.rules.trustsDisk(row, committed)) {
    await loadFromDisk(partition, shelf, row!.state);
  } else {
    await restore(partition, shelf, committed, deps);
  }
  partition.committedOffset = committed === null ? -1 : partition.nextOffset;
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
    if (partition.nextOffset > error.endOffset) throw recreated(partition, error.endOffset);
    skipLost(partition, error.startOffset, deps.skipLost);
    return;
  }
  if (partition.nextOffset > batch.endOffset) throw recreated(partition, batch.endOffset);
  if (fingerprint === null || deps.signal.aborted) return;
  const before = batch.records[0];
  if (before === undefined) {
    throw new Error(
      `the record at offset ${from} of ${TOPICS.samples} does not come; waiting for it`,
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
export function recreated(partition: Partition, endOffset: number): StopPartitionError {
  return new StopPartitionError(
    `the committed offset ${partition.nextOffset} is past the end (${endOffset}) of ${TOPICS.samples}: was the topic deleted and made again? ${START_OVER}`,
  );
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

/** Sealed windows are done with, once they are published as closed. */
function isKept(partition: Partition, window: WindowState): boolean {
  return !window.closed ||
    !partition.rules.isSealed(window.endMs, partition.streamMs, partition.config);
}

function dropPlacesOver(partition: Partition): void {
  for (const startMs of partition.places.keys()) {
    if (partition.isOver(startMs)) partition.places.delete(startMs);
  }
}

/** Rules 5 and 6: the windows are read back from `statistics` and written to disk, the row last. */
async function restore(
  partition: Partition,
  shelf: PartitionWindows,
  committed: Checkpoint | null,
  deps: ClaimingDeps,
): Promise<void> {
  const torn = { torn: true, checkpointId: partition.checkpointId, state: "[]" };
  await shelf.write({ row: torn });
  for await (const page of shelf.scan()) await deleteWindows(shelf, page);

  const gathered = new Map<string, WindowState>();
  const flush = async () => {
    const windows = [...gathered.values()];
    gathered.clear();
    for (const window of windows) partition.take(window);
    await putWindows(shelf, windows, torn, torn);
    partition.cache.shrink();
  };
  for await (const record of statisticsTail(partition, committed, deps)) {
    const window = windowOf(record, partition);
    if (window === null) continue;
    partition.statisticsThrough = Math.max(partition.statisticsThrough, record.offset);
    if (committed === null) remember(partition, window, record);
    // A later record must replace an earlier one that was kept, even if itself it need not be.
    if (!isKept(partition, window) && !partition.places.has(window.startMs)) continue;
    // A window's first place is where it is found first: nothing before it is needed again.
    if (!partition.places.has(window.startMs)) partition.places.set(window.startMs, record.offset);
    gathered.set(windowKeyOf(marketOfWindow(window), window.startMs), window);
    if (gathered.size >= RESTORE_BATCH) await flush();
  }
  await flush();
  dropPlacesOver(partition);
  if (deps.signal.aborted) return;
  await shelf.write({
    row: { ...torn, torn: false, state: encodeFirstPlaces(partition.places) },
  });
}

/** The window of a record; `null` where it is none: the writer sets it aside, and it must not be in the way here. */
function windowOf(record: LogRecord, partition: Partition): WindowState | null {
  try {
    return decodeStatistics(record.value).window;
  } catch (error) {
    if (error instanceof NewerSchemaError) throw new StopPartitionError(error.message);
    if (!(error instanceof TypeError)) throw error;
    logger.warn("Partition {partition}: passed over offset {offset} of statistics: {problem}", {
      partition: partition.config.partition,
      offset: record.offset,
      problem: error.message,
    });
    return null;
  }
}

/** Rule 6, without a commit: stream time and arrival are what the windows show, and each knows what it has counted. */
function remember(partition: Partition, window: WindowState, record: LogRecord): void {
  partition.dealtThrough = Math.max(partition.dealtThrough, window.throughOffset);
  partition.streamMs = Math.max(partition.streamMs ?? 0, window.closeMs);
  partition.arrivalMs = Math.max(partition.arrivalMs ?? 0, record.appendMs);
}

async function* statisticsTail(
  partition: Partition,
  committed: Checkpoint | null,
  { log, signal, skipLost }: ClaimingDeps,
): AsyncGenerator<LogRecord> {
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
    for (const record of batch.records) if (record.offset <= through) yield record;
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
