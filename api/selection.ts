/**
 * The first few of very many, in memory for the few.
 *
 * @module
 */

/** Room beyond what is kept, so that it is sorted seldom. */
const ROOM = 1000;

/**
 * Keeps the first `size` of all that it is shown, by `compare`.
 *
 * @example
 * ```ts
 * import { Selection } from "./selection.ts";
 * import { deepStrictEqual } from "node:assert";
 * const least = new Selection<number>(2, (a, b) => a - b);
 * for (const number of [5, 3, 9, 1]) least.add(number);
 * deepStrictEqual(least.inOrder(), [1, 3]);
 * ```
 */
export class Selection<Item> {
  #kept: Item[] = [];
  /** Whatever does not come before this one is not among the first. */
  #last: Item | undefined;

  constructor(
    private readonly size: number,
    private readonly compare: (a: Item, b: Item) => number,
  ) {}

  /** Shows it one. */
  add(item: Item): void {
    if (this.#last !== undefined && this.compare(item, this.#last) >= 0) return;
    if (this.#kept.push(item) >= 2 * this.size + ROOM) this.#cut();
  }

  /** The first of those that were shown, in order. */
  inOrder(): readonly Item[] {
    this.#cut();
    return this.#kept;
  }

  #cut(): void {
    this.#kept.sort(this.compare);
    if (this.#kept.length < this.size) return;
    this.#kept.length = this.size;
    this.#last = this.#kept.at(-1);
  }
}
