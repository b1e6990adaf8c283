/**
 * Sole ownership of a partition number of a group, kept by the broker: every claim takes the
 * transactional id `<group>-<partition>` over, which fences the one before it and ends its open
 * transaction. Nothing is read before that.
 *
 * @module
 */
import {
  type Claim,
  FencedError,
  type Group,
  type Position,
  type Transaction,
} from "../../ports/topic_log.ts";
import { orAborted } from "../../signals.ts";
import type { Compression } from "./compression.ts";
import type { ClusterConnection } from "./connection.ts";
import { explain } from "./errors.ts";
import { type Place, Producer } from "./producer.ts";
import { COORDINATOR, type WireBroker } from "./wire.ts";

/** After this time the broker ends a transaction whose owner is gone, in ms; a claim does so at once. */
const TRANSACTION_TIMEOUT_MS = 60_000;
/** How long a commit waits for what passes by itself, in ms; to give up costs little more than a new claim. */
const COMMIT_PATIENCE_MS = 5_000;

/** As {@link TopicLog.claim}; a fresh cluster makes topics of its own first. */
export async function claimPartition(
  connection: ClusterConnection,
  group: Group,
  partition: number,
  compression: Compression,
  signal?: AbortSignal,
): Promise<Claim> {
  const claim = await orAborted(
    makeClaim(connection, group, partition, compression, signal),
    signal,
  );
  if (claim !== null) return claim;
  throw new Error(`claiming ${group.id}-${partition}: told to stop`);
}

async function makeClaim(
  connection: ClusterConnection,
  group: Group,
  partition: number,
  compression: Compression,
  signal: AbortSignal | undefined,
): Promise<Claim> {
  const transactionalId = `${group.id}-${partition}`;
  const options = { forMaxMs: connection.outageMaxMs, signal };
  const retry = <T>(action: () => Promise<T>) =>
    connection.retry(`claiming ${transactionalId}`, action, options);
  const producer = await retry(async () => {
    const coordinator = await connection.coordinatorOf(COORDINATOR.transaction, transactionalId);
    const transactionTimeout = TRANSACTION_TIMEOUT_MS;
    const made = await coordinator.initProducerId({ transactionalId, transactionTimeout });
    return new Producer(connection, { ...made, transactionalId }, compression);
  });
  const positions = await retry(async () => {
    const coordinator = await connection.coordinatorOf(COORDINATOR.group, group.id);
    return await fetchPositions(coordinator, group, partition);
  });
  return new PartitionClaim(producer, transactionalId, group.id, partition, positions);
}

async function fetchPositions(
  coordinator: WireBroker,
  group: Group,
  partition: number,
): Promise<Record<string, Position>> {
  const topics = group.topics.map((topic) => ({ topic, partitions: [{ partition }] }));
  const { responses } = await coordinator.offsetFetch({ groupId: group.id, topics });
  const positions: Record<string, Position> = {};
  for (const { topic, partitions } of responses) {
    for (const { offset, metadata } of partitions) {
      if (Number(offset) < 0) continue;
      positions[topic] = { offset: Number(offset), metadata: metadata ?? "" };
    }
  }
  return positions;
}

class PartitionClaim implements Claim {
  /** Why it cannot be used any more. */
  #ended: Error | null = null;

  constructor(
    private readonly producer: Producer,
    private readonly transactionalId: string,
    private readonly groupId: string,
    private readonly partition: number,
    readonly positions: Readonly<Record<string, Position>>,
  ) {}

  async commit(transaction: Transaction): Promise<void> {
    const name = `committing ${this.transactionalId}`;
    if (this.#ended !== null) throw this.#ended;
    // Until it has succeeded nobody knows whether it has.
    this.#ended = new Error(`${name}: its last commit failed or runs still; make a new claim`);
    try {
      await this.#run(name, transaction);
    } catch (thrown) {
      const error = explain(name, thrown);
      if (error instanceof FencedError) this.#ended = error;
      throw error;
    }
    this.#ended = null;
  }

  release(): Promise<void> {
    this.#ended ??= new Error(`committing ${this.transactionalId}: the claim was released`);
    return Promise.resolve();
  }

  /** Sent again are only steps that the broker knows again; the last is not. */
  async #run(name: string, { records, offsets, metadata }: Transaction): Promise<void> {
    const { producer, partition, groupId, transactionalId } = this;
    const { connection, identity: { producerId, producerEpoch } } = producer;
    const identity = { transactionalId, producerId, producerEpoch };
    const retry = <T>(action: () => Promise<T>) =>
      connection.retry(name, action, { forMaxMs: COMMIT_PATIENCE_MS });
    const coordinator = await retry(async () => {
      const coordinator = await connection.coordinatorOf(COORDINATOR.transaction, transactionalId);
      // It answers CONCURRENT_TRANSACTIONS until the last transaction's markers are written.
      await coordinator.addOffsetsToTxn({ ...identity, groupId });
      return coordinator;
    });
    const added = new Set<string>();
    const begin = async (places: readonly Place[]) => {
      const topics = places.filter(({ topic, partition }) => !added.has(`${topic}/${partition}`))
        .map(({ topic, partition }) => ({ topic, partitions: [partition] }));
      if (topics.length === 0) return;
      await coordinator.addPartitionsToTxn({ ...identity, topics });
      for (const { topic, partition } of places) added.add(`${topic}/${partition}`);
    };
    const last: Record<string, number> = {};
    for (const [topic, byPartition] of await producer.send(records, retry, begin)) {
      const offset = byPartition.get(partition);
      if (offset !== undefined) last[topic] = offset;
    }
    const text = metadata(last);
    const topics = Object.entries(offsets).map(([topic, offset]) => ({
      topic,
      partitions: [{ partition, offset: String(offset), metadata: text }],
    }));
    const group = await connection.coordinatorOf(COORDINATOR.group, groupId);
    await group.txnOffsetCommit({ ...identity, groupId, topics });
    await coordinator.endTxn({ ...identity, transactionResult: true });
  }
}
