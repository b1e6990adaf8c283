/**
 * The part of kafkajs beneath its producers and consumers: connections, authentication, metadata,
 * coordinators and the protocol's requests. It is typed here as this adapter uses it.
 *
 * The public classes do not fit: a consumer cannot read a partition at an offset without a group, and
 * a producer takes connections of its own for each transactional id, retries a transaction's steps,
 * stays "in transaction" after a failed one, and can take for sent what a leader's move left unsent.
 * The version of kafkajs is pinned, and the contract suite on a real broker stands behind this file.
 *
 * @module
 */
import net from "node:net";
import tls from "node:tls";
import { getLogger } from "@logtape/logtape";
import {
  type ConfigEntries,
  type ConfigResourceTypes,
  type ISocketFactory,
  type ITopicConfig,
  Kafka,
  type KafkaConfig,
  logLevel,
  PartitionAssigners,
} from "kafkajs";
import Connection from "kafkajs/src/network/connection.js";
import RequestQueue from "kafkajs/src/network/requestQueue/index.js";

const SIZE_OF_LENGTH = 4;
const KEEP_ALIVE_DELAY_MS = 60_000;

/** A request of the Kafka protocol with what reads its answer. */
export interface WireRequest<T> {
  request: { apiKey: number; apiVersion: number; apiName: string; encode(): Promise<unknown> };
  response: { decode(payload: Buffer): Promise<unknown>; parse(decoded: never): Promise<T> };
  requestTimeout?: number;
}

/** One TCP connection. A broker answers its requests one after the other. */
export interface WireConnection {
  isConnected(): boolean;
  send<T>(request: WireRequest<T>): Promise<T>;
}

/** One request to a broker: it rejects with the error that the broker names. */
type Call<Request, Answer = void> = (request: Request) => Promise<Answer>;
type Identity = { producerId: string; producerEpoch: number };
type InTransaction = Identity & { transactionalId: string };
type InGroup = { groupId: string; memberId: string };
type OfPartitions<Partition> = { topic: string; partitions: Partition[] }[];
type Position = { partition: number; offset: string; metadata: string | null };

/** One broker of the cluster. */
export interface WireBroker {
  readonly connectionPool: {
    readonly host: string;
    readonly port: number;
    readonly pool: readonly [WireConnection, WireConnection];
    getConnection(index: number): Promise<WireConnection>;
  };
  initProducerId: Call<{ transactionalId?: string; transactionTimeout: number }, Identity>;
  addPartitionsToTxn: Call<InTransaction & { topics: OfPartitions<number> }>;
  addOffsetsToTxn: Call<InTransaction & { groupId: string }>;
  txnOffsetCommit: Call<InTransaction & { groupId: string; topics: OfPartitions<Position> }>;
  endTxn: Call<InTransaction & { transactionResult: boolean }>;
  offsetFetch: Call<
    { groupId: string; topics: OfPartitions<{ partition: number }> },
    { responses: OfPartitions<Position> }
  >;
  joinGroup: Call<
    InGroup & {
      sessionTimeout: number;
      rebalanceTimeout: number;
      groupProtocols: { name: string; metadata: Buffer }[];
    },
    {
      generationId: number;
      leaderId: string;
      memberId: string;
      members: { memberId: string; memberMetadata: Buffer }[];
    }
  >;
  syncGroup: Call<
    InGroup & {
      generationId: number;
      groupAssignment: { memberId: string; memberAssignment: Buffer }[];
    },
    { memberAssignment: Buffer }
  >;
  heartbeat: Call<InGroup & { groupGenerationId: number }>;
  leaveGroup: Call<InGroup>;
  createTopics: Call<{ topics: ITopicConfig[]; timeout: number }>;
  metadata(topics: string[]): Promise<{
    topicMetadata: { topic: string; partitionMetadata: { replicas: number[] }[] }[];
  }>;
  describeConfigs: Call<
    { resources: { type: ConfigResourceTypes; name: string; configNames: string[] }[] },
    { resources: { resourceName: string; configEntries: ConfigEntries[] }[] }
  >;
}

/** The brokers and their topics, as last heard. */
export interface WireCluster {
  targetTopics: Set<string>;
  readonly brokerPool: {
    readonly brokers: Record<string, WireBroker>;
    readonly seedBroker?: WireBroker;
    readonly metadata: { brokers: unknown[] } | null;
    /** Replaces it, by the next of the configured ones. */
    createSeedBroker(): Promise<void>;
  };
  connect(): Promise<void>;
  removeBroker(address: { host: string; port: number }): void;
  refreshMetadata(): Promise<void>;
  /** Adds a topic to those whose metadata is kept; asks for it where it is new. */
  addTargetTopic(topic: string): Promise<void>;
  findTopicPartitionMetadata(topic: string): { partitionId: number; leader: number }[];
  findBroker: Call<{ nodeId: string }, WireBroker>;
  findControllerBroker(): Promise<WireBroker>;
  findGroupCoordinator: Call<{ groupId: string; coordinatorType: CoordinatorType }, WireBroker>;
  /** Read-committed: the end is one past the last visible record. */
  fetchTopicsOffset(
    topics: { topic: string; partitions: { partition: number }[]; fromBeginning: boolean }[],
  ): Promise<OfPartitions<{ partition: number; offset: string }>>;
}

/** What a coordinator coordinates. */
export const COORDINATOR = { group: 0, transaction: 1 } as const;
/** One of {@link COORDINATOR}. */
export type CoordinatorType = typeof COORDINATOR[keyof typeof COORDINATOR];

// kafkajs sets a timer in the past for every answer, which Deno warns of; there is nothing to do then.
const schedule = RequestQueue.prototype.scheduleCheckPendingRequests;
RequestQueue.prototype.scheduleCheckPendingRequests = function () {
  if (this.pending.length > 0) schedule.call(this);
};

// Whoever disconnects waits for the answers under way, with a listener of their own each: one is enough.
const emptying = new WeakMap<RequestQueue, Promise<void>>();
const waitForPendingRequests = RequestQueue.prototype.waitForPendingRequests;
RequestQueue.prototype.waitForPendingRequests = function () {
  return emptying.getOrInsertComputed(
    this,
    () => waitForPendingRequests.call(this).finally(() => emptying.delete(this)),
  );
};

// One that broke off in an answer would go on reading there; and two that need it would make it twice.
const connecting = new WeakMap<Connection, Promise<unknown>>();
const connect = Connection.prototype.connect;
Connection.prototype.connect = function () {
  if (this.isConnected()) return Promise.resolve(true);
  return connecting.getOrInsertComputed(this, () => {
    Object.assign(this, { chunks: [], bytesBuffered: 0, bytesNeeded: SIZE_OF_LENGTH });
    return connect.call(this).finally(() => connecting.delete(this));
  });
};

const log = getLogger(["data-tracker", "kafka", "kafkajs"]);

/** A kafkajs client whose log goes to LogTape, all of it as "debug": what matters of it comes as an error, too. */
export function createClient(config: KafkaConfig): Kafka {
  return new Kafka({
    ...config,
    logLevel: logLevel.INFO,
    logCreator:
      () => ({ namespace, log: { message, timestamp: _, logger: __, stack: ___, ...rest } }) =>
        log.debug("{namespace}: {message}", { namespace, message, ...rest }),
  });
}

/** The cluster as a client sees it, not connected yet: kafkajs hands it to the partition assigners of a consumer. */
export function createCluster(client: Kafka): WireCluster {
  let cluster: unknown;
  client.consumer({
    groupId: "none",
    allowAutoTopicCreation: false,
    partitionAssigners: [(assigner) => {
      cluster = assigner.cluster;
      return PartitionAssigners.roundRobin(assigner);
    }],
  });
  return cluster as WireCluster;
}

/** Sockets with their brokers' addresses, and when they are closed. */
export type TrackedSockets = Map<net.Socket, { address: string; closed: Promise<void> }>;

/**
 * Keeps the sockets with their addresses, so that they can be closed without waiting for answers, and
 * makes no more once `closed` has aborted. Small requests go out at once.
 */
export function trackSockets(
  sockets: TrackedSockets,
  closed: AbortSignal,
): ISocketFactory {
  return ({ host, port, ssl, onConnect }) => {
    closed.throwIfAborted();
    const name = net.isIP(host) ? {} : { servername: host };
    const socket = ssl
      ? tls.connect({ host, port, ...name, ...ssl }, onConnect)
      : net.connect({ host, port }, onConnect);
    socket.setKeepAlive(true, KEEP_ALIVE_DELAY_MS).setNoDelay(true);
    const gone = Promise.withResolvers<void>();
    sockets.set(socket, { address: `${host}:${port}`, closed: gone.promise });
    socket.once("close", () => {
      sockets.delete(socket);
      gone.resolve();
    });
    return socket;
  };
}
