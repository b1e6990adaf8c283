/**
 * What a role's commit says of itself, as JSON with a version. Pure.
 *
 * @module
 */
import { StopPartitionError, WrongSettingError } from "./partition_task.ts";
import type { PlaceWords } from "./position_check.ts";

/** Settings that a partition's commits are worthless without. */
export interface CommittedSettings {
  partitionCount: number;
  windowSizeMs: number;
}

const SETTINGS = [
  { setting: "PARTITIONS", field: "partitionCount", show: String },
  { setting: "WINDOW", field: "windowSizeMs", show: (ms: number) => `${ms / 1000}s` },
] as const;

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
 * @throws {StopPartitionError} Where it cannot, because it was not made by this program; a
 * {@link WrongSettingError} where it was made with other settings.
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
  for (const { setting, field, show } of SETTINGS) {
    const [was, is] = [checkpoint[field], config[field]];
    if (was === is) continue;
    throw new WrongSettingError(
      `${setting} was ${show(was)} when this was ${done} and is ${
        show(is)
      } now; set it back. To begin anew, set DATA_DIR to another folder, or with Kafka delete its topics and groups`,
    );
  }
  return checkpoint;
}
