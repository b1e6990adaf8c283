/**
 * One partition number of the writer's topics, from its claim until it is taken away.
 *
 * In: `statistics` and `polls`. Out: the store, and `rejected` for what is no record of ours.
 * Safe to run twice: the store ignores what it has, and the position moves only after the store took it.
 *
 * @module
 */
import { decodePoll } from "../adapters/codecs/poll_codec.ts";
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import { decodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import type { Clock } from "../ports/clock.ts";
import type { StatisticsSink } from "../ports/statistics_store.ts";
import {
  type Claim,
  type FetchedBatch,
  type LogRecord,
  type NewRecord,
  OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";
import { setAside } from "../roles/rejected.ts";
import { StopPartitionError } from "../roles/partition_task.ts";
import { TOPICS } from "../topology.ts";
import { storable } from "./storable.ts";

/** One fetch, in bytes: some 2,000 windows. */
const FETCH_BYTES = 1024 * 1024;
/** How long a fetch waits for a record, in ms. */
const FETCH_WAIT_MS = 5_000;
/** While there is more to read, positions are committed no more often than this, in ms. */
const COMMIT_INTERVAL_MS = 250;

/** What a partition's writer works with. */
export interface PartitionWriterDeps {
  log: Pick<TopicLog, "fetch">;
  sink: StatisticsSink;
  clock: Clock;
  observe(event: WriterEvent): void;
}

/** What happened, for metrics and logs. */
export type WriterEvent =
  | { kind: "stored"; topic: string; recordCount: number; changedCount: number; durationMs: number }
  | { kind: "read"; topic: string; partition: number; lag: number }
  | { kind: "rejected"; topic: string; count: number }
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
  const offsets: Record<string, number> = {};
  for (const topic of topics) offsets[topic] = claim.positions[topic]?.offset ?? 0;
  const writer = new PartitionWriter(claim, partition, offsets, deps);
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

class PartitionWriter {
  readonly #rejected: NewRecord[] = [];
  #isBehind = false;
  #committedMs: number;

  constructor(
    private readonly claim: Claim,
    private readonly partition: number,
    private readonly offsets: Record<string, number>,
    private readonly deps: PartitionWriterDeps,
  ) {
    this.#committedMs = deps.clock.nowMs();
  }

  async fetch(topic: string, signal: AbortSignal): Promise<Fetched> {
    const { deps, partition } = this;
    for (;;) {
      const offset = this.offsets[topic]!;
      try {
        const batch = await deps.log.fetch(topic, partition, offset, {
          byteCountMax: FETCH_BYTES,
          waitMaxMs: FETCH_WAIT_MS,
          signal,
        });
        return { topic, batch };
      } catch (error) {
        if (!(error instanceof OffsetOutOfRangeError)) throw error;
        if (offset > error.endOffset) throw recreated(error);
        // What retention dropped was either stored long ago or superseded by a record still there.
        const { startOffset } = error;
        if (offset > 0) deps.observe({ kind: "skipped", topic, partition, offset, startOffset });
        this.offsets[topic] = startOffset;
      }
    }
  }

  /** Stores a batch; then its offset may be committed. */
  async take(topic: string, { records, nextOffset, endOffset }: FetchedBatch): Promise<void> {
    const { deps, partition } = this;
    deps.observe({ kind: "read", topic, partition, lag: endOffset - nextOffset });
    if (nextOffset === this.offsets[topic]) return await this.#commitIfDue(false);
    if (records.length > 0) await this.#store(topic, records);
    this.offsets[topic] = nextOffset;
    this.#isBehind = true;
    await this.#commitIfDue(nextOffset < endOffset);
  }

  /** Commits what was stored since the last time. */
  async commit(): Promise<void> {
    if (!this.#isBehind) return;
    const records = this.#rejected.splice(0);
    await this.claim.commit({ records, offsets: { ...this.offsets }, metadata: () => '{"v":1}' });
    this.#isBehind = false;
    this.#committedMs = this.deps.clock.nowMs();
  }

  async #commitIfDue(isMoreWaiting: boolean): Promise<void> {
    const sinceMs = this.deps.clock.nowMs() - this.#committedMs;
    if (!isMoreWaiting || sinceMs >= COMMIT_INTERVAL_MS) await this.commit();
  }

  async #store(topic: string, records: readonly LogRecord[]): Promise<void> {
    const { sink, clock, observe } = this.deps;
    const startedMs = clock.nowMs();
    let changedCount: number;
    if (topic === TOPICS.statistics) {
      const windows = this.#decode(topic, records, (value) => storable(decodeStatistics(value)));
      changedCount = await sink.writeStatistics(windows);
    } else {
      const polls = this.#decode(topic, records, decodePoll);
      await sink.writePolls(polls);
      changedCount = polls.length;
    }
    const durationMs = clock.nowMs() - startedMs;
    observe({ kind: "stored", topic, recordCount: records.length, changedCount, durationMs });
  }

  #decode<T>(
    topic: string,
    records: readonly LogRecord[],
    decode: (value: Uint8Array | null) => T,
  ): T[] {
    const decoded: T[] = [];
    const poison: NewRecord[] = [];
    for (const record of records) {
      try {
        decoded.push(decode(record.value));
      } catch (error) {
        if (error instanceof NewerSchemaError) {
          throw new StopPartitionError(`${topic}, offset ${record.offset}: ${error.message}`);
        }
        if (!(error instanceof TypeError)) throw error;
        const { partition } = this;
        const detail = error.message;
        poison.push(setAside({ topic, partition, record, reason: "malformed", detail }));
      }
    }
    if (poison.length > 0) {
      this.#rejected.push(...poison);
      this.deps.observe({ kind: "rejected", topic, count: poison.length });
    }
    return decoded;
  }
}

function recreated({ topic, offset, endOffset }: OffsetOutOfRangeError): StopPartitionError {
  return new StopPartitionError(
    `the committed offset ${offset} is past the end (${endOffset}) of ${topic}: was the topic deleted and made again? Delete the group's offsets to start over`,
  );
}
