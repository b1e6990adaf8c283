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
} from "../../ports/topic_log.ts";
import { orAborted } from "./abort.ts";
import type { ClusterConnection } from "./connection.ts";
import { decodeBatches } from "./record_batch.ts";
import type { WireBroker, WireRequest } from "./wire.ts";

/** How long a broker holds an answer back, in ms: so long may a partition have to wait that joins the others late. */
const LONG_POLL_MS = 100;
/** Of one answer, in bytes: it is in memory as a whole. */
const ANSWER_SIZE_MAX = 32_000_000;
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
  /** Whether it must come first in its request, where at least one batch is answered whatever its size. */
  isUrgent: boolean;
}

interface Answer extends FetchedBatch {
  errorCode: number;
  /** Whether it came first in its request. */
  wasFirst: boolean;
}

/** Reads all partitions of a cluster. */
export class PartitionReader {
  readonly #connection: ClusterConnection;
  readonly #lanes = new WeakMap<WireBroker, { prompt: Lane; waiting: Lane }>();
  readonly #ranges = new Map<string, { startOffset: number; endOffset: number }>();

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
    let nextOffset = offset;
    let isAtEnd = this.#ranges.get(place)?.endOffset === offset;
    for (let isUrgent = false; !signal?.aborted;) {
      const leftMs = Math.max(0, Math.floor(untilMs - performance.now()));
      const waitMaxMs = isAtEnd ? leftMs : 0;
      const question: Question = {
        topic,
        partition,
        offset: nextOffset,
        byteCountMax,
        waitMaxMs,
        isUrgent,
      };
      const answer = await orAborted(this.#ask(question, signal), signal);
      if (answer === null) break;
      if (answer.errorCode === OFFSET_OUT_OF_RANGE) {
        const [start, end] = await this.range(topic, partition);
        throw new OffsetOutOfRangeError(topic, partition, nextOffset, start, end);
      }
      const { records, startOffset, endOffset } = answer;
      this.#ranges.set(place, { startOffset, endOffset });
      const hasAdvanced = answer.nextOffset > nextOffset;
      nextOffset = answer.nextOffset;
      isAtEnd = nextOffset >= endOffset || (!hasAdvanced && answer.wasFirst);
      isUrgent = !isAtEnd && !hasAdvanced;
      if (records.length > 0 || (leftMs === 0 && isAtEnd)) {
        return { records, nextOffset, startOffset, endOffset };
      }
    }
    // Where nothing was answered, nothing says that this is the end.
    const range = this.#ranges.get(place) ?? { startOffset: 0, endOffset: nextOffset + 1 };
    return { records: [], nextOffset, ...range };
  }

  /** The offsets that a partition's committed records lie between. */
  async range(topic: string, partition: number): Promise<[start: number, end: number]> {
    const { cluster } = this.#connection;
    const list = async (fromBeginning: boolean) => {
      await cluster.addTargetTopic(topic);
      const wanted = [{ topic, partitions: [{ partition }], fromBeginning }];
      const [found] = await cluster.fetchTopicsOffset(wanted);
      return Number(found!.partitions[0]!.offset);
    };
    const forMaxMs = this.#connection.outageMaxMs;
    return await this.#connection.retry(
      `asking for the offsets of ${topic}/${partition}`,
      async () => [await list(true), await list(false)],
      { forMaxMs },
    );
  }

  #ask(question: Question, signal: AbortSignal | undefined): Promise<Answer> {
    const { topic, partition } = question;
    const action = async () => {
      const broker = await this.#connection.leaderOf(topic, partition);
      let lanes = this.#lanes.get(broker);
      if (lanes === undefined) {
        lanes = {
          prompt: new Lane(broker, CONNECTION.others),
          waiting: new Lane(broker, CONNECTION.longPoll),
        };
        this.#lanes.set(broker, lanes);
      }
      const lane = question.waitMaxMs > 0 ? lanes.waiting : lanes.prompt;
      const answer = await lane.ask(question);
      if (answer.errorCode > OFFSET_OUT_OF_RANGE) throw createErrorFromCode(answer.errorCode);
      return answer;
    };
    const forMaxMs = this.#connection.outageMaxMs;
    return this.#connection.retry(`reading ${topic}/${partition}`, action, { forMaxMs, signal });
  }
}

interface Asked {
  question: Question;
  resolve(answer: Answer): void;
  reject(error: unknown): void;
}

/** Questions to one broker that travel together, one request at a time. */
class Lane {
  #queue: Asked[] = [];
  #isRunning = false;

  constructor(
    private readonly broker: WireBroker,
    private readonly connectionIndex: number,
  ) {}

  ask(question: Question): Promise<Answer> {
    return new Promise((resolve, reject) => {
      this.#queue[question.isUrgent ? "unshift" : "push"]({ question, resolve, reject });
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
      let size = 0;
      for (const one of this.#queue) {
        const { topic, partition, byteCountMax } = one.question;
        const place = `${topic}/${partition}`;
        const fits = asked.size === 0 || size + byteCountMax <= ANSWER_SIZE_MAX;
        if (!fits || asked.has(place)) later.push(one);
        else asked.set(place, one);
        if (fits) size += byteCountMax;
      }
      this.#queue = later;
      try {
        const connection = await this.broker.connectionPool.getConnection(this.connectionIndex);
        const questions = [...asked.values()].map((one) => one.question);
        const answers = await connection.send(fetchRequestOf(questions));
        for (const [place, one] of asked) {
          const answer = answers.get(place);
          if (answer) one.resolve(answer);
          else one.reject(new Error(`${place}: the broker left it out of its answer`));
        }
      } catch (error) {
        for (const one of asked.values()) one.reject(error);
      }
    }
    this.#isRunning = false;
  }
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
  const byPlace = new Map(questions.map((one) => [`${one.topic}/${one.partition}`, one]));
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
  const first = questions.keys().next().value;
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
      const { offset, byteCountMax } = questions.get(place)!;
      const decoded = decodeBatches(batches, { offset, byteCountMax, aborted });
      answers.set(place, {
        ...decoded,
        startOffset,
        // A new leader may not know yet that what its predecessor answered is committed.
        endOffset: Math.max(endOffset, decoded.nextOffset),
        errorCode,
        wasFirst: place === first,
      });
    });
  });
  return answers;
}
