import { strictEqual } from "node:assert";
import type { Group } from "../../ports/topic_log.ts";
import type { Log } from "./log_records.ts";

/** Takes part in a group, and knows what it owns; notes a partition that it is given twice. */
export class Member {
  /** Rejects as join does. */
  readonly ended: Promise<void>;
  revokedCount = 0;
  beforeEnd: () => Promise<void> = () => Promise.resolve();
  readonly #owned = new Map<number, (error: Error) => void>();
  readonly #stop = new AbortController();
  #twice: number | null = null;

  constructor(log: Log, group: Group) {
    this.ended = log.join(group, (...own) => this.#own(...own), this.#stop.signal);
    this.ended.catch(() => {});
  }

  owned(): number[] {
    strictEqual(this.#twice, null, `partition ${this.#twice} was owned twice at once`);
    return [...this.#owned.keys()].sort();
  }

  /** Makes the owner of a partition throw. */
  fail(partition: number, error: Error): void {
    this.#owned.get(partition)!(error);
  }

  async leave(): Promise<void> {
    this.#stop.abort();
    await this.ended;
  }

  async #own(partition: number, revoked: AbortSignal): Promise<void> {
    if (this.#owned.has(partition)) this.#twice = partition;
    try {
      await new Promise<void>((resolve, reject) => {
        this.#owned.set(partition, reject);
        if (revoked.aborted) resolve();
        revoked.addEventListener("abort", () => resolve(), { once: true });
      });
      this.revokedCount++;
      await this.beforeEnd();
    } finally {
      this.#owned.delete(partition);
    }
  }
}
