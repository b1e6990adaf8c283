/**
 * Reads partitions at explicit offsets, committed records only, with no group.
 *
 * A broker answers the requests of one connection in turn, and holds an answer back until there is
 * something to tell. So all partitions that wait for new records share one request per broker, on a
 * connection of its own; those that have records waiting go by the other, which never holds back.
 *
 * @module
 */
import { setImmediate } from "node:timers/promises";
import { createErrorFromCode } from "kafkajs/src/protocol/error.js";
import fetchRequest from "kafkajs/src/protocol/requests/fetch/v11/request.js";
import {
  type FetchedBatch,
  type FetchOptions,
  OffsetOutOfRangeError,
  type PartitionRange,
} from "../../ports/topic_log.ts";
import { orAborted } from "../../signals.ts";
import { BatchReader } from "./batch_reader.ts";
import type { ClusterConnection } from "./connection.ts";
import { explain } from "./errors.ts";
import type { WireBroker, WireRequest } from "./wire.ts";

/** How long a broker holds an answer back, in ms: so long may a partition have to wait that joins the others late. */
const LONG_POLL_MS = 100;
/** Of one answer, in bytes: it is in memory as a whole. */
const ANSWER_SIZE_MAX = 32_000_000;
/** How long what is left of an answer is good for, in ms: what it says of the log's end grows old. */
const LEFT_AGE_MAX_MS = 1_000;
const READ_COMMITTED = 1;
const OFFSET_OUT_OF_RANGE = 1;
/** Which of a broker's connections: kafkajs keeps the second for consumers, of which there are none. */
const CONNECTION = { others: 0, longPoll: 1 } as const;

interface Question {
  topic: string;
  partition: number;
  offset: number;
  byteCountMax: number;
  waitMaxMs: number;
}

interface Answer extends PartitionRange {
  /** Of the partition's batches, packed as they came. */
  batches: BatchReader;
  errorCode: number;
}

/** What was not read of an answer: compressed, a fetch brings several times what it was asked for. */
interface Left extends Answer {
  answeredMs: number;
}

/** Reads all partitions of a cluster. */
export class PartitionReader {
  readonly #connection: ClusterConnection;
  readonly #waits = new WeakMap<WireBroker, LongPoll>();
  readonly #ranges = new Map<string, PartitionRange>();
  readonly #left = new Map<string, Left>();

  constructor(connection: ClusterConnection) {
    this.#connection = connection;
  }

  /** As {@link TopicLog.fetch}. */
  async fetch(
    topic: string,
    partition: number,
    offset: number,
    { byteCountMax, waitMaxMs, signal }: FetchOptions,
  ): Promise<FetchedBatch> {
    const place = `${topic}/${partition}`;
    const untilMs = performance.now() + waitMaxMs;
    const left = this.#takeLeft(place, offset);
    if (left !== null) return this.#read(place, left, byteCountMax);
    let nextOffset = offset;
    let isAtEnd = this.#ranges.get(place)?.endOffset === offset;
    while (!signal?.aborted) {
      const leftMs = Math.max(0, Math.floor(untilMs - performance.now()));
      const waitMaxMs = isAtEnd ? leftMs : 0;
      const question: Question = { topic, partition, offset: nextOffset, byteCountMax, waitMaxMs };
      const answer = await orAborted(this.#ask(question, signal), signal);
      if (answer === null) break;
      const batch = this.#read(place, { ...answer, answeredMs: performance.now() }, byteCountMax);
      const isStuck = batch.nextOffset === nextOffset;
      if (batch.records.length > 0 || (leftMs === 0 && isStuck)) return batch;
      // Asked for promptly, records come if there are any; in company they may have had no room.
      isAtEnd = batch.nextOffset >= batch.endOffset || (waitMaxMs === 0 && isStuck);
      nextOffset = batch.nextOffset;
    }
    // Where nothing was answered, nothing says that this is the end.
    const range = this.#ranges.get(place) ?? { startOffset: 0, endOffset: nextOffset + 1 };
    return { records: [], nextOffset, ...range };
  }

  /** Unpacks and reads as much of an answer as is wanted now, and keeps the rest. */
  #read(place: string, answer: Left, byteCountMax: number): FetchedBatch {
    const { batches, startOffset } = answer;
    let records;
    try {
      records = batches.read(byteCountMax);
    } catch (error) {
      throw explain(`reading ${place}`, error);
    }
    const { nextOffset } = batches;
    if (!batches.isAtEnd) this.#left.set(place, answer);
    // A new leader may not know yet that what its predecessor answered is committed.
    const range = { startOffset, endOffset: Math.max(answer.endOffset, nextOffset) };
    this.#ranges.set(place, range);
    return { records, nextOffset, ...range };
  }

  /** What is left from `offset` on, if it is; forgets what nobody came for. */
  #takeLeft(place: string, offset: number): Left | null {
    const left = this.#left.get(place);
    const isWanted = left?.batches.nextOffset === offset;
    this.#left.delete(place);
    const sinceMs = performance.now() - LEFT_AGE_MAX_MS;
    for (const [other, { answeredMs }] of this.#left) {
      if (answeredMs < sinceMs) this.#left.delete(other);
    }
    return isWanted && left!.answeredMs >= sinceMs ? left! : null;
  }

  #ask(question: Question, signal: AbortSignal | undefined): Promise<Answer> {
    const { topic, partition, offset } = question;
    const connection = this.#connection;
    const action = async () => {
      const broker = await connection.leaderOf(topic, partition);
      const answer = question.waitMaxMs > 0
        ? await this.#waits.getOrInsertComputed(broker, () => new LongPoll(broker)).ask(question)
        : (await ask(broker, CONNECTION.others, [question])).get(placeOf(question))!;
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
        const { startOffset, endOffset } = (await connection.rangesOf(topic))[partition]!;
        throw new OffsetOutOfRangeError(topic, partition, offset, startOffset, endOffset);
      }
      if (answer.errorCode > 0) throw createErrorFromCode(answer.errorCode);
      return answer;
    };
    const forMaxMs = connection.outageMaxMs;
    return connection.retry(`reading ${topic}/${partition}`, action, { forMaxMs, signal });
  }
}

function placeOf({ topic, partition }: Question): string {
  return `${topic}/${partition}`;
}

interface Asked {
  question: Question;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Questions to one broker that wait together, one request at a time. */
class LongPoll {
  #queue: Asked[] = [];
  #isRunning = false;

  constructor(private readonly broker: WireBroker) {}

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#queue.push({ question, resolve, reject });
      if (!this.#isRunning) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isRunning = true;
    while (this.#queue.length > 0) {
      // Those whose last question was answered together ask together again, if they are let.
      await setImmediate();
      const asked = new Map<string, Asked>();
      const later: Asked[] = [];
      for (const one of this.#queue) {
        // Two readers of one partition take turns.
        if (asked.has(placeOf(one.question))) later.push(one);
        else asked.set(placeOf(one.question), one);
      }
      this.#queue = later;
      try {
        const questions = [...asked.values()].map((one) => one.question);
        const answers = await ask(this.broker, CONNECTION.longPoll, questions);
        for (const [place, one] of asked) one.resolve(answers.get(place)!);
      } catch (error) {
        for (const one of asked.values()) one.reject(error);
      }
    }
    this.#isRunning = false;
  }
}

/** Sends questions to a broker's connection, and answers per place. */
async function ask(
  broker: WireBroker,
  connectionIndex: number,
  questions: readonly Question[],
): Promise<Map<string, Answer>> {
  const connection = await broker.connectionPool.getConnection(connectionIndex);
  return await connection.send(fetchRequestOf(questions));
}

function fetchRequestOf(questions: readonly Question[]): WireRequest<Map<string, Answer>> {
  const waitMaxMs = Math.min(LONG_POLL_MS, ...questions.map((question) => question.waitMaxMs));
  const topics = questions.map(({ topic, partition, offset, byteCountMax }) => ({
    topic,
    partitions: [{ partition, fetchOffset: String(offset), maxBytes: byteCountMax }],
  }));
  const request = fetchRequest({
    replicaId: -1,
    maxWaitTime: waitMaxMs,
    minBytes: 1,
    maxBytes: ANSWER_SIZE_MAX,
    isolationLevel: READ_COMMITTED,
    topics,
    rackId: "",
  });
  const byPlace = new Map(questions.map((one) => [placeOf(one), one]));
  return {
    request,
    response: {
      decode: (payload) => Promise.resolve({ answers: decodeAnswers(payload, byPlace) }),
      parse: ({ answers }: { answers: Map<string, Answer> }) => Promise.resolve(answers),
    },
  };
}

/** Reads the answer of version 11; its form is in kafkajs beside the request's. */
function decodeAnswers(
  bytes: Buffer,
  questions: ReadonlyMap<string, Question>,
): Map<string, Answer> {
  let at = 0;
  const int16 = () => bytes.readInt16BE((at += 2) - 2);
  const int32 = () => bytes.readInt32BE((at += 4) - 4);
  const int64 = () => bytes.readBigInt64BE((at += 8) - 8);
  const text = () => bytes.toString("utf8", at + 2, at += 2 + bytes.readInt16BE(at));
  const list = <T>(item: () => T) => Array.from({ length: Math.max(0, int32()) }, item);
  const answers = new Map<string, Answer>();
  at += 4 + 2 + 4; // Throttle time; error and id of a fetch session, of which there is none.
  list(() => {
    const topic = text();
    list(() => {
      const place = `${topic}/${int32()}`;
      const errorCode = int16();
      at += 8; // The high watermark bounds the uncommitted, too.
      const endOffset = Number(int64());
      const startOffset = Number(int64());
      const aborted = list(() => ({ producerId: int64(), firstOffset: Number(int64()) }));
      at += 4; // The replica to prefer: none, as no rack is given.
      const size = Math.max(0, int32());
      const batches = bytes.subarray(at, at += size);
      answers.set(place, {
        batches: new BatchReader(batches, questions.get(place)!.offset, aborted),
        startOffset,
        endOffset,
        errorCode,
      });
    });
  });
  return answers;
}
