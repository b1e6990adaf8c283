/**
 * Monitors as processes on a real Kafka, killed, frozen and robbed of their disks while prices leap:
 * what they publish must be the reference's, none missed, none twice.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { systemClock as clock } from "../../adapters/system_clock.ts";
import { parseConfig } from "../../config.ts";
import type { LogRecord, TopicLog } from "../../ports/topic_log.ts";
import { GROUPS, partitionOf, TOPICS, topicSpecs } from "../../topology.ts";
import {
  expectedNotifications,
  publishedNotifications,
  toldOf,
} from "../oracle/monitor_reference.ts";
import { Dice } from "../simulation/world.ts";
import { kafkaTest, startKafka } from "./kafka_server.ts";
import { eventually, RoleProcess, withFolder } from "./role_process.ts";

const MARKETS = Array.from({ length: 24 }, (_, i) => `leaping:asset${i}usd`);
const PARTITION_COUNT = 3;
const WINDOW_MS = 60_000;
/** So much faster samples' own time goes than that of the log: a window is over in three seconds. */
const SPEED = 20;
const TICK_MS = 100;
const TICK_COUNT = 450;
const RULES = [
  { name: "leap", ratioAbove: 3, minSamples: 3 },
  { name: "fall", ratioBelow: 0.3, minSamples: 3 },
];

/** One tick of all markets; leaps where the window before has been published for a while. */
async function tick(log: TopicLog, dice: Dice, sampleMs: number): Promise<void> {
  const isLate = sampleMs % WINDOW_MS > WINDOW_MS / 2;
  await log.append(MARKETS.map((market) => {
    const usual = 100 + dice.below(10);
    const leaps = isLate && dice.oneIn(60);
    const price = leaps ? usual * (dice.oneIn(2) ? 9 : 0.1) : usual;
    const [exchange, instrument] = market.split(":") as [string, string];
    const value = encodeSample({ exchange, instrument, price, timestampMs: sampleMs });
    const partition = partitionOf(market, PARTITION_COUNT);
    return { topic: TOPICS.samples, partition, key: market, value };
  }));
}

async function recordsOf(log: TopicLog, topic: string): Promise<LogRecord[]> {
  const records: LogRecord[] = [];
  for (let partition = 0; partition < PARTITION_COUNT; partition++) {
    for (let offset = 0;;) {
      const options = { byteCountMax: 8_000_000, waitMaxMs: 100 };
      const batch = await log.fetch(topic, partition, offset, options);
      records.push(...batch.records);
      offset = batch.nextOffset;
      if (offset >= batch.endOffset) break;
    }
  }
  return records;
}

kafkaTest("monitors are killed, frozen and robbed: every crossing is published once", async (t) => {
  await using kafka = await startKafka();
  await withFolder(async (folder) => {
    const settings = {
      ...{ KAFKA_BROKERS: kafka.broker, PARTITIONS: `${PARTITION_COUNT}`, WINDOW: "1m" },
      ...{ GRACE: "0s", FLUSH_INTERVAL: "1s", SESSION_TIMEOUT: "6s", SOURCES: "simulated" },
      RULES: JSON.stringify(RULES),
    };
    await using log = await openKafkaTopicLog(parseConfig(settings).kafka!);
    await log.create(topicSpecs("kafka", PARTITION_COUNT));
    await using stack = new AsyncDisposableStack();
    const start = (ROLES: string, name: string) =>
      stack.use(new RoleProcess({ ...settings, ROLES, DATA_DIR: `${folder}/${name}` }));
    await start("aggregator", "aggregator").ready();
    const monitors = [start("monitor", "one"), start("monitor", "two")];
    for (const monitor of monitors) await monitor.ready();

    const dice = new Dice(3);
    const firstMs = clock.nowMs();
    const sampleMsOf = (nowMs: number) => firstMs - 3_600_000 + (nowMs - firstMs) * SPEED;
    const harm = async (index: number, isRobbed: boolean) => {
      const name = ["one", "two"][index]!;
      await monitors[index]!.stop("SIGKILL");
      if (isRobbed) await Deno.remove(`${folder}/${name}`, { recursive: true });
      monitors[index] = start("monitor", name);
    };
    const harms: Record<number, () => unknown> = {
      80: () => harm(0, false),
      150: () => monitors[1]!.signal("SIGSTOP"),
      // Longer than its session: the other has its partitions when it wakes.
      250: () => monitors[1]!.signal("SIGCONT"),
      300: () => harm(1, true),
      370: () => Promise.all([harm(0, true), harm(1, false)]),
    };
    for (let i = 0; i < TICK_COUNT; i++) {
      await harms[i]?.();
      await tick(log, dice, sampleMsOf(clock.nowMs()));
      await clock.sleep(firstMs + (i + 1) * TICK_MS - clock.nowMs());
    }
    await eventually("the monitors are at the end", async () => {
      const { samples } = await log.positions(GROUPS.monitor);
      const ranges = await log.describe(TOPICS.samples);
      return ranges!.every(({ endOffset }, i) => samples![i] === endOffset) ? true : null;
    });
    const told = toldOf(
      await recordsOf(log, TOPICS.samples),
      await recordsOf(log, TOPICS.statistics),
    );
    const rules = [
      { name: "leap", kind: "ratioAbove" as const, threshold: 3, sampleCountMin: 3 },
      { name: "fall", kind: "ratioBelow" as const, threshold: 0.3, sampleCountMin: 3 },
    ];
    const published = publishedNotifications(await recordsOf(log, TOPICS.notifications));
    deepStrictEqual(published, expectedNotifications(told, rules, WINDOW_MS, clock.nowMs()));
    ok(published.length > 50, `${published.length} notifications prove little`);
    await t.step(`${published.length} notifications of ${told.length} records`, () => {});
  });
});
