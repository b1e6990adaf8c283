/**
 * Appending and reading samples on a real Kafka by this program's adapter, beside kafkajs' own
 * producer and consumer.
 *
 * @module
 */
import process from "node:process";
import { Kafka, logLevel } from "kafkajs";
import type { Compression } from "../adapters/kafka/compression.ts";
import { openKafkaTopicLog } from "../adapters/kafka/topic_log.ts";
import type { NewRecord } from "../ports/topic_log.ts";
import { startKafka } from "../tests/integration/kafka_server.ts";
import { median } from "./median.ts";
import { sampleRecords } from "./pipeline_bench.ts";

const PARTITION_COUNT = 6;
const RUN_COUNT = 3;
/** As the aggregator fetches. */
const FETCH_BYTES = 2 ** 20;

/** What one way of appending or reading came to. */
export interface KafkaFigures {
  name: string;
  recordsPerSecond: number;
  cpuSeconds: number;
  /** Its speed over that of kafkajs doing the same. */
  ratio: number;
}

interface Way {
  append(topic: string, batches: readonly NewRecord[][]): Promise<void>;
  read(topic: string, recordCount: number): Promise<void>;
}

/** Appends and reads `sampleCount` samples every way, in turns, on a broker of its own. */
export async function benchKafka(sampleCount = 1_000_000): Promise<KafkaFigures[]> {
  await using kafka = await startKafka();
  const batches = [...sampleRecords(sampleCount, PARTITION_COUNT)];
  await using stack = new AsyncDisposableStack();
  const ways: Record<string, Way> = { kafkajs: kafkajs(kafka.broker) };
  for (const compression of ["none", "gzip", "zstd"] as const) {
    ways[compression] = await ours(kafka.broker, compression, stack);
  }
  const runs: Record<string, { seconds: number; cpuSeconds: number }[]> = {};
  await using admin = await openKafkaTopicLog({ brokers: [kafka.broker], clientId: "bench" });
  for (let run = 0; run < RUN_COUNT; run++) {
    for (const [name, way] of Object.entries(ways)) {
      const topic = `bench-${name}-${run}`;
      await admin.create([
        { name: topic, partitionCount: PARTITION_COUNT, retentionMs: 1e9, compacted: false },
      ]);
      (runs[`append, ${name}`] ??= []).push(await timed(() => way.append(topic, batches)));
      (runs[`read, ${name}`] ??= []).push(await timed(() => way.read(topic, sampleCount)));
    }
  }
  return Object.keys(runs).sort().map((name) => {
    const seconds = median(runs[name]!.map((run) => run.seconds));
    const peer = median(runs[name.replace(/, .*/, ", kafkajs")]!.map((run) => run.seconds));
    return {
      name,
      recordsPerSecond: sampleCount / seconds,
      cpuSeconds: median(runs[name]!.map((run) => run.cpuSeconds)),
      ratio: peer / seconds,
    };
  });
}

async function ours(
  broker: string,
  compression: Compression,
  stack: AsyncDisposableStack,
): Promise<Way> {
  const log = stack.use(await openKafkaTopicLog({ brokers: [broker], clientId: "b", compression }));
  return {
    async append(topic, batches) {
      for (const batch of batches) {
        await log.append(batch.map((record) => ({ ...record, topic })));
      }
    },
    async read(topic) {
      const partitions = Array.from({ length: PARTITION_COUNT }, (_, partition) => partition);
      await Promise.all(partitions.map(async (partition) => {
        const options = { byteCountMax: FETCH_BYTES, waitMaxMs: 100 };
        for (let offset = 0, endOffset = 1; offset < endOffset;) {
          const batch = await log.fetch(topic, partition, offset, options);
          [offset, endOffset] = [batch.nextOffset, batch.endOffset];
        }
      }));
    },
  };
}

function kafkajs(broker: string): Way {
  const client = new Kafka({ brokers: [broker], clientId: "peer", logLevel: logLevel.NOTHING });
  return {
    async append(topic, batches) {
      const producer = client.producer({ idempotent: true });
      await producer.connect();
      for (const batch of batches) {
        const messages = batch.map(({ partition, key, value }) => {
          return { partition, key, value: Buffer.from(value) };
        });
        await producer.send({ topic, messages });
      }
      await producer.disconnect();
    },
    async read(topic, recordCount) {
      const consumer = client.consumer({ groupId: topic, maxWaitTimeInMs: 100 });
      await consumer.connect();
      await consumer.subscribe({ topic, fromBeginning: true });
      const done = Promise.withResolvers<void>();
      let left = recordCount;
      await consumer.run({
        autoCommit: false,
        partitionsConsumedConcurrently: PARTITION_COUNT,
        eachBatch({ batch }) {
          left -= batch.messages.length;
          if (left <= 0) done.resolve();
          return Promise.resolve();
        },
      });
      await done.promise;
      await consumer.disconnect();
    },
  };
}

async function timed(work: () => Promise<void>): Promise<{ seconds: number; cpuSeconds: number }> {
  const [startedMs, cpuBefore] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(cpuBefore);
  return { seconds: (performance.now() - startedMs) / 1_000, cpuSeconds: (user + system) / 1e6 };
}
