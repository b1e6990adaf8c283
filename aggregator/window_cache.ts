/**
 * One partition's windows in memory: a bounded write-back cache over the process's disk. Only clean
 * windows leave it (protocol rule 11).
 *
 * @module
 */
import { marketOfWindow, type WindowState } from "../stats/window.ts";

/** The cache. */
export class WindowCache {
  readonly #byStart = new Map<number, Map<string, WindowState>>();
  readonly #dirty = new Set<WindowState>();
  #size = 0;
  #complete = true;

  constructor(private readonly sizeMax: number) {}

  /** Whether every window on disk is here too: then one that is not here does not exist. */
  get complete(): boolean {
    return this.#complete;
  }

  get size(): number {
    return this.#size;
  }

  /** The windows changed since the last checkpoint. */
  get dirty(): ReadonlySet<WindowState> {
    return this.#dirty;
  }

  /** The window starts that have a window here, in no particular order. */
  startsMs(): Iterable<number> {
    return this.#byStart.keys();
  }

  /** The windows here that start at `startMs`. */
  windowsOf(startMs: number): Iterable<WindowState> {
    return this.#byStart.get(startMs)?.values() ?? [];
  }

  get(startMs: number, market: string): WindowState | undefined {
    return this.#byStart.get(startMs)?.get(market);
  }

  put(window: WindowState): void {
    let windows = this.#byStart.get(window.startMs);
    if (windows === undefined) this.#byStart.set(window.startMs, windows = new Map());
    const market = marketOfWindow(window);
    if (!windows.has(market)) this.#size++;
    windows.set(market, window);
  }

  markDirty(window: WindowState): void {
    this.#dirty.add(window);
  }

  /** After a checkpoint: everything here is on disk and committed. */
  markClean(): void {
    this.#dirty.clear();
  }

  /** Forgets all windows that start at `startMs`. */
  drop(startMs: number): void {
    this.#size -= this.#byStart.get(startMs)?.size ?? 0;
    this.#byStart.delete(startMs);
  }

  /** Lets clean windows go, oldest window starts first, until the bound holds again. */
  shrink(): void {
    if (this.#size <= this.sizeMax) return;
    // A tenth below the bound, so that not every batch shrinks.
    const target = Math.floor(this.sizeMax * 0.9);
    for (const startMs of [...this.#byStart.keys()].sort((a, b) => a - b)) {
      const windows = this.#byStart.get(startMs)!;
      for (const [market, window] of windows) {
        if (this.#size <= target) return;
        if (this.#dirty.has(window)) continue;
        windows.delete(market);
        this.#size--;
        this.#complete = false;
      }
      if (windows.size === 0) this.#byStart.delete(startMs);
    }
  }
}
