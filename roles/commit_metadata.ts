/**
 * What a role's commit says of itself, as JSON with a version. Pure.
 *
 * @module
 */
import { StopPartitionError } from "./partition_task.ts";
import type { PlaceWords } from "./position_check.ts";

/** Settings that a partition's commits are worthless without. */
export interface CommittedSettings {
  partitionCount: number;
  windowSizeMs: number;
}

const SETTINGS = [["partitionCount", "PARTITIONS"], ["windowSizeMs", "WINDOW"]] as const;

/** Writes the commit's metadata: at most 4 kB, where every part is bounded. */
export function encodeCommit(version: number, checkpoint: object): string {
  return JSON.stringify({ v: version, ...checkpoint });
}

/** Reads {@link encodeCommit}. @throws {TypeError} Where it is none, or of another version than this program knows. */
export function decodeCommit<T>(version: number, metadata: string): T {
  let json;
  try {
    json = JSON.parse(metadata);
  } catch (cause) {
    throw new TypeError(`Not a checkpoint: ${metadata.slice(0, 80)}`, { cause });
  }
  const { v, ...checkpoint } = json ?? {};
  if (v === version) return checkpoint as T;
  throw new TypeError(
    `checkpoint of version ${v}: this program knows ${version}; was a newer one running?`,
  );
}

/**
 * Reads a commit that this process is to go on from.
 *
 * @throws {StopPartitionError} Where it cannot, because it was not made by this program, or with other settings.
 */
export function readCommit<T extends CommittedSettings>(
  decode: (metadata: string) => T,
  metadata: string,
  config: CommittedSettings,
  { done, startOver }: PlaceWords,
): T {
  let checkpoint: T;
  try {
    checkpoint = decode(metadata);
  } catch (cause) {
    throw new StopPartitionError(
      `the group's commit was not made by this program, or by a newer one: upgrade. ${startOver}`,
      { cause },
    );
  }
  for (const [name, setting] of SETTINGS) {
    const [was, is] = [checkpoint[name], config[name]];
    if (was === is) continue;
    throw new StopPartitionError(
      `${setting} was ${was} when this partition was ${done} and is ${is} now; set it back, or start a new deployment`,
    );
  }
  return checkpoint;
}
