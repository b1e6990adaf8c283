/**
 * The two engines behind the ports: embedded (Deno KV and SQLite in the data directory) and
 * distributed (Kafka). Opened here, chosen by configuration; roles know only the ports.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { openDataDirectory } from "../adapters/deno_kv/data_directory.ts";
import { openKvFile } from "../adapters/deno_kv/kv_file.ts";
import { openTopicLog, TOPIC_LOG_SCHEMA_VERSION } from "../adapters/deno_kv/topic_log.ts";
import { openWindowStore, WINDOW_STORE_SCHEMA_VERSION } from "../adapters/deno_kv/window_store.ts";
import { FileStateStore } from "../adapters/file_state_store.ts";
import { SqliteStatisticsStore } from "../adapters/sqlite/statistics_store.ts";
import { systemClock } from "../adapters/system_clock.ts";
import type { Config } from "../config.ts";
import type { StateStore } from "../ports/state_store.ts";
import type { StatisticsQueries, StatisticsSink } from "../ports/statistics_store.ts";
import type { TopicAdmin, TopicLog } from "../ports/topic_log.ts";
import type { WindowStore } from "../ports/window_store.ts";
import { TOPICS, topicSpecs } from "../topology.ts";

const logger = getLogger(["data-tracker"]);

/** How often the embedded engine tidies up, in ms: compaction and retention. */
const MAINTENANCE_INTERVAL_MS = 5 * 60_000;

/** Everything that the roles of one process share. */
export interface Engine extends AsyncDisposable {
  log: TopicLog & TopicAdmin;
  windows: WindowStore;
  store: StatisticsSink & StatisticsQueries;
  state: StateStore;
  /** Whether nothing was ever appended to `samples`. */
  isEmpty(): Promise<boolean>;
  /** Keeps the engine tidy until `signal` aborts. */
  maintain(signal: AbortSignal): Promise<void>;
}

/** The statistics store alone, with its data directory. */
export interface OpenedStore extends AsyncDisposable {
  store: StatisticsSink & StatisticsQueries;
  /** The path of a file in the data directory. */
  file(name: string): string;
}

/** Opens the data directory and the statistics store in it. @throws As {@link openEngine}. */
export async function openStore(config: Config): Promise<OpenedStore> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(await openDataDirectory(config.dataDirectory));
  const store = stack.use(
    new SqliteStatisticsStore(directory.file("statistics.db"), {
      graceMs: config.graceMs,
      amendForMs: config.amendForMs,
      partitionCount: config.partitionCount,
      keepMs: config.keepStatisticsMs,
    }),
  );
  const all = stack.move();
  return { store, file: directory.file, [Symbol.asyncDispose]: () => all.disposeAsync() };
}

/**
 * Opens the engine that the configuration asks for, and makes its topics.
 *
 * @throws {Error} In an operator's words, where the data directory, a file in it, or the brokers cannot be had.
 */
export async function openEngine(config: Config): Promise<Engine> {
  await using stack = new AsyncDisposableStack();
  const { store, file } = stack.use(await openStore(config));
  const kv = await openKvFile(file("windows.kv"), WINDOW_STORE_SCHEMA_VERSION);
  stack.defer(() => kv.close());
  const windows = await openWindowStore(kv, config);
  const { log, upkeep } = config.kafka === null
    ? await openEmbeddedLog(file("log.kv"), stack)
    : await openKafkaLog(config.kafka, stack);
  await log.create(topicSpecs(config.engine, config.partitionCount));
  const state = new FileStateStore(file("state"));
  const all = stack.move();
  return {
    log,
    windows,
    store,
    state,
    async isEmpty() {
      const partitions = await log.describe(TOPICS.samples) ?? [];
      return partitions.every((partition) => partition.endOffset === 0);
    },
    async maintain(signal) {
      while (!signal.aborted) {
        await systemClock.sleep(MAINTENANCE_INTERVAL_MS, signal);
        if (signal.aborted) return;
        try {
          await upkeep(signal);
        } catch (error) {
          // Nothing is lost but tidiness; what is wrong for good shows where records are written.
          logger.warn("Upkeep of the log failed, trying again later: {problem}", {
            problem: (error as Error).message,
          });
        }
      }
    },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

interface OpenedLog {
  log: TopicLog & TopicAdmin;
  upkeep(signal: AbortSignal): Promise<unknown>;
}

async function openEmbeddedLog(path: string, stack: AsyncDisposableStack): Promise<OpenedLog> {
  const kv = await openKvFile(path, TOPIC_LOG_SCHEMA_VERSION);
  stack.defer(() => kv.close());
  const log = await openTopicLog(kv, { clock: systemClock });
  return { log, upkeep: (signal) => log.maintain(signal) };
}

async function openKafkaLog(
  kafka: NonNullable<Config["kafka"]>,
  stack: AsyncDisposableStack,
): Promise<OpenedLog> {
  // Loaded only where it is used: the embedded engine starts without it.
  const { openKafkaTopicLog } = await import("../adapters/kafka/topic_log.ts");
  const log = stack.use(await openKafkaTopicLog(kafka));
  return { log, upkeep: () => Promise.resolve() };
}
