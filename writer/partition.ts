/**
 * One partition number of the writer's topics, from its claim until it is taken away.
 *
 * In: `statistics`, `polls` and `notifications`. Out: the store, and `rejected` for what is no record
 * of ours or what the store refuses. Safe to run twice: the store ignores what it has, and the position moves only
 * after one of the two took each record.
 *
 * @module
 */
import type { Clock } from "../ports/clock.ts";
import type { StatisticsSink } from "../ports/statistics_store.ts";
import {
  type Claim,
  type FetchedBatch,
  type NewRecord,
  OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";
import { recreated } from "../roles/partition_task.ts";
import { storeBatch, type StoringEvent } from "./storing.ts";
import type { StoreOutage } from "./store_outage.ts";

/** One fetch, in bytes: some 2,000 windows. */
const FETCH_BYTES = 1024 * 1024;
/** How long a fetch waits for a record, in ms. */
const FETCH_WAIT_MS = 5_000;
/** While there is more to read, positions are committed no more often than this, in ms. */
const COMMIT_INTERVAL_MS = 250;

/** What an operator can do about a log that is another than the one read. */
const START_OVER = "Delete the group's offsets to start over";

/** What a partition's writer works with. */
export interface PartitionWriterDeps {
  log: Pick<TopicLog, "fetch">;
  sink: StatisticsSink;
  outage: StoreOutage;
  clock: Clock;
  observe(event: WriterEvent): void;
}

/** What happened, for metrics and logs. */
export type WriterEvent =
  | StoringEvent
  | { kind: "read"; topic: string; partition: number; lag: number }
  | { kind: "replaced"; partition: number }
  | { kind: "left"; topic: string; partition: number }
  | { kind: "skipped"; topic: string; partition: number; offset: number; startOffset: number };

interface Fetched {
  topic: string;
  batch: FetchedBatch;
}

/** Writes what the topics bring into the store until `signal` aborts; rejects on any doubt. */
export async function writePartition(
  claim: Claim,
  signal: AbortSignal,
  progress: () => void,
  partition: number,
  topics: readonly string[],
  deps: PartitionWriterDeps,
): Promise<void> {
  const stop = new AbortController();
  const fetchSignal = AbortSignal.any([signal, stop.signal]);
  const store = await deps.outage.through(() => deps.sink.storeId(), signal);
  if (store === null) return;
  const offsets: Record<string, number> = {};
  for (const topic of topics) {
    const position = claim.positions[topic];
    const isOther = position !== undefined && isOfOtherStore(position.metadata, store.value);
    if (isOther) deps.observe({ kind: "replaced", partition });
    offsets[topic] = isOther ? 0 : position?.offset ?? 0;
  }
  const writer = new PartitionWriter(
    { claim, partition, offsets, signal, storeId: store.value },
    deps,
  );
  const fetch = (topic: string) => {
    const fetched = writer.fetch(topic, fetchSignal);
    // One that fails while another's batch is stored is heard of in the next race, or at the end not at all.
    fetched.catch(() => {});
    return fetched;
  };
  const pending = new Map(topics.map((topic) => [topic, fetch(topic)]));
  try {
    while (!signal.aborted) {
      const { topic, batch } = await Promise.race(pending.values());
      await writer.take(topic, batch);
      progress();
      pending.set(topic, fetch(topic));
    }
    await writer.commit();
  } finally {
    stop.abort();
    await Promise.allSettled(pending.values());
  }
}

/** Whether a position was committed after another store took what is before it: this one has none of it. */
function isOfOtherStore(metadata: string, storeId: string): boolean {
  try {
    const { store = storeId } = JSON.parse(metadata) as { store?: string };
    return store !== storeId;
  } catch {
    // An operator's tool moved the position: on purpose.
    return false;
  }
}

/** What a writer holds. */
interface Holding {
  claim: Claim;
  partition: number;
  /** Where to go on, per topic. */
  offsets: Record<string, number>;
  /** Aborts when it is taken away. */
  signal: AbortSignal;
  storeId: string;
}

class PartitionWriter {
  readonly #rejected: NewRecord[] = [];
  #isBehind = false;
  #committedMs: number;

  constructor(private readonly holding: Holding, private readonly deps: PartitionWriterDeps) {
    this.#committedMs = deps.clock.nowMs();
  }

  async fetch(topic: string, signal: AbortSignal): Promise<Fetched> {
    const { deps } = this;
    const { partition, offsets } = this.holding;
    for (;;) {
      const offset = offsets[topic]!;
      try {
        const batch = await deps.log.fetch(topic, partition, offset, {
          byteCountMax: FETCH_BYTES,
          waitMaxMs: FETCH_WAIT_MS,
          signal,
        });
        return { topic, batch };
      } catch (error) {
        if (!(error instanceof OffsetOutOfRangeError)) throw error;
        if (offset > error.endOffset) throw recreated(error, START_OVER);
        // What retention dropped was either stored long ago or superseded by a record still there.
        const { startOffset } = error;
        if (offset > 0) deps.observe({ kind: "skipped", topic, partition, offset, startOffset });
        offsets[topic] = startOffset;
      }
    }
  }

  /** Stores a batch; then its offset may be committed. Does nothing where the partition is taken away before the store took it. */
  async take(topic: string, { records, nextOffset, endOffset }: FetchedBatch): Promise<void> {
    const { partition, offsets, signal } = this.holding;
    this.deps.observe({ kind: "read", topic, partition, lag: endOffset - nextOffset });
    if (nextOffset === offsets[topic]) return await this.#commitIfDue(false);
    if (records.length > 0) {
      const stored = await storeBatch({ topic, partition, records }, signal, this.deps);
      if (stored === null) return;
      this.#rejected.push(...stored.rejected);
    }
    offsets[topic] = nextOffset;
    this.#isBehind = true;
    await this.#commitIfDue(nextOffset < endOffset);
  }

  /** Commits what was stored since the last time. */
  async commit(): Promise<void> {
    if (!this.#isBehind) return;
    const { claim, offsets, signal, storeId } = this.holding;
    const { outage, sink, clock } = this.deps;
    const store = await outage.through(() => sink.storeId(), signal);
    if (store === null) return;
    if (store.value !== storeId) throw new Error("the store was emptied, or is another");
    const records = this.#rejected.splice(0);
    const metadata = () => JSON.stringify({ v: 1, store: storeId });
    await claim.commit({ records, offsets: { ...offsets }, metadata });
    this.#isBehind = false;
    this.#committedMs = clock.nowMs();
  }

  async #commitIfDue(isMoreWaiting: boolean): Promise<void> {
    const sinceMs = this.deps.clock.nowMs() - this.#committedMs;
    if (!isMoreWaiting || sinceMs >= COMMIT_INTERVAL_MS) await this.commit();
  }
}
