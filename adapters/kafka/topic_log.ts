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
import { orAborted } from "../../signals.ts";
import type { Compression } from "./compression.ts";
import { ClusterConnection, type KafkaConnectionConfig } from "./connection.ts";
import { joinGroup } from "./group_member.ts";
import { openConnection } from "./opening.ts";
import { claimPartition } from "./partition_claim.ts";
import { PartitionReader } from "./partition_reader.ts";
import { Producer } from "./producer.ts";
import { Reachability } from "./reachability.ts";
import { readTls, type TlsFiles } from "./tls.ts";
import { createTopics, describeTopic } from "./topics.ts";
import { COORDINATOR } from "./wire.ts";

/** How to reach the cluster, and how long a silent member keeps its partitions. */
export interface KafkaTopicLogConfig extends Omit<KafkaConnectionConfig, "ssl"> {
  /** Files for TLS; without it the brokers are spoken to in plain text. */
  tls?: TlsFiles | null;
  /** In ms; the broker allows 6 s to 30 min unless it is set otherwise. */
  sessionTimeoutMs?: number;
  /** Of the records appended; those read may be compressed by any of Kafka's codecs. `zstd` unless set. */
  compression?: Compression;
}

/** Long enough for a pause of the process, short enough for its partitions to be counted again soon. */
const SESSION_TIMEOUT_DEFAULT_MS = 10_000;

/** How long a new cluster may take for its first topics, in ms, where no patience is configured. */
const CREATE_PATIENCE_MIN_MS = 9_000;

/**
 * Connects to a cluster.
 *
 * @param signal Ends the waiting, and that for the cluster's first topics.
 * @throws {Error} Where none of the brokers can be reached, within ten seconds or the patience
 * configured; at once where one does not let us in; the signal's reason.
 */
export async function openKafkaTopicLog(
  config: KafkaTopicLogConfig,
  signal?: AbortSignal,
): Promise<KafkaTopicLog> {
  const ssl = config.tls ? { ssl: await readTls(config.tls) } : {};
  const log = new KafkaTopicLog({ ...config, ...ssl }, signal);
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
  readonly #config: KafkaTopicLogConfig & KafkaConnectionConfig;
  readonly #compression: Compression;
  /** Reads may bring megabytes at a time; transactions must not queue behind them. */
  readonly #reads: ClusterConnection;
  readonly #writes: ClusterConnection;
  readonly #reader: PartitionReader;
  readonly #reachability = new Reachability();
  readonly #patientUntilMs: number;
  #producer: Promise<Producer> | null = null;
  #lastAppend: Promise<unknown> = Promise.resolve();

  /** @param starting Aborts where the process is told to stop while it starts. */
  constructor(
    config: KafkaTopicLogConfig & KafkaConnectionConfig,
    private readonly starting?: AbortSignal,
  ) {
    this.#config = config;
    this.#patientUntilMs = Date.now() + (config.patienceMs ?? 0);
    this.#compression = config.compression ?? "zstd";
    this.#reads = new ClusterConnection(config, this.#reachability);
    this.#writes = new ClusterConnection(config, this.#reachability);
    this.#reader = new PartitionReader(this.#reads);
  }

  /** Connects. */
  async open(): Promise<void> {
    const { brokers, patienceMs = 0 } = this.#config;
    for (const connection of [this.#reads, this.#writes]) {
      await openConnection(connection, { brokers, patienceMs, signal: this.starting });
    }
  }

  append(records: readonly NewRecord[]): Promise<void> {
    // One after the other: of two appends under way, the one that is sent again could pass for the other.
    // Its time begins now: while the brokers are away, appends must not queue up for ever.
    const untilMs = performance.now() + this.#writes.outageMaxMs;
    const append = this.#lastAppend.then(() => this.#append(records, untilMs));
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
    const connection = new ClusterConnection(this.#config, this.#reachability);
    try {
      const { sessionTimeoutMs = SESSION_TIMEOUT_DEFAULT_MS } = this.#config;
      await joinGroup(connection, group, own, { sessionTimeoutMs, signal });
    } finally {
      await connection.close();
    }
  }

  claim(group: Group, partition: number, signal?: AbortSignal): Promise<Claim> {
    return claimPartition(this.#writes, group, partition, this.#compression, signal);
  }

  async create(specs: readonly TopicSpec[]): Promise<void> {
    const forMaxMs = Math.max(CREATE_PATIENCE_MIN_MS, this.#patientUntilMs - Date.now());
    const options = { forMaxMs, signal: this.starting };
    await orAborted(createTopics(this.#writes, specs, options), this.starting);
    this.starting?.throwIfAborted();
  }

  /** Whether the brokers answer now, what an operator must hear of that, and how often they did again after a loss. */
  get connectionState(): Pick<Reachability, "isConnected" | "problem" | "reconnectionCount"> {
    const { isConnected, problem, reconnectionCount } = this.#reachability;
    return { isConnected, problem, reconnectionCount };
  }

  describe(topic: string): Promise<PartitionRange[] | null> {
    return describeTopic(this.#reads, topic);
  }

  async positions(group: Group): Promise<Record<string, (number | null)[]>> {
    const connection = this.#writes;
    const described = await Promise.all(group.topics.map(async (topic) => {
      const ranges = await this.describe(topic) ?? [];
      return { topic, partitions: ranges.map((_, partition) => ({ partition })) };
    }));
    const topics = described.filter(({ partitions }) => partitions.length > 0);
    // Asked for no topic, the broker would answer for all.
    if (topics.length === 0) return {};
    const fetch = async () => {
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

  async #append(records: readonly NewRecord[], untilMs: number): Promise<void> {
    const connection = this.#writes;
    const retry = <T>(action: () => Promise<T>) => {
      const forMaxMs = Math.max(0, untilMs - performance.now());
      return connection.retry("appending", action, { forMaxMs });
    };
    this.#producer ??= retry(async () => {
      const broker = await connection.cluster.findControllerBroker();
      // No transaction, no time-out; kafkajs wants one.
      const made = await broker.initProducerId({ transactionTimeout: 0 });
      return new Producer(connection, { ...made, transactionalId: null }, this.#compression);
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
