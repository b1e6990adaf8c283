/**
 * A process with an empty disk takes over all partitions of an aggregator that died after two hours
 * of flushes: how long from its start until it counts, and how long each step takes.
 *
 * The broker is real, and so is what it holds: an aggregator counted 14,500 markets and published
 * every open window at each of 240 flushes, 30 s of the samples' time apart; six hours are kept. Two
 * hours pass in two minutes, so the topic's segments last 5 s in place of 5 min; then the cleaner is
 * let finish, and ten flushes follow that lie in the active segment: what a process finds that takes
 * over at the worst moment of those 5 min. `uncompacted` is the same on a broker that never cleans.
 *
 * @module
 */
import { Registry } from "prom-client";
import { encodeSample } from "../adapters/codecs/sample_codec.ts";
import { type KafkaTopicLog, openKafkaTopicLog } from "../adapters/kafka/topic_log.ts";
import { MemoryWindowStore } from "../adapters/memory/window_store.ts";
import { systemClock, systemRandom as random } from "../adapters/system_clock.ts";
import { createAggregator } from "../aggregator/aggregator.ts";
import { parseConfig } from "../config.ts";
import { type KafkaServer, startKafka } from "../tests/integration/kafka_server.ts";
import { GROUPS, partitionOf, TOPICS, topicSpecs } from "../topology.ts";
import { STEPS, type TakeoverReport } from "./takeover_process.ts";

const MARKET_COUNT = 14_500;
const HOUR_MS = 3_600_000;
const TICK_MS = 30_000;
/** Flushes in the active segment at most: 5 min of them. */
const ACTIVE_FLUSHES = 10;
/** In place of the 5 min of real life, in ms: two hours pass in two minutes. */
const SEGMENT_MS = 5_000;
const LOOK_INTERVAL_MS = 5;

/** A step's name and how long it took, in ms, or another figure of one take-over. */
export type TakeoverFigures = Record<string, number>;

/** Fills a broker once, and takes over `count` times. */
export async function benchTakeover(count: number, compacted: boolean): Promise<TakeoverFigures[]> {
  await using kafka = await startKafka({
    "log.cleaner.enable": String(compacted),
    "log.cleaner.backoff.ms": "250",
  });
  await fill(kafka, compacted);
  const runs: TakeoverFigures[] = [];
  for (let i = 0; i < count; i++) runs.push(await takeOver(kafka.broker));
  return runs;
}

/** The flushes of one life of an aggregator, by the time of their samples. */
function flushTimes(): number[] {
  const hourMs = Math.floor(systemClock.nowMs() / HOUR_MS - 1) * HOUR_MS;
  const times: number[] = [];
  for (let hour = -6; hour < -2; hour++) {
    times.push(hourMs + hour * HOUR_MS, hourMs + (hour + 1) * HOUR_MS - TICK_MS);
  }
  times.push(hourMs - 2 * HOUR_MS);
  for (let ms = -1.5 * HOUR_MS; ms < 0.5 * HOUR_MS; ms += TICK_MS) times.push(hourMs + ms);
  return times;
}

export async function fill(kafka: KafkaServer, compacted: boolean): Promise<void> {
  const config = parseConfig({ ROLES: "aggregator", KAFKA_BROKERS: kafka.broker });
  await using log = await openKafkaTopicLog({ brokers: [kafka.broker], clientId: "fill" });
  await log.create(topicSpecs("kafka", config.partitionCount));
  const setSegmentMs = async (segmentMs: number) => {
    const change = ["--alter", "--topic", TOPICS.statistics, "--add-config"];
    await kafka.tool("kafka-configs", [...change, `segment.ms=${segmentMs}`]);
  };
  if (compacted) await setSegmentMs(SEGMENT_MS);
  // A life in the past: its clock stands where its samples are, and each fetch is a flush.
  let nowMs = 0;
  const stop = new AbortController();
  const clock = { ...systemClock, nowMs: () => nowMs };
  const aggregator = createAggregator({
    ...{ log, clock, random, registry: new Registry() },
    windows: new MemoryWindowStore(),
  }, { ...config, flushIntervalMs: 0 });
  const running = aggregator.run(stop.signal);
  const times = flushTimes();
  for (const [i, tickMs] of times.entries()) {
    if (compacted && i === times.length - ACTIVE_FLUSHES) await systemClock.sleep(SEGMENT_MS);
    nowMs = tickMs;
    await log.append(samplesOf(tickMs, config.partitionCount));
    while (await lagOf(log) > 0) await systemClock.sleep(LOOK_INTERVAL_MS);
    if (!compacted || i !== times.length - ACTIVE_FLUSHES) continue;
    await cleaned(log, config.partitionCount);
    await setSegmentMs(SEGMENT_MS * 60);
  }
  stop.abort();
  await running;
  // What the next owner has to count.
  await log.append(samplesOf(times.at(-1)! + TICK_MS, config.partitionCount));
}

function samplesOf(tickMs: number, partitionCount: number) {
  return Array.from({ length: MARKET_COUNT }, (_, i) => {
    const [exchange, base] = [`exchange-${i % 30}`, `asset${Math.floor(i / 30)}`];
    const instrument = `${base}usdt`;
    const price = Number((100 + ((i + tickMs / TICK_MS) * 7919 % 100_003) / 777).toPrecision(8));
    const market = `${exchange}:${instrument}`;
    const value = encodeSample({
      ...{ exchange, instrument, base, quote: "usdt", price },
      ...{ timestampMs: tickMs + 300, tickMs, intervalMs: TICK_MS },
    });
    const partition = partitionOf(market, partitionCount);
    return { topic: TOPICS.samples, partition, key: market, value };
  });
}

async function lagOf(log: KafkaTopicLog): Promise<number> {
  const positions = (await log.positions(GROUPS.aggregator))[TOPICS.samples] ?? [];
  const ranges = await log.describe(TOPICS.samples) ?? [];
  return ranges.reduce((lag, { endOffset }, i) => lag + endOffset - (positions[i] ?? 0), 0);
}

/** Waits until no partition holds more records than keys, but for the flush in the active segment. */
async function cleaned(log: KafkaTopicLog, partitionCount: number): Promise<void> {
  for (let partition = 0; partition < partitionCount; partition++) {
    for (;;) {
      const keys = new Set<string | null>();
      let [recordCount, offset, endOffset] = [0, 0, 1];
      while (offset < endOffset) {
        const options = { byteCountMax: 2 ** 22, waitMaxMs: 0 };
        const batch = await log.fetch(TOPICS.statistics, partition, offset, options);
        for (const { key } of batch.records) keys.add(key);
        recordCount += batch.records.length;
        ({ nextOffset: offset, endOffset } = batch);
      }
      if (recordCount <= keys.size + MARKET_COUNT / partitionCount * 1.2) break;
      await systemClock.sleep(500);
    }
  }
}

export async function takeOver(broker: string): Promise<TakeoverFigures> {
  const folder = await Deno.makeTempDir();
  try {
    const startedMs = performance.timeOrigin + performance.now();
    const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-prompt", "-A", new URL("./takeover_process.ts", import.meta.url).href],
      env: { ROLES: "aggregator", KAFKA_BROKERS: broker, DATA_DIR: folder },
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
    const report: TakeoverReport = JSON.parse(new TextDecoder().decode(stdout));
    const figures: TakeoverFigures = {};
    let beforeMs = startedMs;
    for (const step of STEPS) {
      figures[`${step}, ms`] = report.atMs[step] - beforeMs;
      beforeMs = report.atMs[step];
    }
    const claimMs = report.atMs["group joined"];
    return {
      ...figures,
      "claim → all partitions counting, ms": report.atMs.counting - claimMs,
      "claim → first partition counting, ms": report.firstCountingAtMs - claimMs,
      "process started → all counting, ms": report.atMs.counting - startedMs,
      "records read": report.recordCount,
      "MB read": report.megabytes,
      "windows kept": report.windowCount,
      "CPU, s": report.cpuSeconds,
      "peak memory, MB": report.peakMegabytes,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
