/**
 * Reading the embedded log, also beside the process that writes it.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import {
  type FetchedBatch,
  type FetchOptions,
  type Group,
  OffsetOutOfRangeError,
  type PartitionRange,
  type TopicAdmin,
  type TopicLog,
  type TopicSpec,
} from "../../ports/topic_log.ts";
import type { Kv } from "./kv_file.ts";
import { Partition } from "./partition.ts";

/** Another process's appends wake nobody here: look again so often. */
const POLL_INTERVAL_MS = 200;

/** A topic and its partitions. */
export interface Topic {
  spec: TopicSpec;
  partitions: readonly Partition[];
}

/** What the log's readers need. */
export interface TopicLogDeps {
  clock: Clock;
}

/** Reads the log; {@link DenoKvTopicLog} is the one that also writes. */
export class DenoKvTopicReader
  implements Pick<TopicLog, "fetch">, Pick<TopicAdmin, "describe" | "positions"> {
  protected readonly clock: Clock;
  readonly #topics = new Map<string, Topic>();

  /**
   * @param writerCheck What every write is checked on; `null` where another process writes.
   */
  constructor(
    protected readonly kv: Kv,
    deps: TopicLogDeps,
    protected readonly writerCheck: Deno.AtomicCheck | null = null,
  ) {
    this.clock = deps.clock;
  }

  /** As {@link TopicLog.fetch}. */
  async fetch(
    topic: string,
    partitionNumber: number,
    offset: number,
    { byteCountMax, waitMaxMs, signal }: FetchOptions,
  ): Promise<FetchedBatch> {
    const partition = await this.partition(topic, partitionNumber);
    const deadlineMs = this.clock.nowMs() + waitMaxMs;
    for (let from = offset;;) {
      const { endOffset } = await partition.range();
      const { records, nextOffset } = await partition.read(from, endOffset, byteCountMax);
      // Only now: retention may have overtaken the reading.
      const range = await partition.range();
      if (offset < range.startOffset || offset > range.endOffset) {
        const { startOffset, endOffset } = range;
        throw new OffsetOutOfRangeError(topic, partitionNumber, offset, startOffset, endOffset);
      }
      const leftMs = deadlineMs - this.clock.nowMs();
      if (records.length > 0 || leftMs <= 0 || signal?.aborted) {
        return { records, nextOffset, ...rangeOf(range) };
      }
      from = nextOffset;
      const pauseMs = this.writerCheck === null ? Math.min(leftMs, POLL_INTERVAL_MS) : leftMs;
      await partition.wait(endOffset, pauseMs, this.clock, signal);
    }
  }

  /** As {@link TopicAdmin.describe}. */
  async describe(topic: string): Promise<readonly PartitionRange[] | null> {
    const found = await this.topic(topic);
    if (found === null) return null;
    return await Promise.all(found.partitions.map(async (one) => rangeOf(await one.range())));
  }

  /** As {@link TopicAdmin.positions}. */
  async positions(group: Group): Promise<Record<string, (number | null)[]>> {
    const positions: Record<string, (number | null)[]> = {};
    for (const topic of group.topics) {
      positions[topic] = ((await this.topic(topic))?.partitions ?? []).map(() => null);
    }
    const prefix = ["position", group.id];
    for await (const { key, value } of this.kv.list<{ offset: number }>({ prefix })) {
      const [, , number, topic] = key as [string, string, number, string];
      const ofTopic = positions[topic];
      if (ofTopic !== undefined && number < ofTopic.length) ofTopic[number] = value.offset;
    }
    return positions;
  }

  /** The topic, as stored if it is not known yet; `null` where there is none. */
  protected async topic(name: string): Promise<Topic | null> {
    const known = this.#topics.get(name);
    if (known !== undefined) return known;
    const { value } = await this.kv.get<TopicSpec>(["topic", name]);
    return value === null ? null : this.remember(value);
  }

  /** Takes over a topic's stored settings; its partitions stay the same objects. */
  protected remember(spec: TopicSpec): Topic {
    const known = this.#topics.get(spec.name);
    const partitions = known?.partitions ??
      Array.from(
        { length: spec.partitionCount },
        (_, number) => new Partition(this.kv, spec.name, number, this.writerCheck),
      );
    const topic = { spec, partitions };
    this.#topics.set(spec.name, topic);
    return topic;
  }

  /** @throws {RangeError} Where there is no such partition. */
  protected async partition(topic: string, number: number): Promise<Partition> {
    const found = (await this.topic(topic))?.partitions[number];
    if (found === undefined) throw new RangeError(`No such partition: ${topic}/${number}`);
    return found;
  }
}

function rangeOf({ startOffset, endOffset }: PartitionRange): PartitionRange {
  return { startOffset, endOffset };
}
