/**
 * Where a role keeps the state of its partitions between checkpoints: the process's own disk, never
 * shared. It offers atomic writes only; the order in which they make a checkpoint is the protocol's
 * (roles/saved_state.ts), so that a simulation can crash between any two of them.
 *
 * @module
 */

/** What is known of a partition's values as a whole. */
export interface PartitionRow {
  /** True while the values are between two checkpoints: nothing may be read from them. */
  torn: boolean;
  /** The checkpoint that the values belong to. */
  checkpointId: string;
  /** The rest of the checkpoint, as the role wrote it. */
  state: string;
}

/** One atomic change: all of it or nothing. */
export interface StateWrite<Value, Key> {
  row?: PartitionRow;
  put?: readonly Value[];
  delete?: readonly Key[];
}

/** One partition's values, as its claimant sees them. Every method rejects with {@link ClaimLostError} once there is a later claim. */
export interface PartitionState<Value, Key> {
  /** How many values one write takes at most, puts and deletes together; ≥ 1. */
  readonly writeCountMax: number;
  /** The partition's row; `null` where nothing was ever written. */
  row(): Promise<PartitionRow | null>;
  /** All values in pages, in no particular order. */
  scan(): AsyncIterable<readonly Value[]>;
  /** One atomic write, durable when it resolves; on rejection it may have happened. */
  write(change: StateWrite<Value, Key>): Promise<void>;
}

/** The port. */
export interface PartitionStateStore<Value, Key> {
  /** Takes the partition over: from now on every earlier handle is refused. */
  claim(partition: number): Promise<PartitionState<Value, Key>>;
}

/** A later claim of the partition exists. */
export class ClaimLostError extends Error {
  override name = "ClaimLostError";
}
