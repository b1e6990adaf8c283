/**
 * The tasks that own a member's partitions: begun when one is given to it, told to end when it is taken
 * away, and begun again only after that has happened.
 *
 * @module
 */
import { orAborted } from "../../signals.ts";

/** What owns a partition until `revoked` aborts. */
export type Own = (partition: number, revoked: AbortSignal) => Promise<void>;

/** The tasks that own partitions in this process. */
export class Ownership {
  readonly #own: Own;
  readonly #tasks = new Map<number, { revoke: AbortController; ended: Promise<void> }>();
  readonly #failed = new AbortController();
  #assigned: ReadonlySet<number> = new Set();

  constructor(own: Own) {
    this.#own = own;
  }

  /** Aborts with the first error of a task. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get assigned(): readonly number[] {
    return [...this.#assigned];
  }

  /** Ends the tasks of all partitions but these, and begins those that are new. */
  assign(partitions: readonly number[]): void {
    this.#assigned = new Set(partitions);
    for (const [partition, task] of this.#tasks) {
      if (!this.#assigned.has(partition)) task.revoke.abort();
    }
    for (const partition of partitions) this.#begin(partition);
  }

  /** Resolves when no task is left. */
  async ended(): Promise<void> {
    while (this.#tasks.size > 0) {
      await Promise.all([...this.#tasks.values()].map((task) => task.ended));
    }
  }

  #begin(partition: number): void {
    if (this.#tasks.has(partition)) return;
    const revoke = new AbortController();
    const task = async () => {
      try {
        await this.#own(partition, revoke.signal);
        // One that ends by itself keeps the partition, idle, until it is taken away.
        await orAborted(new Promise(() => {}), revoke.signal);
      } catch (error) {
        this.#failed.abort(error);
      }
      this.#tasks.delete(partition);
      if (this.#assigned.has(partition) && !this.failed.aborted) this.#begin(partition);
    };
    this.#tasks.set(partition, { revoke, ended: task() });
  }
}
