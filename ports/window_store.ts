/**
 * Where an aggregator keeps the windows of its partitions between checkpoints.
 *
 * @module
 */
import type { WindowState } from "../stats/window.ts";
import type { PartitionState, StateWrite } from "./partition_state.ts";

/** Names one window of a partition. */
export interface WindowKey {
  /** `exchange:instrument`. */
  market: string;
  startMs: number;
}

/** One atomic change: all of it or nothing. */
export type WindowWrite = StateWrite<WindowState, WindowKey>;

/** One partition's windows, as its claimant sees them. */
export interface PartitionWindows extends PartitionState<WindowState, WindowKey> {
  /** The windows of these keys, in their order; `null` for one that is not there. */
  read(keys: readonly WindowKey[]): Promise<readonly (WindowState | null)[]>;
  /** All windows, or those that start at `startMs`, in pages, in no particular order. */
  scan(startMs?: number): AsyncIterable<readonly WindowState[]>;
}

/** The port. */
export interface WindowStore {
  /** Takes the partition over: from now on every earlier handle is refused. */
  claim(partition: number): Promise<PartitionWindows>;
}
