/**
 * What a checkpoint says of itself: in the commit's metadata (protocol rule 18) and in the row beside
 * the windows on disk (rule 17). Pure.
 *
 * @module
 */
import { decodeCommit, encodeCommit } from "../roles/commit_metadata.ts";
import type { Fingerprint } from "../roles/position_check.ts";

/** The newest form of {@link Checkpoint} that this program knows. */
export const CHECKPOINT_VERSION = 1;

/** How many samples came to what, since the partition's first. */
export interface Counters {
  counted: number;
  duplicate: number;
  /** By reason. */
  rejected: Record<string, number>;
  /** Skipped because they were deleted before they were read, with `SKIP_LOST`. */
  lost: number;
}

/** One committed checkpoint of a partition. */
export interface Checkpoint {
  checkpointId: string;
  /** The greatest sample time counted; `null` before the first. */
  streamMs: number | null;
  /** When the last record arrived at the log; `null` before the first. */
  arrivalMs: number | null;
  counters: Counters;
  partitionCount: number;
  windowSizeMs: number;
  /** The record before the offset, so that a log made again is known; `null` where none was read. */
  fingerprint: Fingerprint | null;
  /** From where `statistics` must be read to rebuild every kept window. */
  restoreFrom: number;
  /** The offset of the last record this partition sent to `statistics`; −1 before the first. */
  statisticsThrough: number;
}

/** Writes the commit's metadata: at most 4 kB, since every part is bounded. */
export function encodeCheckpoint(checkpoint: Checkpoint): string {
  return encodeCommit(CHECKPOINT_VERSION, checkpoint);
}

/** Reads the commit's metadata. @throws {TypeError} Where it is none, or newer than this program knows. */
export function decodeCheckpoint(metadata: string): Checkpoint {
  return decodeCommit<Checkpoint>(CHECKPOINT_VERSION, metadata);
}

/**
 * Per window start, from where `statistics` must be read to find its windows: the place after the
 * last record known when the first of them was about to be published.
 */
export type FirstPlaces = Map<number, number>;

/** Writes the row's part that the metadata does not have. */
export function encodeFirstPlaces(places: FirstPlaces): string {
  return JSON.stringify([...places]);
}

/** Reads {@link encodeFirstPlaces}. */
export function decodeFirstPlaces(text: string): FirstPlaces {
  return new Map(JSON.parse(text));
}
