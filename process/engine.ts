/**
 * What the roles of a process work with, behind the ports: the topic log (embedded, or Kafka), the
 * windows, the statistics store and the kept state. Opened here, chosen by configuration, and no
 * more than these roles need; roles know only the ports.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import { openDataDirectory } from "../adapters/deno_kv/data_directory.ts";
import {
  JSON_STATE_SCHEMA_VERSION,
  openJsonStateStore,
} from "../adapters/deno_kv/json_state_store.ts";
import { openKvFile } from "../adapters/deno_kv/kv_file.ts";
import { openTopicLog, TOPIC_LOG_SCHEMA_VERSION } from "../adapters/deno_kv/topic_log.ts";
import { openWindowStore, WINDOW_STORE_SCHEMA_VERSION } from "../adapters/deno_kv/window_store.ts";
import { FileStateStore } from "../adapters/file_state_store.ts";
import { systemClock } from "../adapters/system_clock.ts";
import type { Config } from "../config.ts";
import { needsOf } from "../config/needs.ts";
import { type Watched, watchedBytesMax, watchedKeyOf } from "../monitor/watched.ts";
import type { PartitionStateStore } from "../ports/partition_state.ts";
import type { StateStore } from "../ports/state_store.ts";
import type { TopicAdmin, TopicLog } from "../ports/topic_log.ts";
import type { WindowStore } from "../ports/window_store.ts";
import { TOPICS, topicSpecs } from "../topology.ts";
import { type LogReader, openedLate } from "./late_log.ts";
import { openStore, type Store } from "./store.ts";

const logger = getLogger(["data-tracker"]);

/** How often the embedded engine tidies up, in ms: compaction and retention. */
const MAINTENANCE_INTERVAL_MS = 5 * 60_000;

/** How long someone who looks into the log waits for brokers that are away, in ms. */
const READER_OUTAGE_MAX_MS = 5_000;

type Log = TopicLog & TopicAdmin;

/**
 * Everything that the roles of one process share. What {@link needsOf} says they do not need is not
 * opened, and asking for it throws.
 */
export interface Engine extends AsyncDisposable {
  readonly log: Log;
  /** The log for who only looks into it; `null` where this process has none. */
  readonly logReader: LogReader | null;
  /** What keeps the log from being used now, in words; `null`: nothing. */
  readonly logProblem: string | null;
  readonly windows: WindowStore;
  readonly watched: PartitionStateStore<Watched, string>;
  readonly store: Store;
  readonly state: StateStore;
  /** Whether nothing was ever appended to `samples`. */
  isEmpty(): Promise<boolean>;
  /** Keeps the engine tidy until `signal` aborts. */
  maintain(signal: AbortSignal): Promise<void>;
}

/** What was opened. */
interface Parts {
  log?: Log;
  logReader?: LogReader;
  logProblem?: () => string | null;
  windows?: WindowStore;
  watched?: PartitionStateStore<Watched, string>;
  store?: Store;
  state?: StateStore;
  upkeep?: (signal: AbortSignal) => Promise<unknown>;
}

/**
 * Opens what the configuration's roles need, and makes the topics.
 *
 * @param signal Ends the waiting for brokers and for a store that another process makes.
 * @param registry For metrics of the connection to Kafka.
 * @throws {Error} In an operator's words, where the data directory, a file, or the brokers cannot be
 * had; the signal's reason where it aborts.
 */
export async function openEngine(
  config: Config,
  signal?: AbortSignal,
  registry?: Registry,
): Promise<Engine> {
  const needs = needsOf(config);
  await using stack = new AsyncDisposableStack();
  const parts: Parts = {};
  if (needs.dataDirectory) {
    const { file } = stack.use(await openDataDirectory(config.dataDirectory));
    if (needs.windows) {
      const kv = await openKvFile(file("windows.kv"), WINDOW_STORE_SCHEMA_VERSION);
      stack.defer(() => kv.close());
      parts.windows = await openWindowStore(kv, config);
    }
    if (needs.watched) {
      const kv = await openKvFile(file("monitor.kv"), JSON_STATE_SCHEMA_VERSION);
      stack.defer(() => kv.close());
      const byteCountMax = watchedBytesMax(config.rules.length);
      parts.watched = openJsonStateStore<Watched>(kv, {
        name: "watched",
        keyOf: watchedKeyOf,
        byteCountMax,
      });
    }
    if (needs.state) parts.state = new FileStateStore(file("state"));
    if (needs.log && config.kafka === null) {
      const kv = await openKvFile(file("log.kv"), TOPIC_LOG_SCHEMA_VERSION);
      stack.defer(() => kv.close());
      const log = parts.log = await openTopicLog(kv, { clock: systemClock });
      parts.upkeep = (signal) => log.maintain(signal);
    }
  }
  if (needs.store !== null) {
    const isReadOnly = needs.store === "read";
    parts.store = stack.use(await openStore(config, { isReadOnly, signal, registry }));
  }
  if (config.kafka !== null) {
    Object.assign(parts, await openKafkaLog(config, stack, signal, registry));
  }
  await parts.log?.create(topicSpecs(config.engine, config.partitionCount));
  return engineOf(parts, stack.move());
}

/** The log on Kafka; for the API alone only a reader, which nothing waits for: it answers from the store. */
async function openKafkaLog(
  { kafka, roles, startupPatienceMs }: Config,
  stack: AsyncDisposableStack,
  signal?: AbortSignal,
  registry?: Registry,
): Promise<Parts> {
  const isReader = roles.every((role) => role === "api");
  const open = async () => {
    // Loaded only where it is used: the embedded engine starts without it.
    const { openKafkaTopicLog } = await import("../adapters/kafka/topic_log.ts");
    const patience = isReader
      ? { patienceMs: 0, outageMaxMs: READER_OUTAGE_MAX_MS }
      : { patienceMs: startupPatienceMs };
    return await openKafkaTopicLog({ ...kafka!, ...patience }, signal);
  };
  if (isReader) return { logReader: stack.use(openedLate(open)) };
  const log = stack.use(await open());
  if (registry !== undefined) {
    const { connectionMetrics } = await import("../adapters/kafka/metrics.ts");
    connectionMetrics(registry, () => log.connectionState);
  }
  return { log, logProblem: () => log.connectionState.problem };
}

function engineOf(parts: Parts, stack: AsyncDisposableStack): Engine {
  const { upkeep } = parts;
  const opened = <K extends keyof Parts>(name: K): NonNullable<Parts[K]> => {
    const part = parts[name];
    if (part) return part;
    throw new Error(`${name}: not opened, since no role of this process was to need it`);
  };
  return {
    get log() {
      return opened("log");
    },
    logReader: parts.logReader ?? parts.log ?? null,
    get logProblem() {
      return parts.logProblem?.() ?? null;
    },
    get windows() {
      return opened("windows");
    },
    get watched() {
      return opened("watched");
    },
    get store() {
      return opened("store");
    },
    get state() {
      return opened("state");
    },
    async isEmpty() {
      const partitions = await opened("log").describe(TOPICS.samples) ?? [];
      return partitions.every((partition) => partition.endOffset === 0);
    },
    async maintain(signal) {
      while (upkeep !== undefined && !signal.aborted) {
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
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
