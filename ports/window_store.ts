/**
 * Where an aggregator keeps the windows of its partitions between checkpoints: the process's own
 * disk, never shared. It offers atomic writes only; the order in which they make a checkpoint is the
 * protocol's (aggregator/), so that the simulation can crash between any two of them.
 *
 * @module
 */
import type { WindowState } from "../stats/window.ts";

/** What is known of a partition's windows as a whole. */
export interface PartitionRow {
  /** True while the windows are between two checkpoints: nothing may be read from them. */
  torn: boolean;
  /** The checkpoint that the windows belong to. */
  checkpointId: string;
  /** The rest of the checkpoint, as the aggregator wrote it. */
  state: string;
}

/** Names one window of a partition. */
export interface WindowKey {
  /** `exchange:instrument`. */
  market: string;
  startMs: number;
}

/** One atomic change: all of it or nothing. */
export interface WindowWrite {
  row?: PartitionRow;
  put?: readonly WindowState[];
  delete?: readonly WindowKey[];
}

/** One partition's windows, as its claimant sees them. Every method rejects with {@link ClaimLostError} once there is a later claim. */
export interface PartitionWindows {
  /** How many windows one write takes at most, puts and deletes together; ≥ 1. */
  readonly writeCountMax: number;
  /** The partition's row; `null` where nothing was ever written. */
  row(): Promise<PartitionRow | null>;
  /** The windows of these keys, in their order; `null` for one that is not there. */
  read(keys: readonly WindowKey[]): Promise<readonly (WindowState | null)[]>;
  /** All windows, or those that start at `startMs`, in pages, in no particular order. */
  scan(startMs?: number): AsyncIterable<readonly WindowState[]>;
  /** One atomic write, durable when it resolves; on rejection it may have happened. */
  write(change: WindowWrite): Promise<void>;
}

/** The port. */
export interface WindowStore {
  /** Takes the partition over: from now on every earlier handle is refused. */
  claim(partition: number): Promise<PartitionWindows>;
}

/** A later claim of the partition exists. */
export class ClaimLostError extends Error {
  override name = "ClaimLostError";
}
