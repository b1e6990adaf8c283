/**
 * One run: real aggregators, writers and monitors on a real Kafka and Postgres through the faults of
 * a seed; at the end everything in the topics and in the store must equal the reference, before and
 * after compaction, and newcomers must be able to go on from it.
 *
 * @module
 */
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { systemClock as clock } from "../../adapters/system_clock.ts";
import type { NewRecord, TopicAdmin, TopicLog } from "../../ports/topic_log.ts";
import { GROUPS, TOPICS, topicSpecs } from "../../topology.ts";
import { type KafkaServer, startKafka } from "../integration/kafka_server.ts";
import { startPostgres } from "../integration/postgres_server.ts";
import { Dice } from "../simulation/world.ts";
import { Cluster, type ClusterConfig } from "./cluster.ts";
import {
  describeFault,
  EVERYONE,
  type Fault,
  NEWCOMERS,
  OUTAGE_BEGIN_MS,
  outageOf,
  scheduleOf,
  type Server,
  SESSION_TIMEOUT_MS,
} from "./faults.ts";
import { countLogs, type LogCounts } from "./member_logs.ts";
import {
  PARTITION_COUNT,
  SampleStream,
  SERIAL_HEADER,
  TICKS_PER_SECOND,
  TIMES,
} from "./samples.ts";
import { TcpProxy } from "./tcp_proxy.ts";
import {
  compact,
  configureCompaction,
  EAGER_CLEANER,
  FEW_BYTES,
  StatisticsWatch,
} from "./topics.ts";
import { storedWindows, StoreWatch } from "./store.ts";
import {
  counterProblems,
  type Expected,
  expectedOf,
  foundIn,
  notificationsProblems,
  rejectedProblems,
  RULES,
  windowsProblems,
} from "./verify.ts";

/** How long nothing may move until all is counted, once the faults are over, in ms. */
const CATCH_UP_MAX_MS = 120_000;
/** A broker may be away for so long before an append fails, in ms: longer than any fault. In an outage, so much longer. */
const OUTAGE_MAX_MS = 60_000;
/** In an outage there is a tick a second, and one that is so late is missed, in ms. */
const OUTAGE_TICK_LATE_MAX_MS = 5_000;
/** So long nothing may be left to do before all is taken for done, in ms. */
const QUIET_MS = 4_000;
/** Of a member's log, where a run does not end. */
const LAST_LINE_COUNT = 3;
const LAST_LINE_LENGTH_MAX = 400;
/** A member whose windows do not fit into its cache, of a partition's 1,700 kept ones. */
const SMALL_CACHE = "1000";

/** What to do. */
export interface RunOptions {
  seed: number;
  /** Of the faults. */
  durationMs: number;
  /** In place of faults: one server is away for so long, in ms. */
  outage: { server: Server; forMs: number } | null;
  /** The name of a planted bug; `null` for none. */
  planted: string | null;
  /** Where the members' logs are kept; `null`: nowhere. */
  logDirectory: string | null;
  /** Told now and then how much of it is done, from 0 to 1. */
  progress(share: number): void;
  /** Told what happens. */
  say(line: string): void;
  signal?: AbortSignal;
}

/** What came of it. */
export interface RunReport extends LogCounts {
  seed: number;
  faultCount: number;
  sampleCount: number;
  windowCount: number;
  rejectedCount: number;
  notificationCount: number;
  /** Records in `statistics`, in all. */
  publishedCount: number;
  durationMs: number;
  /** The greatest resident set of a process, in bytes, by role. */
  peakBytes: Readonly<Record<string, number>>;
  /** What was wrong; empty: all was right. */
  problems: readonly string[];
}

/** Plays a seed. @throws {Error} Where the run itself could not be made. */
export async function runSeed(options: RunOptions): Promise<RunReport> {
  const startedMs = performance.now();
  const { seed, planted, outage = null, say } = options;
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "chaos-" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const logDirectory = options.logDirectory ?? directory;
  await Deno.mkdir(logDirectory, { recursive: true });
  const dice = new Dice(seed);
  const isCompacting = dice.oneIn(2);
  const caches = new Set(EVERYONE.filter(() => dice.oneIn(2)));
  const postgres = stack.use(await startPostgres());
  const proxy = stack.use(new TcpProxy());
  const kafka = stack.use(
    await startKafka(
      { ...EAGER_CLEANER, ...(dice.oneIn(2) && FEW_BYTES) },
      { proxyPort: proxy.port },
    ),
  );
  const [host, port] = kafka.broker.split(":") as [string, string];
  proxy.leadTo(host, Number(port));
  const outageMaxMs = OUTAGE_MAX_MS + (outage?.forMs ?? 0);
  const brokers = { brokers: [kafka.broker], clientId: "chaos", outageMaxMs };
  const log = stack.use(await openKafkaTopicLog(brokers));
  await log.create(topicSpecs("kafka", PARTITION_COUNT));
  await configureCompaction(kafka, isCompacting);
  const settings = { ...SETTINGS, STARTUP_PATIENCE: `${outageMaxMs / 1000}s` };
  const config: ClusterConfig = {
    directory,
    logDirectory,
    settings,
    settingsOf: (member) => caches.has(member) ? { CACHE_WINDOWS: SMALL_CACHE } : {},
    ...(planted !== null && {
      entry: "tests/chaos/planted_main.ts",
      settings: { ...settings, PLANTED_BUG: planted },
    }),
  };
  const cluster = stack.use(new Cluster({ kafka, proxy, postgres }, config));
  cluster.heal();

  const stream = new SampleStream(seed);
  const watch = new StatisticsWatch(log);
  const storeWatch = new StoreWatch(postgres);
  const schedule = outage === null
    ? scheduleOf(seed, options.durationMs)
    : outageOf(outage.server, outage.forMs);
  const acknowledged = new Set<number>();
  const over = new AbortController();
  const following = Promise.all([watch.run(over.signal), storeWatch.run(over.signal)]);
  // Its error is told where it is waited for.
  following.catch(() => {});
  await Promise.all([
    produce(log, stream, watch, acknowledged, options),
    playFaults(cluster, schedule, options),
  ]);
  options.signal?.throwIfAborted();
  cluster.heal();
  const problems: string[] = [];
  let notificationCount = 0;
  const check = async (when: string) => {
    const catchUpMaxMs = CATCH_UP_MAX_MS + (outage?.forMs ?? 0);
    await untilCounted(log, catchUpMaxMs).catch(async (error) =>
      problems.push(`${when}: ${error.message}`, ...await lastWords(cluster))
    );
    await cluster.stop();
    const lags = await lagsOf(log, "writer", "statistics");
    if (problems.length === 0 && lags.some((lag) => lag > 0)) {
      throw new Error(
        `something was published after ${QUIET_MS} ms of quiet: the lags are ${lags}`,
      );
    }
    over.abort();
    await following;
    await watch.catchUp();
    await storeWatch.look();
    await storeWatch.noted();
    const expected = await expectedOf(log, acknowledged, problems);
    const published = { told: watch.told, isWhole: !isCompacting };
    const notifications = await notificationsProblems(log, expected, published);
    notificationCount = notifications.count;
    problems.push(
      ...watch.problems.splice(0),
      ...storeWatch.problems.splice(0),
      ...[
        ...statisticsProblems(expected, watch),
        ...windowsProblems("Postgres", expected, await storedWindows(postgres)),
        ...await rejectedProblems(log, expected),
        ...await counterProblems(log, expected),
        ...notifications.problems,
      ].map((problem) => `${when}: ${problem}`),
    );
    return expected;
  };
  const expected = await check("after the faults");
  const publishedCount = watch.recordCount;

  if (problems.length === 0) {
    say("as it must be; compacting");
    problems.push(...await compactedProblems(kafka, log, expected));
    say("compacted; newcomers take over with empty disks");
    await append(log, stream.afterwards(watch.countOf), acknowledged);
    for (const newcomer of NEWCOMERS) cluster.start(newcomer);
    await check("after newcomers took over");
  }
  const logs = await countLogs(EVERYONE.map((member) => cluster.logOf(member)));
  return {
    seed,
    faultCount: schedule.length,
    sampleCount: expected.sampleCount,
    windowCount: watch.last.size,
    rejectedCount: expected.references.reduce((sum, { rejected }) => sum + rejected.size, 0),
    notificationCount,
    publishedCount,
    durationMs: performance.now() - startedMs,
    peakBytes: cluster.peakBytes,
    ...logs,
    problems: [...cluster.problems, ...logs.problems, ...problems],
  };
}

const SETTINGS = {
  PARTITIONS: String(PARTITION_COUNT),
  WINDOW: `${TIMES.windowSizeMs / 1000}s`,
  GRACE: `${TIMES.graceMs / 1000}s`,
  AMEND_FOR: `${TIMES.amendForMs / 1000}s`,
  MAX_SKEW: `${TIMES.maxSkewMs / 1000}s`,
  SESSION_TIMEOUT: `${SESSION_TIMEOUT_MS / 1000}s`,
  FLUSH_INTERVAL: "1s",
  RULES,
  LOG_LEVEL: "debug",
  LOG_FORMAT: "json",
};

/** After the broker was away, what was missed is sent at once; after an outage it is missed for good. */
async function produce(
  log: TopicLog,
  stream: SampleStream,
  watch: StatisticsWatch,
  acknowledged: Set<number>,
  { durationMs, outage, progress, signal }: RunOptions,
): Promise<void> {
  const startMs = performance.now();
  const ticksPerSecond = outage ? 1 : TICKS_PER_SECOND;
  const lateMaxMs = outage ? OUTAGE_TICK_LATE_MAX_MS : Infinity;
  const lengthMs = outage ? outage.forMs + 2 * OUTAGE_BEGIN_MS : durationMs;
  const tickCount = Math.floor((lengthMs / 1000) * ticksPerSecond);
  for (let tick = 0; tick < tickCount && !signal?.aborted; tick++) {
    const dueMs = startMs + (tick * 1000) / ticksPerSecond;
    await clock.sleep(Math.max(0, dueMs - performance.now()), signal);
    const records = [...stream.next(), ...stream.leaps(watch.countOf)];
    if (performance.now() - dueMs <= lateMaxMs) await append(log, records, acknowledged);
    progress(tick / tickCount);
  }
  await append(log, stream.calm(), acknowledged);
}

async function append(
  log: TopicLog,
  records: readonly NewRecord[],
  acknowledged: Set<number>,
): Promise<void> {
  await log.append(records);
  for (const { headers } of records) acknowledged.add(Number(headers![SERIAL_HEADER]));
}

async function playFaults(
  cluster: Cluster,
  schedule: readonly Fault[],
  { say, signal }: RunOptions,
): Promise<void> {
  const startMs = performance.now();
  await Promise.all(schedule.map(async (fault) => {
    await clock.sleep(fault.atMs - (performance.now() - startMs), signal);
    if (signal?.aborted) return;
    say(describeFault(fault));
    await cluster.apply(fault);
  }));
}

/**
 * Until every sample is counted, and every record stored: the groups' positions are the ends, and stay
 * so. Where many windows close at once, a checkpoint that moves the position to the end is followed by
 * others that only close.
 */
async function untilCounted(log: TopicAdmin, forMaxMs: number): Promise<void> {
  let before: string | null = null;
  let movedMs = 0;
  for (let quietSinceMs: number | null = null;;) {
    const behind = await whoIsBehind(log);
    const nowMs = performance.now();
    // A broker that answers with few bytes at a time makes it long, but not stand still.
    if (behind !== before) movedMs = nowMs;
    before = behind;
    if (behind === null) {
      quietSinceMs ??= nowMs;
      if (nowMs - quietSinceMs >= QUIET_MS) return;
    } else {
      quietSinceMs = null;
      if (nowMs - movedMs > forMaxMs) {
        throw new Error(`nothing moves for ${forMaxMs} ms: ${behind}`);
      }
    }
    await clock.sleep(200);
  }
}

const READERS = [
  ["aggregator", "samples"],
  ["writer", "statistics"],
  // Of `statistics` it commits no more than what came before its samples.
  ["monitor", "samples"],
] as const;

/** Which group has something left to read, and its lags; `null`: none. */
async function whoIsBehind(log: TopicAdmin): Promise<string | null> {
  for (const [group, topic] of READERS) {
    const lags = await lagsOf(log, group, topic);
    if (lags.some((lag) => lag > 0)) return `the lags of the ${group}s are ${lags}`;
  }
  return null;
}

async function lagsOf(
  log: TopicAdmin,
  group: "aggregator" | "writer" | "monitor",
  topic: "samples" | "statistics",
): Promise<number[]> {
  const positions = (await log.positions(GROUPS[group]))[TOPICS[topic]]!;
  const ranges = (await log.describe(TOPICS[topic]))!;
  return ranges.map(({ endOffset }, i) => endOffset - (positions[i] ?? 0));
}

/** The end of each member's log: where something hangs, nothing else tells why. */
async function lastWords(cluster: Cluster): Promise<string[]> {
  const logs = EVERYONE.map(async (member) => {
    const text = await Deno.readTextFile(cluster.logOf(member)).catch(() => "");
    return text.trimEnd().split("\n").slice(-LAST_LINE_COUNT).filter((line) => line !== "")
      .map((line) => `${member} said last: ${line.slice(0, LAST_LINE_LENGTH_MAX)}`);
  });
  return (await Promise.all(logs)).flat();
}

/** What is wrong with the last record of every window. */
function statisticsProblems(expected: Expected, { last }: StatisticsWatch): string[] {
  const found = new Map(last.entries().map(([key, record]) => [key, foundIn(record)]));
  return windowsProblems("statistics", expected, found);
}

async function compactedProblems(
  kafka: KafkaServer,
  log: Awaited<ReturnType<typeof openKafkaTopicLog>>,
  expected: Expected,
): Promise<string[]> {
  await compact(kafka, log);
  const compacted = new StatisticsWatch(log);
  await compacted.catchUp();
  const problems = [...compacted.problems, ...statisticsProblems(expected, compacted)];
  return problems.map((problem) => `after compaction: ${problem}`);
}
