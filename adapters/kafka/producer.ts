/**
 * Sends records to their partitions under a producer id, so that the broker knows a batch sent twice.
 *
 * @module
 */
import Encoder from "kafkajs/src/protocol/encoder.js";
import produceResponse from "kafkajs/src/protocol/requests/produce/v7/response.js";
import type { NewRecord } from "../../ports/topic_log.ts";
import type { ClusterConnection } from "./connection.ts";
import { encodeBatch, sizeBoundOf } from "./record_batch.ts";
import type { WireBroker, WireRequest } from "./wire.ts";

/** Under Kafka's default limit of a message, 1 MiB with the batch's own header. */
const BATCH_SIZE_MAX = 900_000;
/** Under Kafka's default limit of a request, 100 MiB, and little enough to hold twice in memory. */
const REQUEST_SIZE_MAX = 8_000_000;
/** How long the leader may wait for its followers, in ms. */
const REPLICATION_TIMEOUT_MS = 8_000;
const ACKS_ALL = -1;
const SEQUENCE_LIMIT = 2 ** 31;

/** Records of one partition that travel together. */
interface Batch {
  topic: string;
  partition: number;
  records: NewRecord[];
  sizeBound: number;
}

/** The offsets of the last records sent: topic → partition → offset. */
export type LastOffsets = Map<string, Map<number, number>>;

/** A producer's identity, as the broker gave it. Its sends must not overlap. */
export class Producer {
  readonly #sequences = new Map<string, number>();

  constructor(
    readonly connection: ClusterConnection,
    readonly producerId: string,
    readonly producerEpoch: number,
    readonly transactionalId: string | null,
  ) {}

  /**
   * Sends records, in order per partition, until the brokers have acknowledged them all.
   *
   * @param attempt Sends one round of batches, at most one a partition; the same one again is harmless.
   */
  async send(
    records: readonly NewRecord[],
    attempt: (round: () => Promise<void>) => Promise<void>,
  ): Promise<LastOffsets> {
    const offsets: LastOffsets = new Map();
    for (const round of roundsOf(records)) {
      await attempt(() => this.#sendRound(round, offsets));
      for (const batch of round) {
        const place = placeOf(batch);
        const sequence = (this.#sequences.get(place) ?? 0) + batch.records.length;
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
        ofTopic.set(partition, Number(baseOffset) + batch!.records.length - 1);
      }
    }
  }

  #request(batches: readonly Batch[]): WireRequest<ProduceResponse> {
    const { producerId, producerEpoch, transactionalId } = this;
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
          encoder.writeInt32(batch.partition).writeBytes(encodeBatch(batch.records, producer));
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

function placeOf({ topic, partition }: Batch): string {
  return `${topic}/${partition}`;
}

/** Cuts records into batches, and the batches into rounds: at most one batch a partition and one request of bounded size. */
function roundsOf(records: readonly NewRecord[]): Batch[][] {
  const batches = new Map<string, Batch[]>();
  for (const record of records) {
    const { topic, partition } = record;
    const ofPartition = batches.getOrInsertComputed(`${topic}/${partition}`, () => []);
    const size = sizeBoundOf(record);
    let batch = ofPartition.at(-1);
    if (batch === undefined || batch.sizeBound + size > BATCH_SIZE_MAX) {
      batch = { topic, partition, records: [], sizeBound: 0 };
      ofPartition.push(batch);
    }
    batch.records.push(record);
    batch.sizeBound += size;
  }
  const rounds: Batch[][] = [];
  for (let i = 0, found = true; found; i++) {
    found = false;
    let size = Infinity;
    for (const ofPartition of batches.values()) {
      const batch = ofPartition[i];
      if (batch === undefined) continue;
      found = true;
      if (size + batch.sizeBound > REQUEST_SIZE_MAX) {
        rounds.push([]);
        size = 0;
      }
      rounds.at(-1)!.push(batch);
      size += batch.sizeBound;
    }
  }
  return rounds;
}
