/**
 * One partition, from its claim until it is taken away: samples in, a checkpoint now and then.
 *
 * In: `samples`. Out: `statistics` and `rejected`, with the group's position in one transaction.
 * Safe to run twice: a second owner fences the first before it reads anything (protocol rules 2, 3).
 *
 * @module
 */
import type { Clock, Random } from "../ports/clock.ts";
import {
  type Claim,
  type FetchedBatch,
  OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";
import type { PartitionWindows, WindowStore } from "../ports/window_store.ts";
import { TOPICS } from "../topology.ts";
import { openPartition, skipLost } from "./claiming.ts";
import type { FoldConfig, Partition } from "./partition.ts";
import type { Restores } from "./restores.ts";
import type { Rules } from "./rules.ts";
import { closeDue, isDue, writeCheckpoint } from "./writing.ts";

/** One fetch of samples, in bytes: some 5,000 samples, a few ms of folding. */
const FETCH_BYTES = 1024 * 1024;
/** How long a fetch waits at most, in ms: windows are looked over for closing this often. */
const FETCH_WAIT_MS = 1000;
/** While stream time is in the past, whatever was caught up with is published this often, in ms. */
const CATCHING_UP_FLUSH_MS = 1000;
/** Dirty windows that make a checkpoint due: what one transaction carries at most. */
const DIRTY_MAX = 50_000;

/** What an owner works with. */
export interface OwnerDeps {
  log: Pick<TopicLog, "fetch">;
  windows: WindowStore;
  clock: Clock;
  random: Random;
  rules: Rules;
  restores: Restores;
  /** Told after every checkpoint and fetch. */
  observe(partition: Partition, event: OwnerEvent): void;
}

/** What happened, for metrics and logs. */
export type OwnerEvent =
  | { kind: "claimed"; durationMs: number }
  | { kind: "folded"; lag: number }
  | { kind: "checkpointed"; durationMs: number; windowCount: number };

/** How an owner works. */
export interface OwnerConfig extends FoldConfig {
  flushIntervalMs: number;
  skipLost: boolean;
}

/** Owns the claimed partition until `signal` aborts; rejects on any doubt, for the caller to claim again. */
export async function ownPartition(
  claim: Claim,
  signal: AbortSignal,
  progress: () => void,
  config: OwnerConfig,
  deps: OwnerDeps,
): Promise<void> {
  const startedMs = deps.clock.nowMs();
  const shelf = await deps.windows.claim(config.partition);
  const partition = await openPartition(claim, shelf, config, {
    ...deps,
    signal,
    skipLost: config.skipLost,
  });
  if (signal.aborted) return;
  deps.observe(partition, { kind: "claimed", durationMs: deps.clock.nowMs() - startedMs });
  const owner = new Owner(partition, shelf, claim, config, deps);
  progress();
  try {
    while (!signal.aborted) {
      await owner.step(signal);
      progress();
    }
    await owner.finish();
  } finally {
    // Whoever comes next on this disk must not meet what this one has begun.
    await partition.saving?.catch(() => {});
  }
}

class Owner {
  readonly #dirtyMax: number;
  #checkpointedMs: number;
  /** Stream time is not near the present yet: until then whoever waits for statistics waits no flush interval. */
  #isCatchingUp = true;

  constructor(
    private readonly partition: Partition,
    private readonly shelf: PartitionWindows,
    private readonly claim: Claim,
    private readonly config: OwnerConfig,
    private readonly deps: OwnerDeps,
  ) {
    this.#dirtyMax = Math.max(1, Math.min(DIRTY_MAX, Math.floor(config.cacheWindowCountMax / 2)));
    this.#checkpointedMs = deps.clock.nowMs() - CATCHING_UP_FLUSH_MS;
  }

  /** One fetch, folded, and a checkpoint where one is due. */
  async step(signal: AbortSignal): Promise<void> {
    const { partition, deps } = this;
    const batch = await this.#fetch(signal);
    if (batch === null) return;
    const missing = partition.missing(batch.records);
    if (missing.length > 0) {
      for (const window of await this.shelf.read(missing)) {
        if (window !== null) partition.take(window);
      }
    }
    partition.fold(batch.records, batch.nextOffset);
    if (partition.saving === null) partition.cache.shrink();
    deps.observe(partition, { kind: "folded", lag: batch.endOffset - partition.nextOffset });
    // An answer cut short by the signal says nothing of the end.
    const caughtUp = partition.nextOffset >= batch.endOffset && !signal.aborted;
    const idleness = { nowMs: deps.clock.nowMs(), caughtUp };
    if (this.#isCheckpointDue(idleness)) await this.#checkpoint(idleness);
  }

  /** The last checkpoint before the partition is left. */
  async finish(): Promise<void> {
    if (this.partition.changed) await this.#checkpoint({ nowMs: 0, caughtUp: false });
  }

  async #fetch(signal: AbortSignal): Promise<FetchedBatch | null> {
    const { partition, deps, config } = this;
    const flushInMs = this.#checkpointedMs + config.flushIntervalMs - deps.clock.nowMs();
    const waitMaxMs = partition.changed
      ? Math.max(0, Math.min(FETCH_WAIT_MS, flushInMs))
      : FETCH_WAIT_MS;
    try {
      return await deps.log.fetch(TOPICS.samples, config.partition, partition.nextOffset, {
        byteCountMax: FETCH_BYTES,
        waitMaxMs,
        signal,
      });
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
      // A new deployment begins where the log does.
      const isNew = partition.committedOffset < 0 && partition.nextOffset === 0;
      if (isNew) partition.nextOffset = error.startOffset;
      else skipLost(partition, error, config.skipLost);
      return null;
    }
  }

  #isCheckpointDue(idleness: { nowMs: number; caughtUp: boolean }): boolean {
    const { partition, config } = this;
    if (partition.cache.dirty.size >= this.#dirtyMax) return true;
    if (partition.isFull) return true;
    if (partition.changed) {
      const sinceMs = idleness.nowMs - this.#checkpointedMs;
      if (sinceMs >= config.flushIntervalMs) return true;
      if (this.#isCatchingUp && idleness.caughtUp && sinceMs >= CATCHING_UP_FLUSH_MS) return true;
    }
    // Stream time closes windows at the next flush; only the wall clock has to be asked here.
    if (!idleness.caughtUp || partition.changed) return false;
    for (const startMs of partition.openStarts) {
      if (isDue(partition, startMs, idleness)) return true;
    }
    return false;
  }

  async #checkpoint(idleness: { nowMs: number; caughtUp: boolean }): Promise<void> {
    const { partition, shelf, claim, deps } = this;
    let more = true;
    while (more) {
      const startedMs = deps.clock.nowMs();
      more = await closeDue(partition, shelf, idleness, this.#dirtyMax);
      const windowCount = partition.cache.dirty.size;
      await writeCheckpoint(partition, shelf, claim, deps.random.id());
      const durationMs = deps.clock.nowMs() - startedMs;
      deps.observe(partition, { kind: "checkpointed", durationMs, windowCount });
    }
    const nowMs = deps.clock.nowMs();
    if ((partition.streamMs ?? 0) >= nowMs - this.config.windowSizeMs) this.#isCatchingUp = false;
    this.#checkpointedMs = nowMs;
  }
}
