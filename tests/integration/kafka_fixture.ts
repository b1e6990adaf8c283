/**
 * What the tests on a real Kafka share: logs, topics, records, and waiting for what is to come.
 *
 * @module
 */
import assert from "node:assert/strict";
import { type KafkaTopicLog, openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import type { Group, LogRecord, NewRecord, TopicSpec, Transaction } from "../../ports/topic_log.ts";

/** So soon a test's broker notices that a member is dead. */
export const SESSION_TIMEOUT_MS = 1_000;
const PATIENCE_MS = 30_000;

/** Opens a log on a test's broker. */
export function openLog(broker: string, outageMaxMs = PATIENCE_MS): Promise<KafkaTopicLog> {
  const config = { clientId: "test", sessionTimeoutMs: SESSION_TIMEOUT_MS, outageMaxMs };
  return openKafkaTopicLog({ brokers: [broker], ...config });
}

/** A name that no other test has. */
export function newName(): string {
  return `t-${crypto.randomUUID().slice(0, 8)}`;
}

/** A topic to create. */
export function specOf(name: string, partitionCount = 1, compacted = false): TopicSpec {
  return { name, partitionCount, retentionMs: 3_600_000, compacted };
}

/** Creates a topic. */
export async function newTopic(log: KafkaTopicLog, partitionCount = 1): Promise<string> {
  const name = newName();
  await log.create([specOf(name, partitionCount)]);
  return name;
}

/** A record whose key and value are the same text. */
export function recordOf(topic: string, text: string, partition = 0): NewRecord {
  return { topic, partition, key: text, value: new TextEncoder().encode(text) };
}

/** A record's value as text. */
export function textOf({ value }: LogRecord): string {
  return new TextDecoder().decode(value!);
}

/** A transaction of a group with one topic, whose metadata tells where its records went. */
export function transactionOf(group: Group, records: NewRecord[], offset: number): Transaction {
  const offsets = { [group.topics[0]!]: offset };
  return { records, offsets, metadata: (last) => JSON.stringify(last) };
}

/** Reads until `count` records have come. */
export async function readRecords(
  log: KafkaTopicLog,
  topic: string,
  count: number,
  { partition = 0, offset = 0, byteCountMax = 1_000_000 } = {},
): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  const deadlineMs = Date.now() + PATIENCE_MS;
  while (records.length < count) {
    assert.ok(Date.now() < deadlineMs, `${records.length} of ${count} records came`);
    const batch = await log.fetch(topic, partition, offset, { byteCountMax, waitMaxMs: 500 });
    records.push(...batch.records);
    offset = batch.nextOffset;
  }
  return records;
}

/** Waits until something is so. */
export async function waitUntil(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  patienceMs = PATIENCE_MS,
): Promise<void> {
  const deadlineMs = Date.now() + patienceMs;
  while (!await isSo()) {
    assert.ok(Date.now() < deadlineMs, `waited for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
