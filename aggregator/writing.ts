/**
 * A checkpoint, step by step (protocol rule 10): windows close, the changed ones go to the process's
 * disk, then one transaction publishes them and moves the position, then what is sealed is forgotten.
 *
 * Safe to die in at any point: the disk is torn or bears an id that was never committed, and the next
 * claim goes by what was.
 *
 * @module
 */
import { encodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import type { Claim, NewRecord } from "../ports/topic_log.ts";
import type { PartitionWindows, WindowKey } from "../ports/window_store.ts";
import { marketOfWindow, type WindowState } from "../stats/window.ts";
import { setAside } from "../roles/rejected.ts";
import { deleteAll, putAll } from "../roles/saved_state.ts";
import { TOPICS, windowKeyOf } from "../topology.ts";
import {
  type Checkpoint,
  encodeCheckpoint,
  encodeFirstPlaces,
  type FirstPlaces,
} from "./checkpoint.ts";
import type { Partition } from "./partition.ts";

/** Whether, and by what clock, windows may be closed although no later sample came. */
export interface Idleness {
  nowMs: number;
  caughtUp: boolean;
}

/** Whether a window start is due to close. */
export function isDue(
  partition: Partition,
  startMs: number,
  { nowMs, caughtUp }: Idleness,
): boolean {
  const { config, rules, streamMs, arrivalMs } = partition;
  const endMs = startMs + config.windowSizeMs;
  return rules.isClosedByStream(endMs, streamMs, config) ||
    (caughtUp && arrivalMs !== null && rules.isClosedByIdleness(endMs, arrivalMs, nowMs, config));
}

/**
 * Closes the windows that are due, those on disk only among them.
 *
 * @returns Whether some are left, because `dirtyMax` windows are dirty: then another checkpoint follows.
 */
export async function closeDue(
  partition: Partition,
  shelf: PartitionWindows,
  idleness: Idleness,
  dirtyMax: number,
): Promise<boolean> {
  const { cache, openStarts } = partition;
  for (const startMs of [...openStarts].sort((a, b) => a - b)) {
    if (!isDue(partition, startMs, idleness)) continue;
    for (const window of cache.windowsOf(startMs)) close(partition, window);
    if (!cache.complete) {
      for await (const page of shelf.scan(startMs)) {
        for (const window of page) {
          if (window.closed || window.startMs !== startMs) continue;
          if (cache.get(startMs, window) !== undefined) continue;
          cache.put(window);
          close(partition, window);
        }
        if (cache.dirty.size >= dirtyMax) return true;
      }
    }
    openStarts.delete(startMs);
  }
  return false;
}

function close(partition: Partition, window: WindowState): void {
  if (window.closed) return;
  window.closed = true;
  partition.cache.markDirty(window);
}

/** Writes everything that changed, publishes it and moves the position: whole or, on rejection, nobody knows. */
export async function writeCheckpoint(
  partition: Partition,
  shelf: PartitionWindows,
  claim: Claim,
  checkpointId: string,
): Promise<void> {
  const { cache, places, rules } = partition;
  await partition.saving;
  // In the order of the disk's keys: neighbours are written several times faster.
  const dirty = [...cache.dirty].sort(byPlace);
  rules.takePlaces(
    places,
    new Set(dirty.map((window) => window.startMs)),
    partition.statisticsThrough,
  );
  await saveWindows(shelf, dirty, checkpointId, keptPlaces(partition));

  let checkpoint!: Checkpoint;
  await claim.commit({
    records: recordsOf(partition, dirty),
    offsets: { [TOPICS.samples]: partition.nextOffset },
    metadata(lastOffsets) {
      checkpoint = checkpointOf(partition, checkpointId, lastOffsets[TOPICS.statistics]);
      return encodeCheckpoint(checkpoint);
    },
  });

  partition.checkpointId = checkpointId;
  partition.statisticsThrough = checkpoint.statisticsThrough;
  partition.committedOffset = partition.nextOffset;
  partition.forgetRejections();
  cache.markClean();
  await forgetSealed(partition, shelf);
  cache.shrink();
}

/** Orders windows as the disk's keys are. */
export function byPlace(a: WindowState, b: WindowState): number {
  if (a.startMs !== b.startMs) return a.startMs - b.startMs;
  if (a.exchange !== b.exchange) return a.exchange < b.exchange ? -1 : 1;
  return a.instrument < b.instrument ? -1 : 1;
}

/** Rule 10b: torn, the changed windows, whole. What fits one atomic is one. */
async function saveWindows(
  shelf: PartitionWindows,
  windows: readonly WindowState[],
  checkpointId: string,
  places: FirstPlaces,
): Promise<void> {
  const whole = { torn: false, checkpointId, state: encodeFirstPlaces(places) };
  await putAll(shelf, windows, { ...whole, torn: true }, whole);
}

/** The places that a later owner needs: not those of window starts that are over. */
function keptPlaces(partition: Partition): FirstPlaces {
  return new Map([...partition.places].filter(([startMs]) => !partition.isOver(startMs)));
}

function checkpointOf(
  partition: Partition,
  checkpointId: string,
  lastOffset: number | undefined,
): Checkpoint {
  const { config, streamMs, arrivalMs, counters } = partition;
  const statisticsThrough = lastOffset ?? partition.statisticsThrough;
  return {
    checkpointId,
    streamMs,
    arrivalMs,
    counters,
    partitionCount: config.partitionCount,
    windowSizeMs: config.windowSizeMs,
    fingerprint: partition.fingerprint,
    restoreFrom: partition.rules.restoreFrom(keptPlaces(partition), statisticsThrough),
    statisticsThrough,
  };
}

/** What a checkpoint sends, made record by record: tens of thousands at once would take more than their windows. */
function* recordsOf(partition: Partition, dirty: readonly WindowState[]): Iterable<NewRecord> {
  for (const window of dirty) yield publish(partition, window);
  const place = { topic: TOPICS.samples, partition: partition.config.partition };
  for (const rejection of partition.rejections) yield setAside({ ...rejection, ...place });
}

function publish(partition: Partition, window: WindowState): NewRecord {
  return {
    topic: TOPICS.statistics,
    partition: partition.config.partition,
    key: windowKeyOf(marketOfWindow(window), window.startMs),
    value: encodeStatistics(window, partition.streamMs ?? window.closeMs),
  };
}

/** Rule 10d: sealed windows leave memory and disk, and their places are given up. */
async function forgetSealed(partition: Partition, shelf: PartitionWindows): Promise<void> {
  const { cache, places } = partition;
  for (const startMs of [...places.keys()]) {
    if (!partition.isOver(startMs)) continue;
    if (cache.complete) await deleteWindows(shelf, [...cache.windowsOf(startMs)]);
    else for await (const page of shelf.scan(startMs)) await deleteWindows(shelf, page);
    cache.drop(startMs);
    places.delete(startMs);
  }
}

/** Deletes windows from disk. */
export async function deleteWindows(
  shelf: PartitionWindows,
  windows: readonly WindowState[],
): Promise<void> {
  const keys = windows.map((w): WindowKey => ({ market: marketOfWindow(w), startMs: w.startMs }));
  await deleteAll(shelf, keys);
}
