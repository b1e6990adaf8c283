/**
 * A window store in memory, for tests and simulations.
 *
 * @module
 */
import type { PartitionWindows, WindowKey, WindowStore } from "../../ports/window_store.ts";
import { TickSet } from "../../stats/tick_set.ts";
import { marketOfWindow, type WindowState } from "../../stats/window.ts";
import { type MemoryCodec, MemoryStateStore } from "./partition_state.ts";

const CODEC: MemoryCodec<WindowState, WindowKey> = {
  keyOf: (window) => ({ market: marketOfWindow(window), startMs: window.startMs }),
  textOf: (key) => `${key.startMs}/${key.market}`,
  copy(window) {
    const { ticks, startMs, endMs } = window;
    return {
      ...window,
      ticks: ticks === null ? null : TickSet.decode(ticks.encode(), endMs - startMs),
    };
  },
};

/** One process's disk. */
export class MemoryWindowStore implements WindowStore {
  readonly #states: MemoryStateStore<WindowState, WindowKey>;

  constructor(writeCountMax?: number) {
    this.#states = new MemoryStateStore(CODEC, writeCountMax);
  }

  async claim(partition: number): Promise<PartitionWindows> {
    const state = await this.#states.claim(partition);
    return {
      writeCountMax: state.writeCountMax,
      row: () => state.row(),
      read: (keys) => state.read(keys),
      scan: (startMs) =>
        state.scanWhere((window) => startMs === undefined || window.startMs === startMs),
      write: (change) => state.write(change),
    };
  }
}
