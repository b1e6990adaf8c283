/**
 * The markets that a sample reader remembers.
 *
 * @module
 */
import type { Sample } from "../../stats/sample.ts";

/** A market as it stands in every sample of it: its strings are shared, not read again. */
export interface Market extends Pick<Sample, "exchange" | "instrument" | "base" | "quote"> {
  /** The bytes before the price are `length` of `page` from `start` on. */
  page: Uint8Array;
  start: number;
  length: number;
}

/** Slots looked at for one market, at most: then the last of them is given to another. */
const PROBE_COUNT_MAX = 16;
const SLOT_COUNT_MIN = 1_024;

/**
 * Markets by the hashes of their heads, at most half of the slots in use. For every sample one place
 * in memory is looked at, where a Map has two or three; with many markets none is in a cache.
 */
export class MarketTable {
  #markets: Market[] = [];
  /** Two numbers a slot: a hash, and the market's index plus 1; 0: free. */
  #slots = new Int32Array(2 * SLOT_COUNT_MIN);

  get size(): number {
    return this.#markets.length;
  }

  /** The market whose head the value begins with. */
  find(hash: number, value: Uint8Array): Market | null {
    const slots = this.#slots;
    for (let probe = 0; probe < PROBE_COUNT_MAX; probe++) {
      const slot = slotOf(hash, probe, slots.length);
      const number = slots[slot + 1]!;
      if (number === 0) return null;
      if (slots[slot] !== hash) continue;
      const market = this.#markets[number - 1]!;
      const { page, start, length } = market;
      for (let i = 0; i < length; i++) if (page[start + i] !== value[i]) return null;
      return market;
    }
    return null;
  }

  /** Of two with one hash, the later one stays. */
  put(hash: number, market: Market): void {
    if (4 * (this.size + 1) > this.#slots.length) this.#grow();
    const slot = this.#slotFor(hash);
    const number = this.#slots[slot + 1] || this.#markets.push(market);
    this.#markets[number - 1] = market;
    this.#slots[slot] = hash;
    this.#slots[slot + 1] = number;
  }

  clear(): void {
    this.#markets = [];
    this.#slots = new Int32Array(2 * SLOT_COUNT_MIN);
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Int32Array(2 * old.length);
    for (let i = 0; i < old.length; i += 2) {
      if (old[i + 1] === 0) continue;
      const slot = this.#slotFor(old[i]!);
      this.#slots[slot] = old[i]!;
      this.#slots[slot + 1] = old[i + 1]!;
    }
  }

  /** The hash's own, else the first that is free, else one that another has to give up. */
  #slotFor(hash: number): number {
    const slots = this.#slots;
    for (let probe = 0;; probe++) {
      const slot = slotOf(hash, probe, slots.length);
      const isTaken = slots[slot + 1] !== 0 && slots[slot] !== hash;
      if (!isTaken || probe === PROBE_COUNT_MAX - 1) return slot;
    }
  }
}

/** Where a hash is looked for, `probe` slots after its own. */
function slotOf(hash: number, probe: number, length: number): number {
  // 2^32 over the golden ratio spreads what differs in its lowest or highest digits alone (Knuth 1973).
  const spread = Math.imul(hash, 0x9e3779b1);
  return (2 * ((spread >>> 7) + probe)) & (length - 1);
}
