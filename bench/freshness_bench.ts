/**
 * From a sample's way to the broker until the API tells its statistics, with aggregator, writer and
 * API as processes of their own on a real Kafka.
 *
 * @module
 */
import { openKafkaTopicLog } from "../adapters/kafka/topic_log.ts";
import { systemClock as clock } from "../adapters/system_clock.ts";
import { parseConfig } from "../config.ts";
import { startKafka } from "../tests/integration/kafka_server.ts";
import { RoleProcess, withFolder } from "../tests/integration/role_process.ts";
import { topicSpecs } from "../topology.ts";
import { appendPolls } from "./live_load.ts";

const EXCHANGE = "probe";
/** Each second so many markets are seen for the first time: all of them are timed. */
const PROBES_A_SECOND = 20;
/** What is counted beside them. */
const LOAD = { exchange: "load", marketCount: 2_000, intervalMs: 10_000 };
/** Flushes that the probes are spread over. */
const FLUSH_COUNT = 3;
/** The API is asked this often: so much too great a delay can be. */
const LOOK_INTERVAL_MS = 100;
/** Until all that is seen: more than the greatest delay that is promised. */
const PATIENCE_MS = 60_000;

/** How long it took, in ms. */
export interface FreshnessFigures {
  flushIntervalMs: number;
  sampleCount: number;
  medianMs: number;
  p99Ms: number;
  maxMs: number;
}

/**
 * Measures over some flush intervals.
 *
 * @param settings `FLUSH_INTERVAL` and `DATABASE_URL`, where they are to differ from the default and
 * from SQLite.
 */
export async function benchFreshness(
  settings: Readonly<Record<string, string>> = {},
): Promise<FreshnessFigures> {
  await using kafka = await startKafka();
  let figures: FreshnessFigures | undefined;
  await withFolder(async (folder) => {
    const cluster = {
      ...{ KAFKA_BROKERS: kafka.broker, DATABASE_URL: `sqlite:${folder}/statistics.db` },
      ...settings,
    };
    const { flushIntervalMs, partitionCount } = parseConfig({ ...cluster, ROLES: "aggregator" });
    await using log = await openKafkaTopicLog({ brokers: [kafka.broker], clientId: "bench" });
    await log.create(topicSpecs("kafka", partitionCount));
    await using stack = new AsyncDisposableStack();
    const [api] = ["api", "writer", "aggregator"].map((ROLES) =>
      stack.use(new RoleProcess({ ...cluster, ROLES, DATA_DIR: `${folder}/${ROLES}` }))
    );
    await api!.ready();
    const delays = await timeProbes(log, await api!.url(), { flushIntervalMs, partitionCount });
    const at = (share: number) => delays[Math.ceil(delays.length * share) - 1]!;
    figures = {
      ...{ flushIntervalMs, sampleCount: delays.length },
      ...{ medianMs: at(0.5), p99Ms: at(0.99), maxMs: at(1) },
    };
  });
  return figures!;
}

async function timeProbes(
  log: Awaited<ReturnType<typeof openKafkaTopicLog>>,
  url: string,
  { flushIntervalMs, partitionCount }: { flushIntervalMs: number; partitionCount: number },
): Promise<number[]> {
  const stop = new AbortController();
  const appendedMs = new Map<string, number>();
  const delays: number[] = [];
  const load = appendPolls(log, { ...LOAD, partitionCount }, stop.signal);
  // What comes before the first flush is published at once, and would flatter.
  await until("the load is served", async () => (await latest(url, LOAD.exchange)).length > 0);
  const probing = AbortSignal.any([
    stop.signal,
    AbortSignal.timeout(Math.ceil(FLUSH_COUNT * flushIntervalMs / 1_000) * 1_000),
  ]);
  const probe = { exchange: EXCHANGE, marketCount: PROBES_A_SECOND, intervalMs: 1_000 };
  const probes = appendPolls(log, { ...probe, partitionCount, areNew: true }, probing, (all) => {
    for (const instrument of all) appendedMs.set(instrument, performance.now());
  });
  try {
    await until("all probes are served", async () => {
      for (const instrument of await latest(url, EXCHANGE)) {
        const startMs = appendedMs.get(instrument);
        if (startMs === undefined) continue;
        appendedMs.delete(instrument);
        delays.push(performance.now() - startMs);
      }
      return probing.aborted && appendedMs.size === 0;
    }, FLUSH_COUNT * flushIntervalMs);
  } finally {
    stop.abort();
    await Promise.all([load, probes]);
  }
  return delays.sort((a, b) => a - b);
}

/** The instruments of an exchange that the API has statistics of. */
async function latest(url: string, exchange: string): Promise<string[]> {
  const response = await fetch(`${url}/v1/statistics/latest?limit=10000&exchange=${exchange}`);
  const { data } = await response.json();
  return data.map(({ instrument }: { instrument: string }) => instrument);
}

async function until(what: string, look: () => Promise<boolean>, forMs = 0): Promise<void> {
  const untilMs = performance.now() + forMs + PATIENCE_MS;
  while (!await look()) {
    if (performance.now() > untilMs) throw new Error(`waited for too long until ${what}`);
    await clock.sleep(LOOK_INTERVAL_MS);
  }
}
