/**
 * The embedded pipeline: samples in the log, and how many a second are counted, checkpointed,
 * published and stored, with all guarantees on.
 *
 * @module
 */
import process from "node:process";
import { Registry } from "prom-client";
import { encodeSample } from "../adapters/codecs/sample_codec.ts";
import { systemClock as clock, systemRandom as random } from "../adapters/system_clock.ts";
import { createAggregator } from "../aggregator/aggregator.ts";
import { parseConfig } from "../config.ts";
import { openEngine } from "../process/engine.ts";
import type { NewRecord } from "../ports/topic_log.ts";
import { GROUPS, partitionOf, TOPICS } from "../topology.ts";
import { createWriter } from "../writer/writer.ts";

const MARKET_COUNT = 2_000;
const TICK_MS = 60_000;
const RECORDS_PER_APPEND = 10_000;
const LOOK_INTERVAL_MS = 20;

/** One run. */
export interface PipelineFigures {
  sampleCount: number;
  appendSeconds: number;
  /** From the start of aggregator and writer until the store has everything. */
  countSeconds: number;
  cpuSeconds: number;
  peakMegabytes: number;
}

/** Appends `sampleCount` samples to a fresh embedded log, then counts and stores them. */
export async function benchPipeline(sampleCount = 1_000_000): Promise<PipelineFigures> {
  const folder = await Deno.makeTempDir();
  try {
    const config = parseConfig({ SOURCES: "simulated", DATA_DIR: folder, GRACE: "1s" });
    await using engine = await openEngine(config);
    const { log, windows, store } = engine;
    const appendedMs = performance.now();
    for (const records of sampleRecords(sampleCount, config.partitionCount)) {
      await log.append(records);
    }
    const startedMs = performance.now();
    const cpuBefore = process.cpuUsage();
    const stop = new AbortController();
    const shared = { log, clock, random, registry: new Registry() };
    const roles = [
      createAggregator({ ...shared, windows }, config),
      createWriter({ ...shared, sink: store }),
    ];
    const running = roles.map((role) => role.run(stop.signal));
    let peak = 0;
    while (await lagOf(log) > 0) {
      peak = Math.max(peak, Deno.memoryUsage().rss);
      await clock.sleep(LOOK_INTERVAL_MS);
    }
    const countSeconds = (performance.now() - startedMs) / 1000;
    const { user, system } = process.cpuUsage(cpuBefore);
    stop.abort();
    await Promise.all(running);
    return {
      sampleCount,
      appendSeconds: (startedMs - appendedMs) / 1000,
      countSeconds,
      cpuSeconds: (user + system) / 1e6,
      peakMegabytes: peak / 2 ** 20,
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Samples of {@link MARKET_COUNT} markets, minute by minute up to now, some thousands at a time. */
export function* sampleRecords(
  sampleCount: number,
  partitionCount: number,
): Generator<NewRecord[]> {
  const tickCount = Math.ceil(sampleCount / MARKET_COUNT);
  const firstMs = Math.floor(clock.nowMs() / TICK_MS) * TICK_MS - tickCount * TICK_MS;
  let records: NewRecord[] = [];
  for (let i = 0; i < sampleCount; i++) {
    const instrument = `asset${i % MARKET_COUNT}usdt`;
    const key = `exchange:${instrument}`;
    const tickMs = firstMs + Math.floor(i / MARKET_COUNT) * TICK_MS;
    const price = Number((100 + (i * 7919 % 100_003) / 777).toPrecision(8));
    const value = encodeSample({
      exchange: "exchange",
      instrument,
      price,
      timestampMs: tickMs + 300,
      tickMs,
      intervalMs: TICK_MS,
    });
    records.push({
      topic: TOPICS.samples,
      partition: partitionOf(key, partitionCount),
      key,
      value,
    });
    if (records.length < RECORDS_PER_APPEND) continue;
    yield records;
    records = [];
  }
  if (records.length > 0) yield records;
}

async function lagOf(log: Awaited<ReturnType<typeof openEngine>>["log"]): Promise<number> {
  let lag = 0;
  const read = [[GROUPS.aggregator, TOPICS.samples], [GROUPS.writer, TOPICS.statistics]] as const;
  for (const [group, topic] of read) {
    const positions = (await log.positions(group))[topic] ?? [];
    for (const [i, range] of (await log.describe(topic) ?? []).entries()) {
      lag += range.endOffset - (positions[i] ?? 0);
    }
  }
  return lag;
}
