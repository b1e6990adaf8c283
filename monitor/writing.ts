/**
 * A checkpoint of the monitor, step by step (protocol rule 10): what changed goes to the process's disk,
 * then one transaction publishes what was found and moves the positions.
 *
 * Safe to die in at any point: the disk is torn or bears an id that was never committed, and the next
 * claim goes by what was.
 *
 * @module
 */
import { encodeNotification } from "../adapters/codecs/notification_codec.ts";
import type { PartitionState } from "../ports/partition_state.ts";
import type { Claim, NewRecord } from "../ports/topic_log.ts";
import { deleteAll, putAll } from "../roles/saved_state.ts";
import { TOPICS } from "../topology.ts";
import {
  encodeMonitorCheckpoint,
  encodePlaces,
  keepPlaces,
  leastPlace,
  type MonitorCheckpoint,
  takePlace,
} from "./checkpoint.ts";
import type { MonitorOwnerConfig, OpenedPartition } from "./claiming.ts";
import { type Watched, watchedKeyOf } from "./watched.ts";

/** What is written to. */
export interface WritingDeps {
  shelf: PartitionState<Watched, string>;
  claim: Claim;
  config: MonitorOwnerConfig;
}

/** Writes everything that changed, publishes what was found and moves the positions: whole or, on rejection, nobody knows. */
export async function writeMonitorCheckpoint(
  partition: OpenedPartition,
  offsets: Readonly<Record<string, number>>,
  checkpointId: string,
  { shelf, claim, config }: WritingDeps,
): Promise<void> {
  const { state, places } = partition;
  takePlaces(partition);
  const row = { checkpointId, state: encodePlaces(places) };
  const torn = { ...row, torn: true };
  if (state.forgotten.size > 0) {
    await shelf.write({ row: torn });
    await deleteAll(shelf, [...state.forgotten].map(watchedKeyOf));
  }
  await putAll(shelf, [...state.dirty], torn, { ...row, torn: false });
  let through = partition.notificationsThrough;
  await claim.commit({
    records: recordsOf(partition, config.partition),
    offsets,
    metadata(lastOffsets) {
      through = lastOffsets[TOPICS.notifications] ?? through;
      return encodeMonitorCheckpoint({
        ...checkpointOf(partition, offsets, config, through),
        checkpointId,
      });
    },
  });
  partition.notificationsThrough = through;
  state.markClean();
}

/** Made one by one as they are sent. */
function* recordsOf({ state }: OpenedPartition, partition: number): Iterable<NewRecord> {
  for (const notification of state.found) {
    const value = encodeNotification(notification);
    yield { topic: TOPICS.notifications, partition, key: notification.subject, value };
  }
}

/** What is about to be published gets its place before it is; what no take-over needs any more is given up. */
function takePlaces({ state, places, notificationsThrough }: OpenedPartition): void {
  for (const { windowStartMs } of state.found) {
    takePlace(places.notifications, windowStartMs, notificationsThrough + 1);
  }
  const needed = state.neededWindows();
  keepPlaces(places.statistics, needed.statistics);
  keepPlaces(places.notifications, needed.notifications);
}

function checkpointOf(
  { state, places, fingerprints }: OpenedPartition,
  offsets: Readonly<Record<string, number>>,
  { partitionCount, windowSizeMs }: MonitorOwnerConfig,
  notificationsThrough: number,
): Omit<MonitorCheckpoint, "checkpointId"> {
  const { logMs, liveFromMs, counters } = state;
  return {
    ...{ logMs, liveFromMs, counters, partitionCount, windowSizeMs, fingerprints },
    restoreFrom: {
      statistics: leastPlace(places.statistics.values(), offsets[TOPICS.statistics]!),
      notifications: leastPlace(places.notifications.values(), notificationsThrough + 1),
      samples: places.samples.from(offsets[TOPICS.samples]!),
      polls: leastPlace(state.sourceOffsets(), offsets[TOPICS.polls] ?? 0),
    },
    thinnedMs: places.thinnedMs,
    notificationsThrough,
  };
}
