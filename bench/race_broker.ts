/**
 * The race's look at the broker, the same for both: it makes and removes what a run needs, and tells
 * how far a group is.
 *
 * @module
 */
import { Kafka, logLevel } from "kafkajs";
import { type KafkaTopicLog, openKafkaTopicLog } from "../adapters/kafka/topic_log.ts";
import { systemClock } from "../adapters/system_clock.ts";
import type { LogRecord, TopicSpec } from "../ports/topic_log.ts";
import { TOPICS } from "../topology.ts";

const LOOK_INTERVAL_MS = 20;
const RUN_TIMEOUT_MS = 180_000;
const FETCH_BYTES = 8 * 2 ** 20;

/** A connection to look and tidy by. */
export class RaceBroker implements AsyncDisposable {
  readonly #admin;

  private constructor(address: string, private readonly log: KafkaTopicLog) {
    const client = new Kafka({
      ...{ brokers: [address], clientId: "race", logLevel: logLevel.NOTHING },
    });
    this.#admin = client.admin();
  }

  /** Connects to the broker at `address`. */
  static async open(address: string): Promise<RaceBroker> {
    const log = await openKafkaTopicLog({ brokers: [address], clientId: "race" });
    const broker = new RaceBroker(address, log);
    await broker.#admin.connect();
    return broker;
  }

  /** Removes the group and all topics but `samples` and the broker's own, and makes these anew. */
  async reset(groupId: string, specs: readonly TopicSpec[]): Promise<void> {
    const { groups } = await this.#admin.listGroups();
    const isThere = groups.some((group) => group.groupId === groupId);
    if (isThere) await this.#admin.deleteGroups([groupId]);
    const kept = (name: string) => name === TOPICS.samples || name.startsWith("__");
    const topics = (await this.#admin.listTopics()).filter((name) => !kept(name));
    if (topics.length > 0) await this.#admin.deleteTopics({ topics });
    while ((await this.#admin.listTopics()).some((name) => topics.includes(name))) {
      await systemClock.sleep(LOOK_INTERVAL_MS);
    }
    await this.log.create(specs);
  }

  /** Resolves when the group's members have their partitions. */
  async assigned(groupId: string, check: () => void): Promise<void> {
    await this.#until(`${groupId} has its partitions`, check, async () => {
      const { groups: [group] } = await this.#admin.describeGroups([groupId]);
      return group!.state === "Stable" && group!.members.length > 0;
    });
  }

  /** Resolves when the group has committed the end of every partition of `samples`. */
  async counted(groupId: string, check: () => void): Promise<void> {
    const ends = (await this.log.describe(TOPICS.samples))!.map(({ endOffset }) => endOffset);
    const group = { id: groupId, topics: [TOPICS.samples] };
    await this.#until(`${groupId} has counted everything`, check, async () => {
      const positions = (await this.log.positions(group))[TOPICS.samples]!;
      return ends.every((end, i) => positions[i] === end);
    });
  }

  /** All committed records of a topic, in the order of each partition. */
  async *records(topic: string): AsyncGenerator<LogRecord> {
    const options = { byteCountMax: FETCH_BYTES, waitMaxMs: 100 };
    for (
      const [partition, { startOffset, endOffset }] of (await this.log.describe(topic))!.entries()
    ) {
      for (let offset = startOffset; offset < endOffset;) {
        const batch = await this.log.fetch(topic, partition, offset, options);
        yield* batch.records;
        offset = batch.nextOffset;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#admin.disconnect();
    await this.log.close();
  }

  async #until(what: string, check: () => void, look: () => Promise<boolean>): Promise<void> {
    const untilMs = performance.now() + RUN_TIMEOUT_MS;
    while (!await look()) {
      check();
      if (performance.now() > untilMs) throw new Error(`not within ${RUN_TIMEOUT_MS} ms: ${what}`);
      await systemClock.sleep(LOOK_INTERVAL_MS);
    }
  }
}
