/**
 * Two notifiers as processes on a real Kafka, killed and frozen while crossings come and their receiver
 * answers slowly, or not at all: everybody hears of every crossing, and nobody hears the same again under another digest's name.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { encodeNotification } from "../../adapters/codecs/notification_codec.ts";
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { systemClock as clock } from "../../adapters/system_clock.ts";
import { parseConfig } from "../../config.ts";
import { partitionOf, TOPICS, topicSpecs } from "../../topology.ts";
import { crossing } from "../notification_sample.ts";
import { kafkaTest, startKafka } from "./kafka_server.ts";
import { eventually, RoleProcess, withFolder } from "./role_process.ts";

const PARTITION_COUNT = 3;
const TICK_COUNT = 250;
const TICK_MS = 100;

interface Received {
  id: string;
  isRepeat: boolean;
  firing: { id: string }[];
}

/** A receiver that takes its time, so that a sender often dies before it has an answer; now and then it refuses. */
class Receiver implements AsyncDisposable {
  /** What it has taken. */
  readonly received: Received[] = [];
  #requestCount = 0;
  readonly #server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (req) => {
    const digest = await req.json();
    if (this.#requestCount++ % 4 === 3) return new Response(null, { status: 503 });
    this.received.push(digest);
    await clock.sleep(1_000);
    return new Response(null, { status: 204 });
  });
  readonly url = `http://127.0.0.1:${this.#server.addr.port}/hook`;

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }
}

kafkaTest(
  "notifiers are killed and frozen: every crossing is told, and the same news under one id",
  async (t) => {
    await using kafka = await startKafka();
    await using receiver = new Receiver();
    await withFolder(async (folder) => {
      const hook = { name: "hook", type: "webhook", url: receiver.url, repeat: "never" };
      const settings = {
        ...{ KAFKA_BROKERS: kafka.broker, PARTITIONS: `${PARTITION_COUNT}`, ROLES: "notifier" },
        ...{ SESSION_TIMEOUT: "6s", DATA_DIR: folder },
        CHANNELS: JSON.stringify([{ ...hook, groupBy: ["exchange"], wait: "0s", interval: "1s" }]),
      };
      await using log = await openKafkaTopicLog(parseConfig(settings).kafka!);
      await log.create(topicSpecs("kafka", PARTITION_COUNT));
      await using stack = new AsyncDisposableStack();
      const start = () => stack.use(new RoleProcess(settings));
      const notifiers = [start(), start()];
      for (const notifier of notifiers) await notifier.ready();

      const kill = async (index: number) => {
        await notifiers[index]!.stop("SIGKILL");
        notifiers[index] = start();
      };
      const harms: Record<number, () => unknown> = {
        30: () => kill(0),
        80: () => kill(1),
        110: () => notifiers[0]!.signal("SIGSTOP"),
        // Longer than its session: the other goes on, and this one wakes as a zombie.
        190: () => notifiers[0]!.signal("SIGCONT"),
        220: () => Promise.all([kill(0), kill(1)]),
      };
      const published = new Set<string>();
      for (let i = 0; i < TICK_COUNT; i++) {
        await harms[i]?.();
        const market = `exchange${i % 4}:asset${i}usd`;
        const notification = crossing(market, clock.nowMs());
        published.add(notification.id);
        const value = encodeNotification(notification);
        const partition = partitionOf(market, PARTITION_COUNT);
        await log.append([{ topic: TOPICS.notifications, partition, key: market, value }]);
        await clock.sleep(TICK_MS);
      }
      const told = () =>
        new Set(receiver.received.flatMap(({ firing }) => firing.map(({ id }) => id)));
      await eventually("all crossings told", () => told().size === published.size ? true : null);
      deepStrictEqual([...told()].sort(), [...published].sort());

      // Each digest is the same whenever it comes, and another has something that was not told yet.
      const byId = new Map<string, string>();
      const known = new Set<string>();
      for (const { id, isRepeat, firing } of receiver.received) {
        const text = JSON.stringify(firing.map((one) => one.id));
        strictEqual(byId.get(id) ?? text, text, `digest ${id} changed`);
        const isNews = firing.some((one) => !known.has(one.id));
        ok(byId.has(id) || (isNews && !isRepeat), `digest ${id} tells nothing new`);
        byId.set(id, text);
        for (const one of firing) known.add(one.id);
      }
      ok(byId.size > 3, `${byId.size} digests prove little`);
      await t.step(
        `${published.size} crossings, ${byId.size} digests, ${receiver.received.length} requests`,
        () => {},
      );
    });
  },
);
