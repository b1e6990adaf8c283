/**
 * One partition's windows in memory: a bounded write-back cache over the process's disk. Only clean
 * windows leave it (protocol rule 11).
 *
 * @module
 */
import type { WindowState } from "../stats/window.ts";

/** A window's market; as two texts, which are hashed once, and not joined for every sample. */
type Market = Pick<WindowState, "exchange" | "instrument">;

/** The cache. */
export class WindowCache {
  /** By start, exchange and instrument. */
  readonly #byStart = new Map<number, Map<string, Map<string, WindowState>>>();
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
  *windowsOf(startMs: number): Iterable<WindowState> {
    for (const windows of this.#byStart.get(startMs)?.values() ?? []) yield* windows.values();
  }

  get(startMs: number, { exchange, instrument }: Market): WindowState | undefined {
    return this.#byStart.get(startMs)?.get(exchange)?.get(instrument);
  }

  put(window: WindowState): void {
    const { startMs, exchange, instrument } = window;
    const byExchange = this.#byStart.getOrInsertComputed(startMs, () => new Map());
    const windows = byExchange.getOrInsertComputed(exchange, () => new Map());
    if (!windows.has(instrument)) this.#size++;
    windows.set(instrument, window);
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
    for (const windows of this.#byStart.get(startMs)?.values() ?? []) this.#size -= windows.size;
    this.#byStart.delete(startMs);
  }

  /** Lets clean windows go, oldest window starts first, until the bound holds again. */
  shrink(): void {
    if (this.#size <= this.sizeMax) return;
    // A tenth below the bound, so that not every batch shrinks.
    const target = Math.floor(this.sizeMax * 0.9);
    for (const startMs of [...this.#byStart.keys()].sort((a, b) => a - b)) {
      const byExchange = this.#byStart.get(startMs)!;
      for (const [exchange, windows] of byExchange) {
        for (const [instrument, window] of windows) {
          if (this.#size <= target) return;
          if (this.#dirty.has(window)) continue;
          windows.delete(instrument);
          this.#size--;
          this.#complete = false;
        }
        if (windows.size === 0) byExchange.delete(exchange);
      }
      if (byExchange.size === 0) this.#byStart.delete(startMs);
    }
  }
}
