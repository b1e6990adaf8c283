/**
 * The decisions of the protocol (docs/protocol.md) that need no input or output, by rule number.
 * They stand in one object so that the simulation can plant a bug in any of them and see it found.
 *
 * @module
 */
import type { PartitionRow } from "../ports/partition_state.ts";
import { isOfCheckpoint } from "../roles/saved_state.ts";
import type { Checkpoint, FirstPlaces } from "./checkpoint.ts";

/** Lengths of time that decide a window's states, in ms. */
export interface WindowTimes {
  windowSizeMs: number;
  graceMs: number;
  amendForMs: number;
}

/** The protocol's pure rules. */
export const RULES = {
  /** Rule 4: the disk is used only where it is exactly the committed checkpoint. */
  trustsDisk: (row: PartitionRow | null, committed: Checkpoint | null): boolean =>
    isOfCheckpoint(row, committed),

  /** Rules 5 and 8: sealed follows from stream time alone. */
  isSealed(endMs: number, streamMs: number | null, times: WindowTimes): boolean {
    return streamMs !== null && endMs + times.graceMs + times.amendForMs <= streamMs;
  },

  /** Rule 8: closed by stream time; at exactly end + grace a sample is late. */
  isClosedByStream(endMs: number, streamMs: number | null, times: WindowTimes): boolean {
    return streamMs !== null && streamMs - times.graceMs >= endMs;
  },

  /** Rule 9: closed by the wall clock, once caught up. */
  isClosedByIdleness(endMs: number, arrivalMs: number, nowMs: number, times: WindowTimes): boolean {
    return nowMs >= Math.max(endMs, arrivalMs) + times.graceMs;
  },

  /** Rule 10a: a window start gets its place before anything of it is published. */
  takePlaces(places: FirstPlaces, startsMs: Iterable<number>, statisticsThrough: number): void {
    for (const startMs of startsMs) {
      if (!places.has(startMs)) places.set(startMs, statisticsThrough + 1);
    }
  },

  /** Rule 18: the least place of the kept windows; none: after the last record sent. */
  restoreFrom(places: FirstPlaces, statisticsThrough: number): number {
    let least = statisticsThrough + 1;
    for (const place of places.values()) if (place < least) least = place;
    return least;
  },
};

/** The type of {@link RULES}. */
export type Rules = typeof RULES;
