/**
 * A window store in memory, for tests and simulations. It keeps copies, as a disk would.
 *
 * @module
 */
import {
  ClaimLostError,
  type PartitionRow,
  type PartitionWindows,
  type WindowKey,
  type WindowStore,
  type WindowWrite,
} from "../../ports/window_store.ts";
import { TickSet } from "../../stats/tick_set.ts";
import { marketOfWindow, type WindowState } from "../../stats/window.ts";

interface Kept {
  claim: number;
  row: PartitionRow | null;
  windows: Map<string, WindowState>;
}

/** One process's disk. */
export class MemoryWindowStore implements WindowStore {
  readonly #partitions = new Map<number, Kept>();

  constructor(private readonly writeCountMax = 200) {}

  // deno-lint-ignore require-await -- the port is asynchronous
  async claim(partition: number): Promise<PartitionWindows> {
    let kept = this.#partitions.get(partition);
    if (kept === undefined) {
      this.#partitions.set(partition, kept = { claim: 0, row: null, windows: new Map() });
    }
    return new Shelf(partition, kept, ++kept.claim, this.writeCountMax);
  }
}

class Shelf implements PartitionWindows {
  constructor(
    private readonly partition: number,
    private readonly kept: Kept,
    private readonly claim: number,
    readonly writeCountMax: number,
  ) {}

  // deno-lint-ignore require-await -- as above; errors must reject
  async row(): Promise<PartitionRow | null> {
    this.#check();
    return this.kept.row === null ? null : { ...this.kept.row };
  }

  // deno-lint-ignore require-await -- as above
  async read(keys: readonly WindowKey[]): Promise<(WindowState | null)[]> {
    this.#check();
    return keys.map((key) => copyOrNull(this.kept.windows.get(textOf(key))));
  }

  async *scan(startMs?: number): AsyncIterable<readonly WindowState[]> {
    this.#check();
    const all = [...this.kept.windows.values()].filter((window) =>
      startMs === undefined || window.startMs === startMs
    );
    for (let i = 0; i < all.length; i += this.writeCountMax) {
      this.#check();
      yield await Promise.resolve(all.slice(i, i + this.writeCountMax).map(copy));
    }
  }

  // deno-lint-ignore require-await -- as above
  async write({ row, put = [], delete: keys = [] }: WindowWrite): Promise<void> {
    this.#check();
    if (put.length + keys.length > this.writeCountMax) {
      throw new RangeError(
        `${put.length + keys.length} windows in one write: at most ${this.writeCountMax}`,
      );
    }
    for (const key of keys) this.kept.windows.delete(textOf(key));
    for (const window of put) {
      this.kept.windows.set(
        textOf({ market: marketOfWindow(window), startMs: window.startMs }),
        copy(window),
      );
    }
    if (row !== undefined) this.kept.row = { ...row };
  }

  #check(): void {
    if (this.kept.claim !== this.claim) {
      throw new ClaimLostError(`windows of partition ${this.partition}: a later claim exists`);
    }
  }
}

function textOf(key: WindowKey): string {
  return `${key.startMs}/${key.market}`;
}

function copy(window: WindowState): WindowState {
  const { ticks, startMs, endMs } = window;
  return {
    ...window,
    ticks: ticks === null ? null : TickSet.decode(ticks.encode(), endMs - startMs),
  };
}

function copyOrNull(window: WindowState | undefined): WindowState | null {
  return window === undefined ? null : copy(window);
}
