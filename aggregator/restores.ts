/**
 * The restores of one process: its partitions are usually taken over together, and the last of them
 * counts soonest if nobody writes to disk meanwhile what memory has already.
 *
 * @module
 */

/** Restores under way. */
export class Restores {
  #count = 0;
  #ended = Promise.withResolvers<void>();

  /** Runs one. */
  async run(restore: () => Promise<void>): Promise<void> {
    if (this.#count++ === 0) this.#ended = Promise.withResolvers();
    try {
      await restore();
    } finally {
      if (--this.#count === 0) this.#ended.resolve();
    }
  }

  /** Resolves once none of those under way now, or begun before they ended, is. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }
}
