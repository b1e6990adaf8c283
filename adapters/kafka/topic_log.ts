/**
 * The topic log on Apache Kafka 4.x, by kafkajs.
 *
 * @module
 */
import type {
  Claim,
  FetchedBatch,
  FetchOptions,
  Group,
  NewRecord,
  PartitionRange,
  TopicAdmin,
  TopicLog,
  TopicSpec,
} from "../../ports/topic_log.ts";
import { ClusterConnection, type KafkaConnectionConfig } from "./connection.ts";
import { joinGroup } from "./group_member.ts";
import { claimPartition } from "./partition_claim.ts";
import { PartitionReader } from "./partition_reader.ts";
import { Producer } from "./producer.ts";
import { createTopics, describeTopic } from "./topics.ts";
import { COORDINATOR } from "./wire.ts";

/** How to reach the cluster, and how long a silent member keeps its partitions. */
export interface KafkaTopicLogConfig extends KafkaConnectionConfig {
  /** In ms; the broker allows 6 s to 30 min unless it is set otherwise. */
  sessionTimeoutMs?: number;
}

/** Long enough for a pause of the process, short enough for its partitions to be counted again soon. */
const SESSION_TIMEOUT_DEFAULT_MS = 10_000;

/**
 * Connects to a cluster.
 *
 * @throws {Error} Within ten seconds where none of the brokers can be reached.
 */
export async function openKafkaTopicLog(config: KafkaTopicLogConfig): Promise<KafkaTopicLog> {
  const log = new KafkaTopicLog(config);
  try {
    await log.open();
  } catch (error) {
    await log.close();
    throw error;
  }
  return log;
}

/** One process's connections to a Kafka cluster. {@link openKafkaTopicLog} makes it. */
export class KafkaTopicLog implements TopicLog, TopicAdmin {
  readonly #config: KafkaTopicLogConfig;
  /** Reads may bring megabytes at a time; transactions must not queue behind them. */
  readonly #reads: ClusterConnection;
  readonly #writes: ClusterConnection;
  readonly #reader: PartitionReader;
  readonly #lostBrokers = new Set<string>();
  #producer: Promise<Producer> | null = null;
  #lastAppend: Promise<unknown> = Promise.resolve();

  constructor(config: KafkaTopicLogConfig) {
    this.#config = config;
    this.#reads = new ClusterConnection(config, this.#lostBrokers);
    this.#writes = new ClusterConnection(config, this.#lostBrokers);
    this.#reader = new PartitionReader(this.#reads);
  }

  /** Connects. */
  async open(): Promise<void> {
    for (const connection of [this.#reads, this.#writes]) await connection.open();
  }

  append(records: readonly NewRecord[]): Promise<void> {
    // One after the other: of two appends under way, the one that is sent again could pass for the other.
    const append = this.#lastAppend.then(() => this.#append(records));
    this.#lastAppend = append.catch(() => {});
    return append;
  }

  fetch(
    topic: string,
    partition: number,
    offset: number,
    options: FetchOptions,
  ): Promise<FetchedBatch> {
    return this.#reader.fetch(topic, partition, offset, options);
  }

  async join(
    group: Group,
    own: (partition: number, revoked: AbortSignal) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    const connection = new ClusterConnection(this.#config, this.#lostBrokers);
    try {
      const { sessionTimeoutMs = SESSION_TIMEOUT_DEFAULT_MS } = this.#config;
      await joinGroup(connection, group, own, { sessionTimeoutMs, signal });
    } finally {
      await connection.close();
    }
  }

  claim(group: Group, partition: number): Promise<Claim> {
    return claimPartition(this.#writes, group, partition);
  }

  create(specs: readonly TopicSpec[]): Promise<void> {
    return createTopics(this.#writes, specs);
  }

  describe(topic: string): Promise<PartitionRange[] | null> {
    return describeTopic(this.#reads, topic);
  }

  async positions(group: Group): Promise<Record<string, (number | null)[]>> {
    const connection = this.#writes;
    const fetch = async () => {
      const topics = await Promise.all(group.topics.map(async (topic) => {
        const count = await connection.partitionCountOf(topic);
        return {
          topic,
          partitions: Array.from({ length: count }, (_, partition) => ({ partition })),
        };
      }));
      const coordinator = await connection.coordinatorOf(COORDINATOR.group, group.id);
      return await coordinator.offsetFetch({ groupId: group.id, topics });
    };
    const name = `asking for the positions of ${group.id}`;
    const { responses } = await connection.retry(name, fetch, { forMaxMs: connection.outageMaxMs });
    return Object.fromEntries(responses.map(({ topic, partitions }) => {
      const byNumber = partitions.sort((a, b) => a.partition - b.partition);
      const offsets = byNumber.map(({ offset }) => Number(offset) < 0 ? null : Number(offset));
      return [topic, offsets];
    }));
  }

  /** Ends what is under way with an error, and disconnects. */
  async close(): Promise<void> {
    await Promise.all([this.#reads.close(), this.#writes.close()]);
  }

  /** As {@link close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #append(records: readonly NewRecord[]): Promise<void> {
    const connection = this.#writes;
    const name = "appending";
    const retry = <T>(action: () => Promise<T>) =>
      connection.retry(name, action, { forMaxMs: connection.outageMaxMs });
    this.#producer ??= retry(async () => {
      const broker = await connection.cluster.findControllerBroker();
      // No transaction, no time-out; kafkajs wants one.
      const { producerId, producerEpoch } = await broker.initProducerId({ transactionTimeout: 0 });
      return new Producer(connection, producerId, producerEpoch, null);
    });
    try {
      await (await this.#producer).send(records, retry);
    } catch (error) {
      // What was sent may be there or not; its sequence numbers must not be used for anything else.
      this.#producer = null;
      throw error;
    }
  }
}
