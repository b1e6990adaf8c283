/**
 * A topic log in memory, for tests and simulations: one {@link MemoryBroker} is the cluster, and
 * every {@link MemoryTopicLog} a process's connection to it.
 *
 * Like Kafka it leaves an offset out after every transaction (a control record), so that whoever
 * mistakes the end of a partition for the place after its last record is found out.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import {
  type Claim,
  FencedError,
  type FetchedBatch,
  type FetchOptions,
  type Group,
  type LogRecord,
  type NewRecord,
  OffsetOutOfRangeError,
  type PartitionRange,
  type Position,
  type TopicAdmin,
  type TopicLog,
  TopicMismatchError,
  type TopicSpec,
  type Transaction,
} from "../../ports/topic_log.ts";
import { MemoryGroup } from "./group.ts";

interface Partition {
  records: LogRecord[];
  startOffset: number;
  nextOffset: number;
  waiters: Set<() => void>;
}

interface Topic {
  spec: TopicSpec;
  partitions: Partition[];
}

interface Ownership {
  epoch: number;
  positions: Record<string, Position>;
}

/** What all connections share. */
export class MemoryBroker {
  readonly #topics = new Map<string, Topic>();
  readonly #ownerships = new Map<string, Ownership>();
  readonly #groups = new Map<string, MemoryGroup>();

  constructor(private readonly clock: Clock) {}

  /** A process's connection. */
  connect(): MemoryTopicLog {
    return new MemoryTopicLog(this, this.clock);
  }

  /** Makes a topic, or checks that it is as asked. */
  create(spec: TopicSpec): void {
    const existing = this.#topics.get(spec.name);
    if (existing === undefined) {
      const partitions = Array.from({ length: spec.partitionCount }, () => ({
        records: [],
        startOffset: 0,
        nextOffset: 0,
        waiters: new Set<() => void>(),
      }));
      this.#topics.set(spec.name, { spec, partitions });
      return;
    }
    for (const setting of ["partitionCount", "compacted"] as const) {
      if (existing.spec[setting] === spec[setting]) continue;
      throw new TopicMismatchError(
        `topic ${spec.name}: ${setting} is ${existing.spec[setting]} and must be ${
          spec[setting]
        }; delete the topic or change the setting`,
      );
    }
  }

  /** The partitions of a topic; `null` where there is none of that name. */
  partitionsOf(topic: string): readonly Partition[] | null {
    return this.#topics.get(topic)?.partitions ?? null;
  }

  partition(topic: string, partition: number): Partition {
    const found = this.#topics.get(topic)?.partitions[partition];
    if (found === undefined) throw new RangeError(`No such partition: ${topic}/${partition}`);
    return found;
  }

  append(records: readonly NewRecord[]): void {
    for (const { topic, partition } of records) this.partition(topic, partition);
    const touched = new Set<Partition>();
    // One for all, as a broker gives one to a batch.
    const nowMs = this.clock.nowMs();
    for (const { topic, partition, key, value, headers = {} } of records) {
      const to = this.partition(topic, partition);
      const appendMs = Math.max(nowMs, to.records.at(-1)?.appendMs ?? 0);
      to.records.push({ offset: to.nextOffset, appendMs, key, value, headers });
      to.nextOffset++;
      touched.add(to);
    }
    for (const partition of touched) wake(partition);
  }

  claim(group: Group, partition: number): { epoch: number; positions: Record<string, Position> } {
    const ownership = this.#ownership(group.id, partition);
    ownership.epoch++;
    return { epoch: ownership.epoch, positions: { ...ownership.positions } };
  }

  commit(group: Group, partition: number, epoch: number, transaction: Transaction): void {
    const ownership = this.#ownership(group.id, partition);
    if (ownership.epoch !== epoch) {
      throw new FencedError(`${group.id}/${partition}: a later claim exists`);
    }
    const lastOffsets: Record<string, number> = {};
    const records = [...transaction.records];
    for (const { topic, partition: number } of records) {
      const { nextOffset } = this.partition(topic, number);
      if (number === partition) lastOffsets[topic] = (lastOffsets[topic] ?? nextOffset - 1) + 1;
    }
    // First, because nothing may be visible if it throws.
    const metadata = transaction.metadata(lastOffsets);
    this.append(records);
    for (const [topic, offset] of Object.entries(transaction.offsets)) {
      ownership.positions[topic] = { offset, metadata };
    }
    const written = new Set(records.map((r) => this.partition(r.topic, r.partition)));
    for (const to of written) to.nextOffset++;
  }

  positions(group: Group, partition: number): Readonly<Record<string, Position>> {
    return this.#ownership(group.id, partition).positions;
  }

  /** Forgets a partition's committed positions, as an operator or an expiry might. */
  forgetPositions(group: Group, partition: number): void {
    this.#ownership(group.id, partition).positions = {};
  }

  /** Compaction: of the records before `beforeOffset` only the last of each key stays. */
  compact(topic: string, partition: number, beforeOffset: number): void {
    const { records } = this.partition(topic, partition);
    const last = new Map(records.map((record) => [record.key, record.offset]));
    this.partition(topic, partition).records = records.filter((record) =>
      record.offset >= beforeOffset || last.get(record.key) === record.offset
    );
  }

  /** Retention: drops what is before `offset`. */
  truncate(topic: string, partition: number, offset: number): void {
    const from = this.partition(topic, partition);
    from.records = from.records.filter((record) => record.offset >= offset);
    from.startOffset = Math.max(from.startOffset, offset);
  }

  group(id: string): MemoryGroup {
    let group = this.#groups.get(id);
    if (group === undefined) this.#groups.set(id, group = new MemoryGroup());
    return group;
  }

  #ownership(group: string, partition: number): Ownership {
    const key = `${group}/${partition}`;
    let ownership = this.#ownerships.get(key);
    if (ownership === undefined) this.#ownerships.set(key, ownership = { epoch: 0, positions: {} });
    return ownership;
  }
}

/** One process's connection to a {@link MemoryBroker}. */
export class MemoryTopicLog implements TopicLog, TopicAdmin {
  constructor(private readonly broker: MemoryBroker, private readonly clock: Clock) {}

  // deno-lint-ignore require-await -- the port is asynchronous; errors must reject
  async append(records: readonly NewRecord[]): Promise<void> {
    this.broker.append(records);
  }

  async fetch(
    topic: string,
    partition: number,
    offset: number,
    { byteCountMax, waitMaxMs, signal }: FetchOptions,
  ): Promise<FetchedBatch> {
    const from = this.broker.partition(topic, partition);
    if (offset < from.startOffset || offset > from.nextOffset) {
      throw new OffsetOutOfRangeError(topic, partition, offset, from.startOffset, from.nextOffset);
    }
    let batch = read(from, offset, byteCountMax);
    if (batch.records.length === 0 && waitMaxMs > 0 && !signal?.aborted) {
      await this.#waitFor(from, waitMaxMs, signal);
      batch = read(from, offset, byteCountMax);
    }
    return batch;
  }

  async join(
    group: Group,
    own: (partition: number, revoked: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const counts = group.topics.map((topic) => this.broker.partitionsOf(topic)?.length ?? 0);
    await this.broker.group(group.id).join(Math.max(...counts), own, signal);
  }

  // deno-lint-ignore require-await -- as above
  async claim(group: Group, partition: number): Promise<Claim> {
    const { epoch, positions } = this.broker.claim(group, partition);
    return {
      positions,
      // deno-lint-ignore require-await -- as above
      commit: async (transaction) => this.broker.commit(group, partition, epoch, transaction),
      release: () => Promise.resolve(),
    };
  }

  // deno-lint-ignore require-await -- as above
  async create(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) this.broker.create(spec);
  }

  describe(topic: string): Promise<readonly PartitionRange[] | null> {
    const partitions = this.broker.partitionsOf(topic);
    return Promise.resolve(
      partitions?.map(({ startOffset, nextOffset }) => ({ startOffset, endOffset: nextOffset })) ??
        null,
    );
  }

  positions(group: Group): Promise<Record<string, (number | null)[]>> {
    const positions: Record<string, (number | null)[]> = {};
    for (const topic of group.topics) {
      positions[topic] = (this.broker.partitionsOf(topic) ?? []).map((_, partition) =>
        this.broker.positions(group, partition)[topic]?.offset ?? null
      );
    }
    return Promise.resolve(positions);
  }

  async #waitFor(from: Partition, waitMaxMs: number, signal?: AbortSignal): Promise<void> {
    const woken = new AbortController();
    const wake = () => woken.abort();
    from.waiters.add(wake);
    signal?.addEventListener("abort", wake, { once: true });
    await this.clock.sleep(waitMaxMs, woken.signal);
    signal?.removeEventListener("abort", wake);
    from.waiters.delete(wake);
  }
}

function wake(partition: Partition): void {
  for (const waiter of [...partition.waiters]) waiter();
}

function read(from: Partition, offset: number, byteCountMax: number): FetchedBatch {
  const records: LogRecord[] = [];
  let byteCount = 0;
  let nextOffset = from.nextOffset;
  for (let i = firstAtOrAfter(from.records, offset); i < from.records.length; i++) {
    const record = from.records[i]!;
    const size = (record.key?.length ?? 0) + (record.value?.length ?? 0);
    if (records.length > 0 && byteCount + size > byteCountMax) {
      nextOffset = record.offset;
      break;
    }
    byteCount += size;
    records.push(record);
  }
  return { records, nextOffset, startOffset: from.startOffset, endOffset: from.nextOffset };
}

function firstAtOrAfter(records: readonly LogRecord[], offset: number): number {
  let low = 0;
  let high = records.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (records[middle]!.offset < offset) low = middle + 1;
    else high = middle;
  }
  return low;
}
