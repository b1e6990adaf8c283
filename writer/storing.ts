/**
 * One batch of records into the store. What is no record of ours, or is refused by the store, is told
 * apart, to be set aside.
 *
 * @module
 */
import { decodeNotification } from "../adapters/codecs/notification_codec.ts";
import { decodePoll } from "../adapters/codecs/poll_codec.ts";
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import { decodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import type { Clock } from "../ports/clock.ts";
import { RecordsRefusedError, type StatisticsSink } from "../ports/statistics_store.ts";
import type { LogRecord, NewRecord } from "../ports/topic_log.ts";
import { setAside } from "../roles/rejected.ts";
import { StopPartitionError } from "../roles/partition_task.ts";
import { TOPICS } from "../topology.ts";
import { storable, storableNotification } from "./storable.ts";
import type { StoreOutage } from "./store_outage.ts";

/** What batches are stored by. */
export interface StoringDeps {
  sink: StatisticsSink;
  outage: StoreOutage;
  clock: Clock;
  observe(event: StoringEvent): void;
}

/** What happened, for metrics. */
export type StoringEvent =
  | { kind: "stored"; topic: string; recordCount: number; changedCount: number; durationMs: number }
  | { kind: "rejected"; topic: string; count: number; reason: "malformed" | "refused" };

/** Records of one partition, in order. */
export interface Batch {
  topic: string;
  partition: number;
  records: readonly LogRecord[];
}

/** What became of a batch. */
export interface Stored {
  /** Of those that the store did not take: the records for `rejected`. */
  rejected: readonly NewRecord[];
}

/**
 * Stores a batch, however long the store is away.
 *
 * @returns `null` where `signal` aborted first: the next owner meets all of it again.
 * @throws {StopPartitionError} At a record of a newer program.
 */
export async function storeBatch(
  batch: Batch,
  signal: AbortSignal,
  deps: StoringDeps,
): Promise<Stored | null> {
  const startedMs = deps.clock.nowMs();
  const storing = new BatchStoring(batch, signal, deps);
  const changedCount = await storing.run();
  if (changedCount === null) return null;
  const { topic, records: { length: recordCount } } = batch;
  const durationMs = deps.clock.nowMs() - startedMs;
  deps.observe({ kind: "stored", topic, recordCount, changedCount, durationMs });
  return storing;
}

/** A record, and what it says. */
interface Decoded<T> {
  record: LogRecord;
  value: T;
}

class BatchStoring implements Stored {
  readonly rejected: NewRecord[] = [];

  constructor(
    private readonly batch: Batch,
    private readonly signal: AbortSignal,
    private readonly deps: StoringDeps,
  ) {}

  /** How many rows changed; `null` where the partition was taken away first. */
  async run(): Promise<number | null> {
    const { sink } = this.deps;
    if (this.batch.topic === TOPICS.statistics) {
      const windows = this.#decode((value) => storable(decodeStatistics(value)));
      return await this.#write(windows, (values) => sink.writeStatistics(values));
    }
    if (this.batch.topic === TOPICS.notifications) {
      const found = this.#decode((value) => storableNotification(decodeNotification(value)));
      return await this.#write(found, (values) => sink.writeNotifications(values));
    }
    return await this.#write(this.#decode(decodePoll), async (values) => {
      await sink.writePolls(values);
      return values.length;
    });
  }

  /** A batch that the store refuses is halved until the records are found that it refuses, and they alone are set aside. */
  async #write<T>(
    records: readonly Decoded<T>[],
    write: (values: readonly T[]) => Promise<number>,
  ): Promise<number | null> {
    try {
      const work = () => write(records.map(({ value }) => value));
      return (await this.deps.outage.through(work, this.signal))?.value ?? null;
    } catch (error) {
      if (!(error instanceof RecordsRefusedError)) throw error;
      if (records.length === 1) {
        this.#setAside("refused", [[records[0]!.record, error.message]]);
        return 0;
      }
    }
    const half = records.length >> 1;
    const first = await this.#write(records.slice(0, half), write);
    const second = first === null ? null : await this.#write(records.slice(half), write);
    return second === null ? null : first! + second;
  }

  #decode<T>(decode: (value: Uint8Array | null) => T): Decoded<T>[] {
    const decoded: Decoded<T>[] = [];
    const poison: [LogRecord, string][] = [];
    for (const record of this.batch.records) {
      try {
        decoded.push({ record, value: decode(record.value) });
      } catch (error) {
        if (error instanceof NewerSchemaError) {
          const place = `${this.batch.topic}, offset ${record.offset}`;
          throw new StopPartitionError(`${place}: ${error.message}`);
        }
        if (!(error instanceof TypeError)) throw error;
        poison.push([record, error.message]);
      }
    }
    this.#setAside("malformed", poison);
    return decoded;
  }

  #setAside(reason: "malformed" | "refused", records: readonly [LogRecord, string][]): void {
    if (records.length === 0) return;
    const { topic, partition } = this.batch;
    for (const [record, detail] of records) {
      this.rejected.push(setAside({ topic, partition, record, reason, detail }));
    }
    this.deps.observe({ kind: "rejected", topic, count: records.length, reason });
  }
}
