/**
 * A connection to a Kafka cluster that outlives its brokers' restarts.
 *
 * @module
 */
import type { Socket } from "node:net";
import { getLogger } from "@logtape/logtape";
import type { Kafka, KafkaConfig } from "kafkajs";
import type { PartitionRange } from "../../ports/topic_log.ts";
import { systemClock } from "../system_clock.ts";
import {
  explain,
  isPassing,
  isSilence,
  lostBrokerOf,
  reasonOf,
  rootOf,
  silenceOf,
} from "./errors.ts";
import {
  type CoordinatorType,
  createClient,
  createCluster,
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
  sasl?: KafkaConfig["sasl"] | null;
  /** How long a broker may be away before reading and appending fail, in ms. */
  outageMaxMs?: number;
}

/** Nobody waits longer than ten seconds to hear that a start has failed. */
const OPEN_TIMEOUT_MS = 9_000;
/** For so long a start is tried again: a broker may be starting, too. */
const OPEN_RETRY_MS = 3_000;
/** Two tries fit into the time of a start. */
const CONNECT_TIMEOUT_MS = 4_000;
/** Longer than any request here takes on a healthy broker; a silent one is taken for lost then. */
const REQUEST_TIMEOUT_MS = 10_000;
/** A restart of a broker with much data takes a good part of a minute. */
const OUTAGE_MAX_DEFAULT_MS = 60_000;
/** A new topic's metadata reaches all brokers within this time; a topic unknown for longer is not there. */
const UNKNOWN_TOPIC_MAX_MS = 3_000;
/** What is under way when the connection is closed ends within milliseconds, unless kafkajs loses it. */
const CLOSE_TIMEOUT_MS = 2_000;
const BACKOFF_MIN_MS = 10;
const BACKOFF_MAX_MS = 1_000;

const log = getLogger(["data-tracker", "kafka"]);

/** Bounds of {@link ClusterConnection.retry}. */
export interface RetryOptions {
  /** In ms, from now. */
  forMaxMs: number;
  /** Ends it early, with the last error. */
  signal?: AbortSignal | undefined;
}

/** One client's connections to all brokers. */
export class ClusterConnection {
  readonly client: Kafka;
  readonly cluster: WireCluster;
  readonly outageMaxMs: number;
  readonly #brokers: string;
  readonly #sockets = new Map<Socket, string>();
  readonly #running = new Set<Promise<void>>();
  readonly #closed = new AbortController();

  /**
   * @param lostBrokers Addresses of brokers known to be away, so that connections that share it say so once.
   */
  constructor(config: KafkaConnectionConfig, private readonly lostBrokers = new Set<string>()) {
    this.#brokers = config.brokers.join(", ");
    this.outageMaxMs = config.outageMaxMs ?? OUTAGE_MAX_DEFAULT_MS;
    this.client = createClient({
      brokers: [...config.brokers],
      clientId: config.clientId,
      ...(config.ssl ? { ssl: config.ssl } : {}),
      ...(config.sasl ? { sasl: config.sasl } : {}),
      connectionTimeout: CONNECT_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      retry: { initialRetryTime: BACKOFF_MIN_MS, multiplier: 1.2, retries: 1 },
      socketFactory: trackSockets(this.#sockets, this.#closed.signal),
    });
    this.cluster = createCluster(this.client);
  }

  /** Connects. @throws Where no broker has answered within {@link OPEN_TIMEOUT_MS}. */
  async open(): Promise<void> {
    const connect = async () => {
      await this.cluster.connect();
      await this.cluster.refreshMetadata();
    };
    const connected = new AbortController();
    const connecting = this.retry("connecting", connect, { forMaxMs: OPEN_RETRY_MS });
    // kafkajs itself waits longer for one that takes the connection and is silent.
    const timeout = systemClock.sleep(OPEN_TIMEOUT_MS, connected.signal).then(() => {
      if (!connected.signal.aborted) throw silenceOf(this.#brokers);
    });
    try {
      await Promise.race([connecting, timeout]);
    } finally {
      connected.abort();
    }
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
    const startMs = Date.now();
    let lost: string | null = null;
    for (let delayMs = BACKOFF_MIN_MS;; delayMs = Math.min(2 * delayMs, BACKOFF_MAX_MS)) {
      try {
        const result = await action();
        if (lost !== null && this.lostBrokers.delete(lost)) log.info("Kafka answers again.");
        return result;
      } catch (thrown) {
        const error = rootOf(thrown);
        const unknown = error.type === "UNKNOWN_TOPIC_OR_PARTITION";
        const forMaxMs = Math.min(options.forMaxMs, unknown ? UNKNOWN_TOPIC_MAX_MS : Infinity);
        const isOver = Date.now() - startMs + delayMs > forMaxMs;
        lost = await this.#noteLost(error) ?? lost;
        if (this.#closed.signal.aborted) {
          throw new Error(`${name}: the topic log was closed`, { cause: error });
        }
        const ended = AbortSignal.any([this.#closed.signal, options.signal ?? this.#closed.signal]);
        if (!isPassing(error) || isOver || ended.aborted) throw explain(name, error);
        // Such a one waits for the broker alone; all others may come of metadata gone stale.
        if (error.type !== "CONCURRENT_TRANSACTIONS") await this.#refresh();
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
    await this.#destroySockets(null, new Error("the connection was closed"));
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

  /** Forgets a broker whose connection has failed; answers its address, if that was the error. */
  async #noteLost(error: Error): Promise<string | null> {
    const address = lostBrokerOf(error);
    const isSilent = isSilence(error);
    if (address === null && !isSilent) return null;
    if (isSilent) void this.#destroySockets(address, error);
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
    if (address !== null && !this.lostBrokers.has(address) && !this.#closed.signal.aborted) {
      log.warning("Lost {broker}: {reason}; trying again.", {
        broker: address,
        reason: reasonOf(error),
      });
      this.lostBrokers.add(address);
    }
    return address;
  }

  /** Of one broker, or of all. By an error, for kafkajs cleans up after nothing else. */
  async #destroySockets(broker: string | null, error: Error): Promise<void> {
    const closing = this.#sockets.entries()
      .filter(([_, address]) => broker === null || address === broker)
      .map(([socket]) => new Promise((resolve) => socket.once("close", resolve).destroy(error)));
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
