/**
 * The roles as processes of their own on Kafka: each alone, several of one role, killed, and stopped
 * while Kafka is away.
 *
 * @module
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { encodeStatistics } from "../../adapters/codecs/statistics_codec.ts";
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import { openSqliteStore } from "../../adapters/sqlite/statistics_store.ts";
import { parseConfig } from "../../config.ts";
import type {
  StatisticsQueries,
  StatisticsRecord,
  StatisticsRow,
} from "../../ports/statistics_store.ts";
import { countSample, openWindow, revisionOf } from "../../stats/window.ts";
import { GROUPS, partitionOf, TOPICS, topicSpecs, windowKeyOf } from "../../topology.ts";
import { eventually, RoleProcess, withFolder } from "./role_process.ts";
import { type KafkaServer, kafkaTest as test, startKafka } from "./kafka_server.ts";

/** A container is killed after 10 s. */
const SHUTDOWN_MAX_MS = 8_000;
const HOUR_MS = 3_600_000;
const SESSION_TIMEOUT_MS = 6_000;

/** Settings that all processes of a cluster on this machine share. */
function clusterOf({ broker }: KafkaServer, folder: string): Record<string, string> {
  return {
    SOURCES: "simulated",
    SIMULATED_MARKETS: "24",
    INTERVAL: "1s",
    FLUSH_INTERVAL: "1s",
    SESSION_TIMEOUT: `${SESSION_TIMEOUT_MS / 1000}s`,
    KAFKA_BROKERS: broker,
    DATABASE_URL: `sqlite:${folder}/shared.db`,
  };
}

async function endsWell(process: RoleProcess): Promise<void> {
  const { code, durationMs } = await process.stop();
  strictEqual(code, 0, process.log);
  ok(durationMs < SHUTDOWN_MAX_MS, `${process.settings.ROLES} took ${durationMs} ms`);
}

test("each role alone is ready, shows its metrics, and stops in time", async () => {
  await using kafka = await startKafka();
  await withFolder(async (folder) => {
    await using stack = new AsyncDisposableStack();
    const processes = new Map(
      ["api", "writer", "aggregator", "sampler"].map((ROLES) => {
        const settings = { ...clusterOf(kafka, folder), ROLES, DATA_DIR: `${folder}/${ROLES}` };
        return [ROLES, stack.use(new RoleProcess(settings))];
      }),
    );
    for (const process of processes.values()) await process.ready();
    const url = await processes.get("api")!.url();
    const [row] = await eventually("statistics", async () => {
      const { data } = await (await fetch(`${url}/v1/statistics/latest?limit=1`)).json();
      return data.length > 0 ? data : null;
    });
    strictEqual(row.origin, "live");
    const topics = await (await fetch(`${url}/v1/topics`)).json();
    ok(topics.data.length > 0, "the API alone shows the topics, too");
    for (const [role, process] of processes) {
      const metrics = await (await fetch(`${await process.url()}/metrics`)).text();
      match(metrics, new RegExp(`data_tracker_role_ready\\{role="${role}"\\} 1`));
      match(metrics, new RegExp(`^data_tracker_${role}_`, "m"));
    }
    for (const role of ["writer", "api"]) {
      const used = await Deno.stat(`${folder}/${role}`).catch(() => null);
      strictEqual(used, null, `${role} needs no folder of its own`);
    }
    await Promise.all([...processes.values()].map(endsWell));
  });
});

/** Windows of many markets, each published several times, in the order of its revisions. */
function publications(marketCount: number, windowCount: number, revisionCount: number) {
  const startMs = Date.parse("2026-01-01T00:00:00Z");
  const records: StatisticsRecord[] = [];
  for (let hour = 0; hour < windowCount; hour++) {
    for (let market = 0; market < marketCount; market++) {
      const instrument = `asset${market}usd`;
      const sampleOf = (i: number) => ({
        ...{ exchange: "shared", instrument, price: 1 + ((i * 7919 + market) % 1009) / 7 },
        timestampMs: startMs + hour * HOUR_MS + i * 60_000,
        tickMs: startMs + hour * HOUR_MS + i * 60_000,
        intervalMs: 60_000,
      });
      const window = openWindow(sampleOf(0), HOUR_MS);
      for (let i = 0; i < revisionCount; i++) {
        countSample(window, sampleOf(i), hour * revisionCount + i);
        if (i === revisionCount - 1) window.closed = true;
        const copy = structuredClone({ ...window, ticks: null });
        records.push({
          window: { ...copy, ticks: window.ticks },
          revision: revisionOf(window),
          streamMs: window.closeMs,
        });
      }
    }
  }
  // Revision by revision over all markets, as checkpoints publish them.
  return records.map((record, i) => ({ record, order: i % revisionCount }))
    .sort((a, b) => a.record.window.startMs - b.record.window.startMs || a.order - b.order)
    .map(({ record }) => record);
}

/** All rows of a store, by market and start. */
async function rowsOf(store: StatisticsQueries): Promise<StatisticsRow[]> {
  const rows: StatisticsRow[] = [];
  for (;;) {
    const after = rows.at(-1);
    const page = await store.statistics({
      ...{ fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 10_000 },
      ...(after && { after }),
    });
    rows.push(...page);
    if (page.length < 10_000) return rows;
  }
}

test("two writers that share one file, one of them killed: rows are the oracle's, and no revision goes back", async () => {
  await using kafka = await startKafka();
  await withFolder(async (folder) => {
    const settings = { ...clusterOf(kafka, folder), ROLES: "writer", PARTITIONS: "6" };
    const config = parseConfig(settings);
    await using log = await openKafkaTopicLog(config.kafka!);
    await log.create(topicSpecs("kafka", config.partitionCount));
    const storeConfig = { ...config, keepMs: config.keepStatisticsMs };
    const oracle = new MemoryStatisticsStore(storeConfig);
    const records = publications(300, 6, 12);

    await using stack = new AsyncDisposableStack();
    const start = () => stack.use(new RoleProcess(settings));
    let writers = [start(), start()];
    for (const writer of writers) await writer.ready();
    const reader = stack.use(
      await openSqliteStore(`${folder}/shared.db`, storeConfig, { isReadOnly: true }),
    );

    const seen = new Map<string, number>();
    async function look(): Promise<StatisticsRow[]> {
      const rows = await rowsOf(reader);
      for (const row of rows) {
        const window = `${row.instrument}@${row.startMs}`;
        const before = seen.get(window) ?? 0;
        ok(row.revision >= before, `${window} went from ${before} back to ${row.revision}`);
        seen.set(window, row.revision);
      }
      return rows;
    }

    const publish = (records: readonly StatisticsRecord[]) =>
      log.append(records.map(({ window, streamMs }) => {
        const market = `${window.exchange}:${window.instrument}`;
        return {
          topic: TOPICS.statistics,
          partition: partitionOf(market, config.partitionCount),
          key: windowKeyOf(market, window.startMs),
          value: encodeStatistics(window, streamMs),
        };
      }));
    for (let i = 0, kill = 0; i < records.length; i += 1500) {
      const slice = records.slice(i, i + 1500);
      await oracle.writeStatistics(slice);
      await publish(slice);
      // What is read twice changes nothing.
      await publish(slice.slice(0, 300));
      await look();
      if (i / records.length < (kill + 1) / 4) continue;
      const [victim, other] = kill++ % 2 === 0 ? writers : writers.toReversed();
      await victim!.stop("SIGKILL");
      writers = [other!, start()];
      await look();
    }
    await eventually("everything stored", async () => {
      await look();
      const positions = (await log.positions(GROUPS.writer))[TOPICS.statistics]!;
      const ranges = (await log.describe(TOPICS.statistics))!;
      return ranges.every(({ endOffset }, i) => positions[i] === endOffset) ? true : null;
    });
    const [rows, expected] = [await look(), await rowsOf(oracle)];
    strictEqual(rows.length, expected.length);
    // Row by row: the difference of two long lists takes gigabytes to print.
    for (const [i, row] of rows.entries()) deepStrictEqual(row, expected[i]);
    for (const writer of writers) await writer.ready();
    await Promise.all(writers.map(endsWell));
  });
});

test("two samplers count each tick once, and when the one that polls is killed the other takes over", async () => {
  await using kafka = await startKafka();
  await withFolder(async (folder) => {
    await using stack = new AsyncDisposableStack();
    const start = (ROLES: string, name: string) => {
      const settings = { ...clusterOf(kafka, folder), ROLES, DATA_DIR: `${folder}/${name}` };
      return stack.use(new RoleProcess(settings));
    };
    const rest = start("aggregator,writer,api", "rest");
    await rest.ready();
    const samplers = [start("sampler", "one"), start("sampler", "two")];
    for (const sampler of samplers) await sampler.ready();

    const polling = await eventually(
      "one that polls",
      () => samplers.find(({ log }) => log.includes("Polling simulated")),
    );
    const standby = samplers.find((sampler) => sampler !== polling)!;
    const url = await rest.url();
    await eventually("counted ticks", async () => {
      const { data } = await (await fetch(`${url}/v1/statistics/latest?limit=1`)).json();
      return data[0]?.count >= 5 ? true : null;
    });
    ok(!standby.log.includes("Polling"), standby.log);

    const killedMs = performance.now();
    await polling.stop("SIGKILL");
    await standby.logged(/Polling simulated/);
    const silenceMs = performance.now() - killedMs;
    ok(silenceMs < SESSION_TIMEOUT_MS + 5_000, `taken over after ${silenceMs} ms`);

    // Both poll for a moment: without the rule of ticks the count would be more than the ticks.
    const third = start("sampler", "three");
    await third.ready();
    const { data } = await (await fetch(`${url}/v1/statistics/latest?limit=1000`)).json();
    ok(data.every((row: { coverage: number }) => row.coverage > 0 && row.coverage <= 1));
    const metrics = await (await fetch(`${await standby.url()}/metrics`)).text();
    match(metrics, /data_tracker_sampler_polls_total\{source="simulated",outcome="ok"\} [1-9]/);
    for (const process of [standby, third, rest]) await endsWell(process);
  });
});

test("a role that waits for Kafka is alive, not ready, and ends when told, in time", async () => {
  await using kafka = await startKafka();
  await withFolder(async (folder) => {
    const settings = { ...clusterOf(kafka, folder), STARTUP_PATIENCE: "5m" };
    await kafka.stop();
    await using stack = new AsyncDisposableStack();
    const processes = ["sampler", "aggregator", "writer"].map((ROLES) =>
      stack.use(new RoleProcess({ ...settings, ROLES, DATA_DIR: `${folder}/${ROLES}` }))
    );
    for (const process of processes) {
      const url = await process.url();
      deepStrictEqual(await (await fetch(`${url}/healthz`)).json(), { status: "alive" });
      const readiness = await fetch(`${url}/readyz`);
      strictEqual(readiness.status, 503);
      match((await readiness.json()).detail, /it is starting/);
    }
    await Promise.all(processes.map(endsWell));
  });
});

test("the API alone waits for its writer's store, and answers while Kafka is away", async () => {
  await using kafka = await startKafka();
  await withFolder(async (folder) => {
    const settings = { ...clusterOf(kafka, folder), ROLES: "api" };
    await using stack = new AsyncDisposableStack();
    const early = stack.use(new RoleProcess(settings));
    await early.logged(/Waiting for a writer to make it/);
    const writer = stack.use(new RoleProcess({ ...settings, ROLES: "writer" }));
    await writer.ready();
    await early.ready();
    await endsWell(writer);
    await kafka.stop();
    const late = stack.use(new RoleProcess(settings));
    await late.ready();
    for (const api of [early, late]) {
      const response = await fetch(`${await api.url()}/v1/markets`);
      deepStrictEqual(await response.json(), { data: [], nextCursor: null });
      await endsWell(api);
    }
  });
});

test("a second signal ends a process at once", async () => {
  await using kafka = await startKafka();
  await withFolder(async (folder) => {
    const settings = { ...clusterOf(kafka, folder), ROLES: "aggregator", DATA_DIR: folder };
    await using process = new RoleProcess(settings);
    await process.ready();
    // Without its brokers it has something to wait for.
    kafka.signal("SIGSTOP");
    process.signal("SIGTERM");
    await process.logged(/Stopping/);
    const firstMs = performance.now();
    let code: number | null = null;
    const ended = process.ended().then((status) => code = status.code);
    await eventually(
      "the time in which signals are one",
      () => code !== null || performance.now() - firstMs > 600 ? true : null,
    );
    if (code === null) process.signal("SIGTERM");
    await ended;
    ok(performance.now() - firstMs < 2_000);
    kafka.signal("SIGCONT");
  });
});
