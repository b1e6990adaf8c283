/**
 * Processes on Kafka that have a Postgres in common, under the permissions that this takes: they wait
 * for it at the start, and its outage loses nothing.
 *
 * @module
 */
import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert";
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { parseConfig } from "../../config.ts";
import { TOPICS } from "../../topology.ts";
import { kafkaTest, startKafka } from "./kafka_server.ts";
import { startPostgres } from "./postgres_server.ts";
import { eventually, RoleProcess, withFolder } from "./role_process.ts";

/** A container is killed after 10 s. */
const SHUTDOWN_MAX_MS = 8_000;
const FAST = {
  SOURCES: "simulated",
  SIMULATED_MARKETS: "24",
  INTERVAL: "1s",
  FLUSH_INTERVAL: "1s",
};

interface Counted {
  data: { count: number; origin: string }[];
}

/** How many samples the API has, of at most so many windows; `null` while it has no answer. */
async function countAt(url: string): Promise<number | null> {
  const response = await fetch(`${url}/v1/statistics?limit=1000`);
  const { data }: Partial<Counted> = await response.json();
  return data?.reduce((sum, { count }) => sum + count, 0) ?? null;
}

async function moreThan(count: number, url: string): Promise<number> {
  return await eventually(`more than ${count} samples`, async () => {
    const now = await countAt(url);
    return now !== null && now > count ? now : null;
  });
}

async function problemAt(process: RoleProcess): Promise<string> {
  const url = await process.url();
  return await eventually("not ready", async () => {
    const response = await fetch(`${url}/readyz`);
    const { detail } = await response.json();
    return response.ok ? null : detail;
  });
}

async function endsWell(process: RoleProcess): Promise<void> {
  const { code, durationMs } = await process.stop();
  strictEqual(code, 0, process.log);
  ok(durationMs < SHUTDOWN_MAX_MS, `${process.settings.ROLES} took ${durationMs} ms`);
  match(process.log, /"Stopped"/);
}

kafkaTest(
  "writers and an API on Kafka wait for their Postgres, and its outage loses nothing",
  async () => {
    await using kafka = await startKafka();
    await using postgres = await startPostgres();
    await withFolder(async (folder) => {
      const settings = {
        ...{ ...FAST, PARTITIONS: "2", SESSION_TIMEOUT: "6s", STARTUP_PATIENCE: "5m" },
        ...{ KAFKA_BROKERS: kafka.broker, DATABASE_URL: postgres.url },
      };
      await using stack = new AsyncDisposableStack();
      const start = (ROLES: string, name = ROLES) =>
        stack.use(new RoleProcess({ ...settings, ROLES, DATA_DIR: `${folder}/${name}` }));
      await postgres.stop();
      const api = start("api");
      const writers = [start("writer", "one"), start("writer", "two")];
      for (const process of [api, ...writers]) {
        await process.logged(/Waiting for the statistics store: DATABASE_URL: cannot reach/);
      }
      match(await problemAt(writers[0]!), /it is starting/);
      await postgres.restart();
      const [sampler, aggregator] = [start("sampler"), start("aggregator")];
      for (const process of [api, ...writers, sampler, aggregator]) await process.ready();
      const url = await api.url();
      let count = await moreThan(0, url);

      await postgres.kill();
      for (const process of [api, ...writers]) {
        match(await problemAt(process), /cannot reach [\d.]+:\d+ \(connection refused\)/);
      }
      const refused = await fetch(`${url}/v1/statistics`);
      deepStrictEqual([refused.status, refused.headers.get("retry-after")], [503, "5"]);
      strictEqual(refused.headers.get("content-type"), "application/problem+json");
      await refused.body?.cancel();
      await postgres.restart();
      count = await moreThan(count, url);
      await postgres.cutConnections();
      await moreThan(count, url);

      await endsWell(sampler);
      await using log = await openKafkaTopicLog(parseConfig(settings).kafka!);
      const ranges = await log.describe(TOPICS.samples) ?? [];
      const sampleCount = ranges.reduce((sum, { endOffset }) => sum + endOffset, 0);
      await eventually(
        `all ${sampleCount} samples`,
        async () => await countAt(url) === sampleCount ? true : null,
      );
      await Promise.all([api, ...writers, aggregator].map(endsWell));
      const used = (await Array.fromAsync(Deno.readDir(folder))).map((entry) => entry.name);
      deepStrictEqual(used.sort(), ["aggregator", "sampler"]);
      for (const { log } of [api, ...writers]) doesNotMatch(log, /postgres:\/\/|\\n +at /);
    });
  },
);
