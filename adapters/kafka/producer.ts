/**
 * Sends records to their partitions under a producer id, so that the broker knows a batch sent twice.
 *
 * @module
 */
import Encoder from "kafkajs/src/protocol/encoder.js";
import produceResponse from "kafkajs/src/protocol/requests/produce/v7/response.js";
import type { NewRecord } from "../../ports/topic_log.ts";
import type { ClusterConnection } from "./connection.ts";
import type { Compression } from "./compression.ts";
import { BatchBuilder, sizeBoundOf } from "./record_batch.ts";
import type { WireBroker, WireRequest } from "./wire.ts";

/** Under Kafka's default limit of a message, 1 MiB with the batch's own header. */
const BATCH_SIZE_MAX = 900_000;
/** Under Kafka's default limit of a request, 100 MiB, and little enough to hold twice in memory. */
const REQUEST_SIZE_MAX = 8_000_000;
/** How long the leader may wait for its followers, in ms. */
const REPLICATION_TIMEOUT_MS = 8_000;
const ACKS_ALL = -1;
const SEQUENCE_LIMIT = 2 ** 31;

/** A partition of a topic. */
export interface Place {
  topic: string;
  partition: number;
}

/** Records of one partition that travel together. */
interface Batch extends Place {
  building: BatchBuilder;
  /** Ready to be sent, and sent again; in place of what was built. */
  bytes: Buffer | null;
}

/** The offsets of the last records sent: topic → partition → offset. */
export type LastOffsets = Map<string, Map<number, number>>;

/** Who sends, as the broker knows it. */
export interface ProducerIdentity {
  producerId: string;
  producerEpoch: number;
  transactionalId: string | null;
}

/** A producer. Its sends must not overlap. */
export class Producer {
  readonly #sequences = new Map<string, number>();

  constructor(
    readonly connection: ClusterConnection,
    readonly identity: ProducerIdentity,
    private readonly compression: Compression,
  ) {}

  /**
   * Sends records, in order per partition, until the brokers have acknowledged them all.
   *
   * @param attempt Sends one round of batches, at most one a partition; the same one again is harmless.
   * @param begin Called before each round, with where its batches go.
   */
  async send(
    records: Iterable<NewRecord>,
    attempt: (round: () => Promise<void>) => Promise<void>,
    begin?: (places: readonly Place[]) => Promise<void>,
  ): Promise<LastOffsets> {
    const offsets: LastOffsets = new Map();
    for (const round of roundsOf(records)) {
      await begin?.(round);
      await attempt(() => this.#sendRound(round, offsets));
      for (const batch of round) {
        const place = placeOf(batch);
        const sequence = (this.#sequences.get(place) ?? 0) + batch.building.count;
        this.#sequences.set(place, sequence % SEQUENCE_LIMIT);
      }
    }
    return offsets;
  }

  async #sendRound(round: readonly Batch[], offsets: LastOffsets): Promise<void> {
    const byLeader = new Map<WireBroker, Batch[]>();
    for (const batch of round) {
      const leader = await this.connection.leaderOf(batch.topic, batch.partition);
      byLeader.getOrInsertComputed(leader, () => []).push(batch);
    }
    await Promise.all(
      [...byLeader].map(([leader, batches]) => this.#produce(leader, batches, offsets)),
    );
  }

  async #produce(leader: WireBroker, batches: Batch[], offsets: LastOffsets): Promise<void> {
    const connection = await leader.connectionPool.getConnection(0);
    const { topics } = await connection.send(this.#request(batches));
    for (const { topicName, partitions } of topics) {
      const ofTopic = offsets.getOrInsertComputed(topicName, () => new Map());
      for (const { partition, baseOffset } of partitions) {
        const batch = batches.find((one) => one.topic === topicName && one.partition === partition);
        ofTopic.set(partition, Number(baseOffset) + batch!.building.count - 1);
      }
    }
  }

  #request(batches: readonly Batch[]): WireRequest<ProduceResponse> {
    const { producerId, producerEpoch, transactionalId } = this.identity;
    const isTransactional = transactionalId !== null;
    // deno-lint-ignore require-await -- kafkajs awaits it
    const encode = async () => {
      const byTopic = Map.groupBy(batches, (batch) => batch.topic);
      const encoder = new Encoder().writeString(transactionalId).writeInt16(ACKS_ALL)
        .writeInt32(REPLICATION_TIMEOUT_MS).writeInt32(byTopic.size);
      for (const [topic, ofTopic] of byTopic) {
        encoder.writeString(topic).writeInt32(ofTopic.length);
        for (const batch of ofTopic) {
          const firstSequence = this.#sequences.get(placeOf(batch)) ?? 0;
          const producer = { producerId, producerEpoch, firstSequence, isTransactional };
          batch.bytes ??= batch.building.finish(producer, this.compression);
          encoder.writeInt32(batch.partition).writeBytes(batch.bytes);
        }
      }
      return encoder;
    };
    const request = { apiKey: 0, apiVersion: 7, apiName: "Produce", encode };
    return { request, response: produceResponse };
  }
}

interface ProduceResponse {
  topics: { topicName: string; partitions: { partition: number; baseOffset: string }[] }[];
}

function placeOf({ topic, partition }: Place): string {
  return `${topic}/${partition}`;
}

/** Cuts records into batches, and those into rounds: at most one batch a partition and one request of bounded size. */
function* roundsOf(records: Iterable<NewRecord>): Iterable<Batch[]> {
  const round = new Map<string, Batch>();
  let roundSize = 0;
  for (const record of records) {
    const size = sizeBoundOf(record);
    const place = placeOf(record);
    const isFull = (round.get(place)?.building.size ?? 0) + size > BATCH_SIZE_MAX;
    if (round.size > 0 && (isFull || roundSize + size > REQUEST_SIZE_MAX)) {
      yield [...round.values()];
      round.clear();
      roundSize = 0;
    }
    const { topic, partition } = record;
    const none = (): Batch => ({ topic, partition, building: new BatchBuilder(), bytes: null });
    round.getOrInsertComputed(place, none).building.add(record);
    roundSize += size;
  }
  if (round.size > 0) yield [...round.values()];
}
