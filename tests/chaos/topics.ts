/**
 * Reading topics as their users do, and compacting one for real.
 *
 * @module
 */
import { decodeStatistics } from "../../adapters/codecs/statistics_codec.ts";
import type { KafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { systemClock as clock } from "../../adapters/system_clock.ts";
import type { LogRecord } from "../../ports/topic_log.ts";
import type { StatisticsRecord } from "../../ports/statistics_store.ts";
import { TOPICS, windowKeyOf } from "../../topology.ts";
import type { KafkaServer } from "../integration/kafka_server.ts";
import { type Told, toldByStatistics } from "../oracle/monitor_reference.ts";
import { isLeaping, PARTITION_COUNT } from "./samples.ts";

/** How often `statistics` is read, in ms: soon enough for prices to leap from what is published. */
const LOOK_INTERVAL_MS = 250;
const FETCH_BYTES = 4 * 1024 * 1024;
/** The key of records that only make the broker begin a new segment. */
export const FILLER_KEY = "filler";
/** The log cleaner of a busy machine may take its time, in ms. */
const COMPACTION_MAX_MS = 90_000;
/** And so much longer for each record, in ms: the cleaner shares the machine. */
const COMPACTION_RECORD_MAX_MS = 0.3;

/** Settings of a broker whose log cleaner does not rest for long. */
export const EAGER_CLEANER = { "log.cleaner.backoff.ms": "300" };

/** Settings of a broker that answers with a few batches at a time: whoever has much to read commits in between. */
export const FEW_BYTES = { "fetch.max.bytes": "20000" };

/** All partition numbers. */
export const PARTITIONS = Array.from({ length: PARTITION_COUNT }, (_, partition) => partition);

/** The committed records of a partition from `offset` to its present end. */
export async function* readToEnd(
  log: KafkaTopicLog,
  topic: string,
  partition: number,
  offset = 0,
): AsyncGenerator<LogRecord> {
  const { endOffset, startOffset } = (await log.describe(topic))![partition]!;
  for (let at = Math.max(offset, startOffset); at < endOffset;) {
    const options = { byteCountMax: FETCH_BYTES, waitMaxMs: 1000 };
    const batch = await log.fetch(topic, partition, at, options);
    yield* batch.records;
    at = batch.nextOffset;
  }
}

/** Follows `statistics` as a writer does: the last record of every key, and whether any went backwards. */
export class StatisticsWatch {
  readonly last = new Map<string, StatisticsRecord>();
  readonly problems: string[] = [];
  /** By partition, what a monitor may have held leaping prices against: compaction takes most of it. */
  readonly told: readonly Told[][] = PARTITIONS.map(() => []);
  recordCount = 0;
  readonly #offsets: number[] = PARTITIONS.map(() => 0);

  constructor(private readonly log: KafkaTopicLog) {}

  /** Until the signal aborts, then to the end. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await clock.sleep(LOOK_INTERVAL_MS, signal);
      await this.catchUp();
    }
    await this.catchUp();
  }

  /** How many samples the last record of a window tells of. */
  readonly countOf = (market: string, startMs: number): number =>
    this.last.get(windowKeyOf(market, startMs))?.window.count ?? 0;

  /** To the present end. */
  async catchUp(): Promise<void> {
    for (const partition of PARTITIONS) {
      const from = this.#offsets[partition]!;
      for await (const record of readToEnd(this.log, TOPICS.statistics, partition, from)) {
        this.#take(record, partition);
        this.#offsets[partition] = record.offset + 1;
      }
    }
  }

  #take(record: LogRecord, partition: number): void {
    const key = record.key!;
    if (key === FILLER_KEY) return;
    this.recordCount++;
    const statistics = decodeStatistics(record.value);
    const before = this.last.get(key)?.revision ?? -1;
    if (statistics.revision <= before) {
      const where = `statistics/${partition} offset ${record.offset}`;
      this.problems.push(`${where}: ${key} has revision ${statistics.revision} after ${before}`);
    }
    this.last.set(key, statistics);
    const told = toldByStatistics(record);
    if (isLeaping(told.market)) this.told[partition]!.push(told);
  }
}

/** Lets the broker compact `statistics` as soon as it can, or not at all. */
export async function configureCompaction(kafka: KafkaServer, isEager: boolean): Promise<void> {
  const settings = isEager
    ? "segment.ms=1000,min.cleanable.dirty.ratio=0.001,min.compaction.lag.ms=0"
    : "min.compaction.lag.ms=86400000";
  const topic = ["--entity-type", "topics", "--entity-name", TOPICS.statistics];
  await kafka.tool("kafka-configs", ["--alter", ...topic, "--add-config", settings]);
}

/** Has `statistics` compacted until each key is there once; @throws where that does not come. */
export async function compact(kafka: KafkaServer, log: KafkaTopicLog): Promise<void> {
  await configureCompaction(kafka, true);
  const ranges = (await log.describe(TOPICS.statistics))!;
  const recordCount = ranges.reduce((sum, { endOffset }) => sum + endOffset, 0);
  const deadlineMs = performance.now() + COMPACTION_MAX_MS + recordCount * COMPACTION_RECORD_MAX_MS;
  const value = new TextEncoder().encode(FILLER_KEY);
  for (let left = PARTITIONS; left.length > 0;) {
    // The active segment is never compacted; it is the last one until a record comes after its time.
    await log.append(
      left.map((partition) => ({ topic: TOPICS.statistics, partition, key: FILLER_KEY, value })),
    );
    await clock.sleep(1100);
    const counts = await Promise.all(left.map((partition) => surplus(log, partition)));
    left = left.filter((_, i) => counts[i]! > 0);
    if (performance.now() > deadlineMs) {
      throw new Error(`statistics was not compacted: ${counts} records too many in ${left}`);
    }
  }
}

async function surplus(log: KafkaTopicLog, partition: number): Promise<number> {
  const keys = new Set<string>();
  let count = 0;
  for await (const { key } of readToEnd(log, TOPICS.statistics, partition)) {
    if (key === FILLER_KEY) continue;
    keys.add(key!);
    count++;
  }
  return count - keys.size;
}
