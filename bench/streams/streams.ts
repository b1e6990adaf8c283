/**
 * Kafka Streams in the race: the Java program beside this file, compiled against jars from Maven.
 *
 * @module
 */
import { KAFKA_VERSION } from "../../tests/integration/kafka_broker.ts";
import { jarFolder, mavenJars, SLF4J_SIMPLE } from "../../tests/integration/maven_jars.ts";
import type { LogRecord } from "../../ports/topic_log.ts";
import { MeasuredProcess } from "../measured_process.ts";
import type { Contestant } from "../race_run.ts";
import { type ExpectedWindow, PARTITION_COUNT, type Scenario } from "../race_samples.ts";

const JARS = `streams-${KAFKA_VERSION}`;
const SOURCES = ["StreamsRace", "Sample", "Moments", "WindowKeyWriter"];
const OUTPUT = "streams-statistics";
/** As the aggregator's flush, in ms. */
const COMMIT_INTERVAL_MS = 30_000;
/** With so many, the smaller heap is no slower. */
const HEAP_SMALL_MARKETS_MAX = 20_000;
/** A transaction must outlast it. */
const TRANSACTION_TIMEOUT_MS = 60_000;

/** A way to run Kafka Streams. */
export interface StreamsVariant {
  guarantee: "at_least_once" | "exactly_once_v2";
  threadCount: number;
  /** What sets it apart from others that are alike. */
  note?: string;
  /** Further properties of Kafka Streams. */
  properties?: Readonly<Record<string, string>>;
  /** Further arguments of Java's. */
  javaFlags?: readonly string[];
}

/**
 * What makes it quickest without more memory, of what was tried (docs/performance.md): larger batches,
 * a cache that holds all windows between two commits, and a heap just large enough for that.
 */
const TUNED = {
  "producer.compression.type": "lz4",
  "producer.batch.size": `${128 * 2 ** 10}`,
  "statestore.cache.max.bytes": `${128 * 2 ** 20}`,
};

/** The ways that take part: both guarantees, one and two threads, and one on Java's and Kafka Streams' own defaults. */
export function streamsVariants({ marketCount }: Scenario): StreamsVariant[] {
  const heap = marketCount <= HEAP_SMALL_MARKETS_MAX ? "256m" : "512m";
  const tuned = { properties: TUNED, javaFlags: [`-Xmx${heap}`, "-XX:+UseParallelGC"] };
  return [
    { guarantee: "at_least_once", threadCount: 1, ...tuned },
    { guarantee: "at_least_once", threadCount: 2, ...tuned },
    { guarantee: "exactly_once_v2", threadCount: 1, ...tuned },
    { guarantee: "exactly_once_v2", threadCount: 2, ...tuned },
    { guarantee: "at_least_once", threadCount: 2, note: "default settings" },
  ];
}

/** Compiles the program; its classes go when it is disposed of. */
export async function buildStreams(): Promise<AsyncDisposable & { classPath: string }> {
  await mavenJars(JARS, [
    `org.apache.kafka:kafka-streams:${KAFKA_VERSION}`,
    "com.fasterxml.jackson.core:jackson-core:2.19.0",
    SLF4J_SIMPLE,
  ]);
  const folder = await Deno.makeTempDir({ prefix: "streams-" });
  const jars = `${jarFolder(JARS)}/*`;
  const files = SOURCES.map((name) => new URL(`${name}.java`, import.meta.url).pathname);
  const args = ["-Xlint:all", "-cp", jars, "-d", folder, ...files];
  const { success, stderr } = await new Deno.Command("javac", { args }).output();
  if (!success) throw new Error(`javac: ${new TextDecoder().decode(stderr)}`);
  return {
    classPath: `${folder}:${jars}`,
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  };
}

/** One way to run it, on this job. */
export function streamsContestant(
  { guarantee, threadCount, note, properties, javaFlags = [] }: StreamsVariant,
  { marketCount, tickCount }: Scenario,
  classPath: string,
): Contestant {
  return {
    name: [
      "Kafka Streams",
      guarantee === "at_least_once" ? "at least once" : "exactly once",
      threadCount === 1 ? "1 thread" : `${threadCount} threads`,
      ...(note ? [note] : []),
    ].join(", "),
    groupIdOf: (runId) => `streams-${runId}`,
    output: OUTPUT,
    topics: [{ name: OUTPUT, partitionCount: PARTITION_COUNT, retentionMs: 1e9, compacted: true }],
    processCount: 1,
    endsItself: true,
    start({ broker, groupId, folder }) {
      const all = Object.entries({
        "application.id": groupId,
        "bootstrap.servers": broker,
        "state.dir": folder,
        "processing.guarantee": guarantee,
        "num.stream.threads": `${threadCount}`,
        "commit.interval.ms": `${COMMIT_INTERVAL_MS}`,
        "producer.transaction.timeout.ms": `${TRANSACTION_TIMEOUT_MS}`,
        ...properties,
      }).map(([name, value]) => `${name}=${value}`);
      const flags = ["-Dorg.slf4j.simpleLogger.defaultLogLevel=error", ...javaFlags];
      const count = `${marketCount * tickCount}`;
      const program = ["-cp", classPath, "StreamsRace", OUTPUT, count, ...all];
      return new MeasuredProcess("java", [...flags, ...program], {});
    },
    windowOf,
  };
}

/** As Moments.java writes it. */
function windowOf({ key, value }: LogRecord): [string, ExpectedWindow] {
  const bytes = new DataView(value!.buffer, value!.byteOffset, value!.length);
  const [min, max, mean, m2] = [8, 16, 24, 32].map((at) => bytes.getFloat64(at)) as [
    number,
    number,
    number,
    number,
  ];
  return [key!, { count: Number(bytes.getBigInt64(0)), min, max, mean, m2 }];
}
