/**
 * The topic log in a Deno KV file: durable, for one process. It keeps what the port promises by
 * three keys that every write is checked on or moves in its last atomic: the writer's (one process
 * at a time writes the file), a claim's (one owner of a partition) and each partition's end (nothing
 * beyond it is in the log).
 *
 * Keys: `["topic", name]`, `["range", topic, partition]`, `["log", topic, partition, through]`,
 * `["claim", group, partition]`, `["position", group, partition, topic]`, `["writer"]`.
 *
 * @module
 */
import {
  type Claim,
  FencedError,
  type Group,
  type LogRecord,
  type NewRecord,
  type Position,
  type TopicAdmin,
  type TopicLog,
  TopicMismatchError,
  type TopicSpec,
  type Transaction,
} from "../../ports/topic_log.ts";
import { MemoryGroup } from "../memory/group.ts";
import { AtomicWriter, CheckFailedError, type Mutation } from "./atomic_writer.ts";
import { chunksOf, encodeChunk, sizeOf } from "./chunk_codec.ts";
import { storing } from "./chunk_reader.ts";
import type { Kv } from "./kv_file.ts";
import { maintain, type MaintenanceReport } from "./maintenance.ts";
import type { Partition, StoredRange } from "./partition.ts";
import { DenoKvTopicReader, type TopicLogDeps } from "./topic_reader.ts";

/** The newest layout of the file that this program knows. */
export const TOPIC_LOG_SCHEMA_VERSION = 1;

/** Largest record, as Kafka's brokers have it by default. */
const RECORD_BYTES_MAX = 1_048_576;

/** Kafka's brokers take no longer metadata with an offset. */
const METADATA_BYTES_MAX = 4096;

/** No less than what a number or a topic's settings take when stored. */
const SMALL_BYTES = 2000;

const NO_HEADERS = Object.freeze({});

/** Where a write's records came to lie. */
type Placed = ReadonlyMap<Partition, StoredRange>;

/**
 * Opens the log for writing; from now on every earlier writer of the file is refused.
 *
 * @param kv From {@link openKvFile} with {@link TOPIC_LOG_SCHEMA_VERSION}; stays the caller's to close.
 */
export async function openTopicLog(kv: Kv, deps: TopicLogDeps): Promise<DenoKvTopicLog> {
  const key = ["writer"];
  const writer = { key, value: deps.clock.nowMs(), byteCount: SMALL_BYTES };
  const versionstamp = await new AtomicWriter(kv, []).commit([writer]);
  return new DenoKvTopicLog(kv, deps, { key, versionstamp });
}

/** The log, for the process that writes it: {@link openTopicLog}. */
export class DenoKvTopicLog extends DenoKvTopicReader implements TopicLog, TopicAdmin {
  readonly #groups = new Map<string, MemoryGroup>();
  #upkeep: Promise<unknown> = Promise.resolve();

  constructor(
    kv: Kv,
    deps: TopicLogDeps,
    protected override readonly writerCheck: Deno.AtomicCheck,
  ) {
    super(kv, deps, writerCheck);
  }

  /** As {@link TopicLog.append}; here all of them or none, and over all their partitions at once. */
  async append(records: readonly NewRecord[]): Promise<void> {
    if (records.length > 0) await this.#write(records, [], () => []);
  }

  /** As {@link TopicLog.join}: the members are those of this process. */
  async join(
    group: Group,
    own: (partition: number, revoked: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    let partitionCount = 0;
    for (const name of group.topics) {
      const topic = await this.topic(name);
      if (topic === null) throw new RangeError(`Group ${group.id}: no such topic: ${name}`);
      partitionCount = Math.max(partitionCount, topic.partitions.length);
    }
    const members = this.#groups.get(group.id) ?? new MemoryGroup();
    this.#groups.set(group.id, members);
    await members.join(partitionCount, own, signal);
  }

  /** As {@link TopicLog.claim}. */
  async claim(group: Group, partition: number): Promise<Claim> {
    const key = ["claim", group.id, partition];
    const versionstamp = await this.#writer([]).commit([
      { key, value: this.clock.nowMs(), byteCount: SMALL_BYTES },
    ]);
    const claim = { key, versionstamp };
    const positions: Record<string, Position> = {};
    const prefix = ["position", group.id, partition];
    for await (const { key, value } of this.kv.list<Position>({ prefix })) {
      positions[key[3] as string] = value;
    }
    return {
      positions,
      commit: (transaction) => this.#commit(group, partition, claim, transaction),
      release: () => Promise.resolve(),
    };
  }

  /** As {@link TopicAdmin.create}; another retention is taken over. */
  async create(specs: readonly TopicSpec[]): Promise<void> {
    for (const spec of specs) {
      const stored = (await this.topic(spec.name))?.spec ?? spec;
      for (const setting of ["partitionCount", "compacted"] as const) {
        if (stored[setting] === spec[setting]) continue;
        throw new TopicMismatchError(
          `topic ${spec.name}: its ${setting} is ${stored[setting]} here and should be ` +
            `${spec[setting]}; keep ${stored[setting]}, or set DATA_DIR to another folder`,
        );
      }
    }
    for (const spec of specs) {
      const stored = { key: ["topic", spec.name], value: { ...spec }, byteCount: SMALL_BYTES };
      await this.#writer([]).commit([stored]);
      this.remember(spec);
    }
  }

  /**
   * Drops what is past its retention, and compacts and merges what is new: to be called every few
   * minutes. Safe to stop or crash at any moment. Calls wait for each other.
   */
  maintain(signal: AbortSignal): Promise<MaintenanceReport> {
    const done = this.#upkeep.then(async () => {
      const topics: string[] = [];
      for await (const { key } of this.kv.list({ prefix: ["topic"] })) topics.push(String(key[1]));
      const found = await Promise.all(topics.map((name) => this.topic(name)));
      return await maintain(
        this.kv,
        this.writerCheck,
        found.filter((topic) => topic !== null),
        this.clock.nowMs(),
        signal,
      );
    });
    this.#upkeep = done.catch(() => {});
    return done;
  }

  async #commit(
    group: Group,
    number: number,
    claim: Deno.AtomicCheck,
    { records, offsets, metadata }: Transaction,
  ): Promise<void> {
    const positions = (placed: Placed): Mutation[] => {
      const lastOffsets: Record<string, number> = {};
      for (const [partition, { endOffset }] of placed) {
        if (partition.number === number) lastOffsets[partition.topic] = endOffset - 1;
      }
      const text = metadata(lastOffsets);
      const byteCount = new TextEncoder().encode(text).length;
      if (byteCount > METADATA_BYTES_MAX) {
        throw new RangeError(
          `Group ${group.id}/${number}: metadata of ${byteCount} bytes; at most ${METADATA_BYTES_MAX}`,
        );
      }
      return Object.entries(offsets).map(([topic, offset]) => ({
        key: ["position", group.id, number, topic],
        value: { offset, metadata: text },
        byteCount: 2 * byteCount + 100,
      }));
    };
    try {
      await this.#write(records, [claim], positions);
    } catch (error) {
      if (!(error instanceof CheckFailedError)) throw error;
      const { versionstamp } = await this.kv.get(claim.key);
      if (versionstamp === claim.versionstamp) throw error;
      throw new FencedError(`Group ${group.id}/${number}: a later claim exists`, { cause: error });
    }
  }

  /** Writes records beyond the ends, then moves the ends together with what `finish` says. */
  async #write(
    records: Iterable<NewRecord>,
    checks: readonly Deno.AtomicCheck[],
    finish: (placed: Placed) => readonly Mutation[],
  ): Promise<void> {
    const byPartition = await this.#byPartition(records);
    using locks = new DisposableStack();
    for (const partition of byPartition.keys()) locks.use(await partition.lock());
    await using writer = this.#writer(checks);
    try {
      const placed = new Map<Partition, StoredRange>();
      for (const [partition, added] of byPartition) {
        const { startOffset, endOffset, appendMs: lastAppendMs } = await partition.load();
        const appendMs = Math.max(this.clock.nowMs(), lastAppendMs);
        const located = locate(added, endOffset, appendMs);
        for (const chunk of chunksOf(located)) {
          const { offset } = chunk.at(-1)!;
          for (const part of storing(partition.prefix, offset, encodeChunk(chunk))) {
            await writer.add(part);
          }
        }
        placed.set(partition, { startOffset, endOffset: endOffset + added.length, appendMs });
      }
      const ranges = [...placed].map(([partition, range]) => partition.storing(range));
      await writer.commit([...ranges, ...finish(placed)]);
      for (const [partition, range] of placed) partition.move(range);
    } catch (error) {
      for (const partition of byPartition.keys()) partition.forget();
      throw error;
    }
  }

  #writer(checks: readonly Deno.AtomicCheck[]): AtomicWriter {
    return new AtomicWriter(this.kv, [this.writerCheck, ...checks]);
  }

  /** In one order for all writes, so that no two wait for each other's locks. */
  async #byPartition(records: Iterable<NewRecord>): Promise<Map<Partition, NewRecord[]>> {
    const topics = new Map<string, NewRecord[][]>();
    for (const record of records) {
      let ofTopic = topics.get(record.topic);
      if (ofTopic === undefined) topics.set(record.topic, ofTopic = []);
      (ofTopic[record.partition] ??= []).push(record);
    }
    const byPartition = new Map<Partition, NewRecord[]>();
    for (const topic of [...topics.keys()].sort()) {
      for (const [number, added] of Object.entries(topics.get(topic)!)) {
        byPartition.set(await this.partition(topic, Number(number)), added);
      }
    }
    return byPartition;
  }
}

function locate(records: readonly NewRecord[], offset: number, appendMs: number): LogRecord[] {
  return records.map(({ topic, key, value, headers = NO_HEADERS }, i) => {
    const record = { offset: offset + i, appendMs, key, value, headers };
    if (sizeOf(record) > RECORD_BYTES_MAX) {
      throw new RangeError(
        `${topic}: a record of ${sizeOf(record)} bytes (key ${
          key.slice(0, 100)
        }); at most ${RECORD_BYTES_MAX}`,
      );
    }
    return record;
  });
}
