/**
 * The whole program, killed (SIGKILL) again and again while it counts: every sample must be counted
 * once, on the embedded engine and on Kafka.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import { systemClock as clock } from "../../adapters/system_clock.ts";
import { parseConfig } from "../../config.ts";
import { openEngine } from "../../process/engine.ts";
import type { NewRecord } from "../../ports/topic_log.ts";
import { summarise } from "../../stats/moments.ts";
import { GROUPS, partitionOf, TOPICS } from "../../topology.ts";
import { exactStatistics } from "../oracle/exact.ts";
import { kafkaTest as test, startKafka } from "./kafka_server.ts";

const MARKET_COUNT = 40;
const TICK_COUNT = 1500;
const TICK_MS = 10_000;
const KILL_COUNT = 5;
const HOUR_MS = 3_600_000;
const SETTINGS = { SOURCES: "simulated", FLUSH_INTERVAL: "1s", CACHE_WINDOWS: "1000" };

/** Samples over some four hours; every fifth market has no ticks, so that only positions guard it. */
function samples(
  firstMs: number,
  partitionCount: number,
): { records: NewRecord[]; prices: Map<string, number[]> } {
  const records: NewRecord[] = [];
  const prices = new Map<string, number[]>();
  for (let tick = 0; tick < TICK_COUNT; tick++) {
    for (let market = 0; market < MARKET_COUNT; market++) {
      const instrument = `asset${market}usd`;
      const timestampMs = firstMs + tick * TICK_MS;
      const price = 100 + ((tick * 7919 + market * 104_729) % 10_007) / 97;
      const key = `killed:${instrument}`;
      const ticks = market % 5 === 0 ? {} : { tickMs: timestampMs, intervalMs: TICK_MS };
      const value = encodeSample({ exchange: "killed", instrument, price, timestampMs, ...ticks });
      records.push({
        topic: TOPICS.samples,
        partition: partitionOf(key, partitionCount),
        key,
        value,
      });
      const window = `${instrument}@${Math.floor(timestampMs / HOUR_MS) * HOUR_MS}`;
      prices.set(window, [...prices.get(window) ?? [], price]);
    }
  }
  return { records, prices };
}

function startProgram(env: Record<string, string>): Deno.ChildProcess {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-prompt", "main.ts"],
    cwd: new URL("../../", import.meta.url),
    env: { ...env, ROLES: "aggregator,writer,api", PORT: "0", LOG_LEVEL: "warning" },
    stdout: "null",
    stderr: "inherit",
  }).spawn();
}

async function killedAndWhole(extra: Record<string, string>): Promise<void> {
  const directory = await Deno.makeTempDir();
  const env = { ...SETTINGS, ...extra, DATA_DIR: directory };
  const config = parseConfig(env);
  const firstMs = Math.floor((Date.now() - 5 * HOUR_MS) / HOUR_MS) * HOUR_MS;
  const { records, prices } = samples(firstMs, config.partitionCount);
  try {
    {
      await using engine = await openEngine(config);
      for (let i = 0; i < records.length; i += 5000) {
        await engine.log.append(records.slice(i, i + 5000));
      }
    }
    for (let kill = 0; kill < KILL_COUNT; kill++) {
      const program = startProgram(env);
      // Somewhere in its start, its claims, its counting or its checkpoints.
      await clock.sleep(350 + kill * 230);
      program.kill("SIGKILL");
      await program.status;
    }
    const program = startProgram(env);
    await untilCounted(config, extra, program);
    program.kill("SIGTERM");
    // 143: told to stop while it was still starting, and nothing was begun.
    ok([0, 143].includes((await program.status).code), "it stops cleanly");

    await using engine = await openEngine(config);
    const rows = await engine.store.statistics({
      exchange: ["killed"],
      fromMs: 0,
      toMs: Infinity,
      limit: 10_000,
    });
    deepStrictEqual(
      rows.map((row) => `${row.instrument}@${row.startMs}`).sort(),
      [...prices.keys()].sort(),
    );
    for (const row of rows) {
      const own = prices.get(`${row.instrument}@${row.startMs}`)!;
      const exact = exactStatistics(own);
      const { mean, stddev } = summarise(row);
      deepStrictEqual(
        [row.count, row.min, row.max],
        [exact.count, exact.min, exact.max],
        row.instrument,
      );
      ok(Math.abs(mean - exact.mean) <= 1e-14 * exact.mean);
      ok(Math.abs(stddev! - exact.stddev!) <= 1e-14 * exact.stddev!);
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Waits until the program has counted and stored everything. */
async function untilCounted(
  config: ReturnType<typeof parseConfig>,
  extra: Record<string, string>,
  program: Deno.ChildProcess,
): Promise<void> {
  let ended = false;
  program.status.then(() => ended = true);
  for (let i = 0; i < 600; i++) {
    ok(!ended, "the program ended by itself");
    if (await lagOf(config, extra) === 0) return;
    await clock.sleep(100);
  }
  throw new Error("not counted within a minute");
}

async function lagOf(
  config: ReturnType<typeof parseConfig>,
  extra: Record<string, string>,
): Promise<number> {
  const { log, close } = "KAFKA_BROKERS" in extra
    ? await kafkaReader(config)
    : await embeddedReader(config);
  try {
    let lag = 0;
    for (
      const [group, topic] of [[GROUPS.aggregator, TOPICS.samples], [
        GROUPS.writer,
        TOPICS.statistics,
      ]] as const
    ) {
      const positions = (await log.positions(group))[topic] ?? [];
      for (const [i, range] of (await log.describe(topic) ?? []).entries()) {
        lag += range.endOffset - (positions[i] ?? range.startOffset);
      }
    }
    return lag;
  } finally {
    await close();
  }
}

async function embeddedReader(config: ReturnType<typeof parseConfig>) {
  const { openKvFile } = await import("../../adapters/deno_kv/kv_file.ts");
  const { TOPIC_LOG_SCHEMA_VERSION } = await import("../../adapters/deno_kv/topic_log.ts");
  const { DenoKvTopicReader } = await import("../../adapters/deno_kv/topic_reader.ts");
  const kv = await openKvFile(`${config.dataDirectory}/log.kv`, TOPIC_LOG_SCHEMA_VERSION, {
    mustExist: true,
  });
  return { log: new DenoKvTopicReader(kv, { clock }), close: () => kv.close() };
}

async function kafkaReader({ kafka }: ReturnType<typeof parseConfig>) {
  const { openKafkaTopicLog } = await import("../../adapters/kafka/topic_log.ts");
  const log = await openKafkaTopicLog({ brokers: [...kafka!.brokers], clientId: "test" });
  return { log, close: () => log.close() };
}

Deno.test("killed five times while counting, embedded: every sample is counted once", async () => {
  await killedAndWhole({});
});

test("killed five times while counting, on Kafka: every sample is counted once", async () => {
  await using kafka = await startKafka();
  await killedAndWhole({ KAFKA_BROKERS: kafka.broker, SESSION_TIMEOUT: "6s" });
});
