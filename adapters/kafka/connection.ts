/**
 * A connection to a Kafka cluster that outlives its brokers' restarts.
 *
 * @module
 */
import type { Kafka, KafkaConfig } from "kafkajs";
import type { SaslConfig } from "../../config.ts";
import type { PartitionRange } from "../../ports/topic_log.ts";
import { systemClock } from "../system_clock.ts";
import { isAccessError, type KafkaError, reasonOf } from "./access_errors.ts";
import { explain, isPassing, isSilence, lostBrokerOf, rootOf, waitingFor } from "./errors.ts";
import { Reachability } from "./reachability.ts";
import {
  type CoordinatorType,
  createClient,
  createCluster,
  type TrackedSockets,
  trackSockets,
  type WireBroker,
  type WireCluster,
} from "./wire.ts";

/** Where the cluster is and how to be let in. */
export interface KafkaConnectionConfig {
  /** `host:port` of some of the brokers. */
  brokers: readonly string[];
  /** How the broker's logs and quotas name this program. */
  clientId: string;
  ssl?: KafkaConfig["ssl"];
  sasl?: SaslConfig | null;
  /** How long a start waits for brokers that cannot be reached, in ms; 0 fails within ten seconds. */
  patienceMs?: number;
  /** How long a broker may be away before reading and appending fail, in ms. */
  outageMaxMs?: number;
}

/** Two tries fit into the time of a start. */
const CONNECT_TIMEOUT_MS = 4_000;
/**
 * A broker that is silent for so long is taken for lost. Longer than any request takes on a healthy one,
 * and than the cluster itself takes to give up a silent broker (broker.session.timeout.ms, 9 s): before
 * that nobody else could answer.
 */
const REQUEST_TIMEOUT_MS = 10_000;
/** A restart of a broker with much data takes a good part of a minute. */
const OUTAGE_MAX_DEFAULT_MS = 60_000;
/** A new topic's metadata reaches all brokers within this time; a topic unknown for longer is not there. */
const UNKNOWN_TOPIC_MAX_DEFAULT_MS = 3_000;
/** What is under way when the connection is closed ends within milliseconds, unless kafkajs loses it. */
const CLOSE_TIMEOUT_MS = 2_000;
const BACKOFF_MIN_MS = 10;
const BACKOFF_MAX_MS = 1_000;

/** Bounds of {@link ClusterConnection.retry}. */
export interface RetryOptions {
  /** In ms, from now. */
  forMaxMs: number;
  /** Ends it early, with the last error. */
  signal?: AbortSignal | undefined;
  /** For so long, in ms, a topic that a broker does not know may be one that it has not heard of yet. */
  unknownTopicMaxMs?: number;
}

/** One client's connections to all brokers. */
export class ClusterConnection {
  readonly client: Kafka;
  readonly cluster: WireCluster;
  readonly outageMaxMs: number;
  readonly #config: KafkaConnectionConfig;
  readonly #sockets: TrackedSockets = new Map();
  readonly #running = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  /** @param reachability Connections that share it say once that a broker is away. */
  constructor(config: KafkaConnectionConfig, readonly reachability = new Reachability()) {
    this.#config = config;
    this.outageMaxMs = config.outageMaxMs ?? OUTAGE_MAX_DEFAULT_MS;
    this.client = createClient({
      brokers: [...config.brokers],
      clientId: config.clientId,
      ...(config.ssl ? { ssl: config.ssl } : {}),
      // kafkajs keeps things of its own in it.
      ...(config.sasl ? { sasl: { ...config.sasl } } : {}),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      // So that every broker named is tried at least once.
      retry: {
        initialRetryTime: BACKOFF_MIN_MS,
        multiplier: 1.2,
        retries: Math.max(1, config.brokers.length - 1),
      },
      socketFactory: trackSockets(this.#sockets, this.#closed.signal),
    });
    this.cluster = createCluster(this.client);
  }

  /** How many brokers the configuration names. */
  get brokerCount(): number {
    return this.#config.brokers.length;
  }

  /**
   * Does `action` until it succeeds: reconnects, asks for metadata, waits a little longer each time.
   *
   * @throws What {@link explain} makes of an error that does not pass, or has not within the time.
   */
  async retry<T>(name: string, action: () => Promise<T>, options: RetryOptions): Promise<T> {
    const done = Promise.withResolvers<void>();
    this.#running.add(done.promise);
    try {
      return await this.#retry(name, action, options);
    } finally {
      this.#running.delete(done.promise);
      done.resolve();
    }
  }

  async #retry<T>(name: string, action: () => Promise<T>, options: RetryOptions): Promise<T> {
    const { reachability } = this;
    const startMs = Date.now();
    let wasLost = false;
    let waitingSinceMs: number | null = null;
    let unknownSinceMs: number | null = null;
    for (let delayMs = BACKOFF_MIN_MS;; delayMs = Math.min(2 * delayMs, BACKOFF_MAX_MS)) {
      try {
        const result = await action();
        reachability.answered(wasLost);
        return result;
      } catch (thrown) {
        const error = rootOf(thrown);
        const thenMs = Date.now() + delayMs;
        const isUnknown = error.type === "UNKNOWN_TOPIC_OR_PARTITION";
        const { unknownTopicMaxMs = UNKNOWN_TOPIC_MAX_DEFAULT_MS } = options;
        unknownSinceMs = isUnknown ? unknownSinceMs ?? Date.now() : null;
        const isOver = thenMs - startMs > options.forMaxMs ||
          (unknownSinceMs !== null && thenMs - unknownSinceMs > unknownTopicMaxMs);
        const isLost = await this.#noteLost(error);
        wasLost ||= isLost;
        if (this.#closed.signal.aborted) {
          throw new Error(`${name}: the topic log was closed`, { cause: error });
        }
        // Once let in, we wait until we are again: certificates and logins change on the brokers, too.
        const isPassingNow = isPassing(error) || (reachability.wasReached && isAccessError(error));
        if (!isPassingNow || isOver || options.signal?.aborted) {
          const username = this.#config.sasl?.username;
          throw explain(name, error, { username, isFirst: !reachability.wasReached });
        }
        waitingSinceMs = isLost ? null : waitingSinceMs ?? Date.now();
        if (waitingSinceMs !== null) reachability.waiting(name, waitingFor(error), waitingSinceMs);
        // Such a one waits for the broker alone; all others may come of metadata gone stale.
        if (error.type !== "CONCURRENT_TRANSACTIONS") await this.#refresh();
        const ended = AbortSignal.any([this.#closed.signal, options.signal ?? this.#closed.signal]);
        await systemClock.sleep(delayMs, ended);
      }
    }
  }

  /** The broker that leads a partition. */
  async leaderOf(topic: string, partition: number): Promise<WireBroker> {
    const partitions = await this.#partitionsOf(topic, partition + 1);
    const found = partitions.find((one) => one.partitionId === partition);
    if (found === undefined) throw new RangeError(`there is no partition ${partition}`);
    return await this.cluster.findBroker({ nodeId: String(found.leader) });
  }

  /** How many partitions a topic has. */
  async partitionCountOf(topic: string): Promise<number> {
    return (await this.#partitionsOf(topic)).length;
  }

  /** The offsets between which a topic's partitions have committed records. */
  async rangesOf(topic: string): Promise<PartitionRange[]> {
    const count = await this.partitionCountOf(topic);
    const partitions = Array.from({ length: count }, (_, partition) => ({ partition }));
    const list = async (fromBeginning: boolean) => {
      const [found] = await this.cluster.fetchTopicsOffset([{ topic, partitions, fromBeginning }]);
      return new Map(found!.partitions.map((one) => [one.partition, Number(one.offset)]));
    };
    const [starts, ends] = [await list(true), await list(false)];
    return partitions.map(({ partition }) => {
      return { startOffset: starts.get(partition)!, endOffset: ends.get(partition)! };
    });
  }

  /** The broker that coordinates a group or a transactional id. */
  coordinatorOf(coordinatorType: CoordinatorType, id: string): Promise<WireBroker> {
    return this.cluster.findGroupCoordinator({ groupId: id, coordinatorType });
  }

  /** Ends everything under way with an error, and closes the sockets. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.breakOff(new Error("the connection was closed"));
    const settled = new AbortController();
    void Promise.all(this.#running).then(() => settled.abort());
    await systemClock.sleep(CLOSE_TIMEOUT_MS, settled.signal);
  }

  async #partitionsOf(topic: string, countMin = 1) {
    await this.cluster.addTargetTopic(topic);
    const partitions = this.cluster.findTopicPartitionMetadata(topic);
    if (partitions.length >= countMin) return partitions;
    // Metadata as old as the last answer may lack a topic that is new.
    await this.cluster.refreshMetadata();
    return this.cluster.findTopicPartitionMetadata(topic);
  }

  /** Forgets a broker whose connection has failed; answers whether that was the error. */
  async #noteLost(error: KafkaError): Promise<boolean> {
    const address = lostBrokerOf(error);
    const isSilent = isSilence(error);
    if (address === null && !isSilent) return false;
    if (isSilent) void this.breakOff(error, address);
    const { brokerPool } = this.cluster;
    for (const broker of new Set([...Object.values(brokerPool.brokers), brokerPool.seedBroker])) {
      if (broker === undefined) continue;
      const { host, port, pool } = broker.connectionPool;
      // One that has been made anew meanwhile must not fall with the old one's errors.
      if (address !== null && address !== `${host}:${port}`) continue;
      if (!isSilent && pool[0].isConnected()) continue;
      // kafkajs ends a lost connection once for each of its requests; made again, it would end again.
      this.cluster.removeBroker({ host, port });
      if (brokerPool.seedBroker === broker) await brokerPool.createSeedBroker();
    }
    // What a start cannot reach is told by the start.
    if (address === null || this.#closed.signal.aborted) return false;
    if (this.reachability.wasReached) this.reachability.lost(address, reasonOf(error));
    return true;
  }

  /** Closes the sockets to one broker, or to all. By an error, for kafkajs cleans up after nothing else. */
  async breakOff(error: Error, broker: string | null = null): Promise<void> {
    const closing = this.#sockets.entries()
      .filter(([_, { address }]) => broker === null || address === broker)
      .map(([socket, { closed }]) => {
        socket.destroy(error);
        return closed;
      });
    await Promise.all([...closing]);
  }

  async #refresh(): Promise<void> {
    await this.cluster.refreshMetadata().catch((thrown) => {
      // A topic that was deleted must not stand in the way of the others; other trouble comes back by itself.
      if (rootOf(thrown).type === "UNKNOWN_TOPIC_OR_PARTITION") {
        this.cluster.targetTopics = new Set();
      }
    });
  }
}
