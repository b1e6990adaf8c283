/**
 * Which of the sources this process polls, where several processes share them.
 *
 * A source belongs to the owner of one partition number of a group, so that it is polled once a tick
 * and its budget is spent once; when its owner dies, the group gives it to another. For a moment two
 * may poll it, which does no harm: a market's tick is counted once.
 *
 * @module
 */
import type { MarketSource } from "../ports/market_source.ts";
import { aborted } from "../signals.ts";

/** The sources that are this process's at the moment. */
export class SourceShare {
  readonly #owned = new Set<number>();
  #hadSources = false;
  readonly #partitions: ReadonlyMap<string, number>;

  /**
   * @param sources The same in all processes of the group.
   * @param partitionCount Of the group's topic.
   * @param onTaken Told of sources that have become this process's.
   */
  constructor(
    private readonly sources: readonly MarketSource[],
    partitionCount: number,
    private readonly onTaken: (sources: readonly MarketSource[]) => void,
  ) {
    // Evenly over all numbers: members mostly get neighbouring ones.
    const names = sources.map(({ name }) => name).sort();
    const spread = partitionCount / names.length;
    this.#partitions = new Map(names.map((name, i) => [name, Math.floor(i * spread)]));
  }

  /** Whether this process polls the source. */
  has(source: MarketSource): boolean {
    return this.#owned.has(this.#partitions.get(source.name)!);
  }

  /** Whether this process polled, and is out of the group now: a member has some partition. */
  get isOut(): boolean {
    return this.#hadSources && this.#owned.size === 0;
  }

  /** Has the sources of a partition number until it is revoked. */
  async own(partition: number, revoked: AbortSignal): Promise<void> {
    this.#owned.add(partition);
    const sources = this.sources.filter(({ name }) => this.#partitions.get(name) === partition);
    if (sources.length > 0) {
      this.#hadSources = true;
      this.onTaken(sources);
    }
    await aborted(revoked);
    this.#owned.delete(partition);
  }
}
