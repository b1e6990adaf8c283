/**
 * Topics, records and readings of the topic log's contract.
 *
 * @module
 */
import { ok, strictEqual } from "node:assert";
import type {
  LogRecord,
  NewRecord,
  TopicAdmin,
  TopicLog,
  TopicSpec,
  Transaction,
} from "../../ports/topic_log.ts";

/** A log as the contract sees it. */
export type Log = TopicLog & TopicAdmin;

/** Long enough for any engine to get there, in ms. */
export const PATIENCE_MS = 30_000;

const encoder = new TextEncoder();

/** A name that nothing else has. */
export function unique(what: string): string {
  return `${what}-${crypto.randomUUID()}`;
}

/** What a topic of the tests is. */
export function spec(name: string, partitionCount: number): TopicSpec {
  return { name, partitionCount, retentionMs: 3_600_000, compacted: false };
}

/** Makes a topic of its own. */
export async function newTopic(log: Log, partitionCount = 1): Promise<string> {
  const name = unique("topic");
  await log.create([spec(name, partitionCount)]);
  return name;
}

/** A group on one topic, and two topics for what it writes, of two partitions each. */
export async function newGroup(log: Log) {
  const names = [unique("input"), unique("output"), unique("rejected")] as const;
  await log.create(names.map((name) => spec(name, 2)));
  const [input, output, rejected] = names;
  return { group: { id: unique("group"), topics: [input] }, input, output, rejected };
}

/** A record without headers. */
export function record(
  topic: string,
  partition: number,
  key: string,
  value: Uint8Array,
): NewRecord {
  return { topic, partition, key, value };
}

/** A record whose value begins with a number, and is `byteCount` long at least. */
export function numbered(
  topic: string,
  partition: number,
  number: number,
  byteCount = 0,
): NewRecord {
  const value = encoder.encode(`${number} `.padEnd(byteCount, "."));
  return record(topic, partition, `key ${number % 10}`, value);
}

/** The number that a value begins with. */
export function numberOf({ value }: Pick<LogRecord, "value">): number {
  return Number.parseInt(new TextDecoder().decode(value!.subarray(0, 20)));
}

/** What a record must keep, comparable. */
export function contentOf({ key, value, headers = {} }: NewRecord | LogRecord) {
  return { key, value: [...value!], headers: { ...headers } };
}

/** A transaction without records. */
export function positionsOnly(offsets: Record<string, number>, metadata = ""): Transaction {
  return { records: [], offsets, metadata: () => metadata };
}

/** Checks that each number is greater than the one before. */
export function risesStrictly(numbers: readonly number[]): void {
  for (const [i, number] of numbers.entries()) ok(i === 0 || number > numbers[i - 1]!);
}

/** Reads from the start until `isEnough`, then that nothing more is there. */
async function read(
  log: Log,
  topic: string,
  partition: number,
  isEnough: (found: readonly LogRecord[]) => boolean,
): Promise<LogRecord[]> {
  const deadline = performance.now() + PATIENCE_MS;
  const found: LogRecord[] = [];
  for (let offset = 0;;) {
    const waitMaxMs = isEnough(found) ? 0 : 500;
    const fetched = await log.fetch(topic, partition, offset, {
      byteCountMax: 1_000_000,
      waitMaxMs,
    });
    found.push(...fetched.records);
    ok(fetched.nextOffset >= offset && fetched.nextOffset <= fetched.endOffset);
    offset = fetched.nextOffset;
    if (waitMaxMs === 0 && fetched.records.length === 0) return found;
    ok(performance.now() < deadline, `${topic}/${partition}: only ${found.length} records came`);
  }
}

/** Reads so many records, and checks that there are no more. */
export async function readCount(log: Log, topic: string, partition: number, count: number) {
  const found = await read(log, topic, partition, (records) => records.length >= count);
  strictEqual(found.length, count);
  return found;
}

/** Reads until the record of that number has come. */
export function readUntil(log: Log, topic: string, partition: number, number: number) {
  return read(log, topic, partition, (records) => records.some((one) => numberOf(one) === number));
}

/** Waits until `check` passes. */
export async function eventually(check: () => void | Promise<void>): Promise<void> {
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (performance.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }
}
