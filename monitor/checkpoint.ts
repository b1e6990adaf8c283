/**
 * What a checkpoint of the monitor says of itself, in the commit's metadata and in the row beside its
 * state on disk. Pure.
 *
 * @module
 */
import type { LogRecord } from "../ports/topic_log.ts";
import { decodeCommit, encodeCommit } from "../roles/commit_metadata.ts";
import type { Fingerprint } from "../roles/position_check.ts";
import type { MonitorCounters } from "./partition.ts";
import { SampleMarks } from "./sample_marks.ts";

/** The newest form of {@link MonitorCheckpoint} that this program knows. */
export const MONITOR_CHECKPOINT_VERSION = 1;

/** One committed checkpoint of a partition. */
export interface MonitorCheckpoint {
  checkpointId: string;
  /** How far the log's time had come. */
  logMs: number;
  /** When the monitor was first started: what lay in the log then is told to nobody. */
  liveFromMs: number;
  partitionCount: number;
  windowSizeMs: number;
  counters: MonitorCounters;
  /** Per topic read: the record before the position; absent where none was read. */
  fingerprints: Record<string, Fingerprint>;
  /** Per topic, from where it must be read to rebuild the state on an empty disk. */
  restoreFrom: { statistics: number; notifications: number; polls: number; samples: number };
  /** Statistics that the log took until then may stand in for those before the position that compaction took; 0: it took none. In ms since the epoch. */
  thinnedMs: number;
  /** The offset of the last record this partition sent to `notifications`; −1 before the first. */
  notificationsThrough: number;
}

/** Writes the commit's metadata: at most 4 kB, since every part is bounded. */
export function encodeMonitorCheckpoint(checkpoint: MonitorCheckpoint): string {
  return encodeCommit(MONITOR_CHECKPOINT_VERSION, checkpoint);
}

/** Reads the commit's metadata. @throws {TypeError} Where it is none, or newer than this program knows. */
export function decodeMonitorCheckpoint(metadata: string): MonitorCheckpoint {
  return decodeCommit<MonitorCheckpoint>(MONITOR_CHECKPOINT_VERSION, metadata);
}

/** Per window start: the offset at which the first record of it that is needed stands. */
export type Places = Map<number, number>;

/** The row's part that the metadata does not have. */
export interface MonitorPlaces {
  statistics: Places;
  notifications: Places;
  samples: SampleMarks;
  /** As {@link MonitorCheckpoint.thinnedMs}. */
  thinnedMs: number;
}

/** Writes the places. */
export function encodePlaces(places: MonitorPlaces): string {
  const { statistics, notifications, samples, thinnedMs } = places;
  return JSON.stringify([[...statistics], [...notifications], samples.marks, thinnedMs]);
}

/** Reads {@link encodePlaces}. */
export function decodePlaces(text: string, silenceMaxMs: number): MonitorPlaces {
  const [statistics, notifications, marks, thinnedMs = 0] = JSON.parse(text);
  return {
    statistics: new Map(statistics),
    notifications: new Map(notifications),
    samples: new SampleMarks(silenceMaxMs, marks),
    thinnedMs,
  };
}

/** Takes a place, if it is the first of its window. */
export function takePlace(places: Places, startMs: number, offset: number): void {
  if (Number.isFinite(startMs) && !places.has(startMs)) places.set(startMs, offset);
}

/** Gives up the places of windows that are not needed any more. */
export function keepPlaces(places: Places, needed: ReadonlySet<number>): void {
  for (const startMs of places.keys()) if (!needed.has(startMs)) places.delete(startMs);
}

/** The start of the window that a record of `statistics` is about, off its key; NaN where that is none. */
export function startMsOf({ key }: LogRecord): number {
  return key === null ? NaN : Number(key.slice(key.lastIndexOf("@") + 1));
}

/** The least place; `otherwise` where there is none. */
export function leastPlace(places: Iterable<number>, otherwise: number): number {
  let least = otherwise;
  for (const place of places) if (place < least) least = place;
  return least;
}
