/**
 * A real Kafka broker for tests: one node in KRaft mode, run natively by Java from Maven's jars, and
 * Kafka's own command-line tools to look at it from outside.
 *
 * @module
 */

/** The version run. */
export const KAFKA_VERSION = "4.1.0";

const CACHE = new URL("../../.cache/kafka/", import.meta.url).pathname;
const LIBRARIES = `${CACHE}${KAFKA_VERSION}`;
/** A start takes about 2.5 s alone, several times that beside other tests on two cores. */
const START_TIMEOUT_MS = 60_000;
/** C1 only and a serial collector: a test broker lives for seconds, and starts twice as fast so. */
const JAVA_FLAGS = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", `${LIBRARIES}/*`];

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>test</groupId><artifactId>kafka</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>${KAFKA_VERSION}</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>${KAFKA_VERSION}</version>
<exclusions><exclusion><groupId>*</groupId><artifactId>*</artifactId></exclusion></exclusions></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`;

/** A running broker. */
export interface KafkaServer extends AsyncDisposable {
  /** `host:port`, for `KAFKA_BROKERS`. */
  readonly broker: string;
  /** Ends it as an operator would. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash does (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again, on the same data and port. */
  restart(): Promise<void>;
  /** Freezes the process, or lets it go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): void;
  /**
   * Runs one of Kafka's tools against it; answers its standard output.
   *
   * @param input For its standard input.
   * @throws Where it fails.
   */
  tool(tool: keyof typeof TOOLS, args: string[], input?: string): Promise<string>;
}

/** Kafka's command-line tools, by the names of its scripts. */
export const TOOLS = {
  "kafka-topics": "org.apache.kafka.tools.TopicCommand",
  "kafka-configs": "kafka.admin.ConfigCommand",
  "kafka-consumer-groups": "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
  "kafka-console-consumer": "org.apache.kafka.tools.consumer.ConsoleConsumer",
  "kafka-console-producer": "org.apache.kafka.tools.ConsoleProducer",
  "kafka-get-offsets": "org.apache.kafka.tools.GetOffsetShell",
  "kafka-delete-records": "org.apache.kafka.tools.DeleteRecordsCommand",
} as const;

/**
 * Starts a broker on free ports with an empty directory of its own, which is removed when it is disposed of.
 *
 * @param settings Further lines of `server.properties`.
 */
export async function startKafka(settings: Record<string, string> = {}): Promise<KafkaServer> {
  await fetchLibraries();
  const directory = await Deno.makeTempDir({ prefix: "kafka-" });
  const [port, controllerPort] = freePorts();
  const properties = `${directory}/server.properties`;
  await Deno.writeTextFile(properties, serverProperties(directory, port, controllerPort, settings));
  await java(
    ["kafka.tools.StorageTool", "format", "--standalone", "-t", clusterId(), "-c", properties],
  );
  let server = await launch(directory, properties);
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    await server.end(signal);
    await server.process.status;
  };
  const broker = `127.0.0.1:${port}`;
  return {
    broker,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    signal: (signal) => Deno.kill(server.pid, signal),
    async restart() {
      server = await launch(directory, properties);
    },
    tool: (tool, args, input) => java([TOOLS[tool], "--bootstrap-server", broker, ...args], input),
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** Runs a Java class or source file with Kafka's jars; answers its standard output. */
export async function java(args: string[], input = ""): Promise<string> {
  const flags = ["-Xmx256m", "-Dorg.slf4j.simpleLogger.defaultLogLevel=error", ...JAVA_FLAGS];
  const process = new Deno.Command("java", {
    args: [...flags, ...args],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = process.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const result = await process.output();
  const [out, errors] = [result.stdout, result.stderr].map((bytes) =>
    new TextDecoder().decode(bytes)
  ) as [string, string];
  if (!result.success) throw new Error(`java ${args.join(" ")}: ${errors || out}`);
  return out;
}

function serverProperties(
  directory: string,
  port: number,
  controllerPort: number,
  settings: Record<string, string>,
): string {
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.bootstrap.servers": `127.0.0.1:${controllerPort}`,
    "listeners": `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "controller.listener.names": "CONTROLLER",
    "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
    "log.dirs": `${directory}/data`,
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "5",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "5",
    "auto.create.topics.enable": "false",
    // Tests wait neither for further members nor for long sessions.
    "group.initial.rebalance.delay.ms": "0",
    "group.min.session.timeout.ms": "500",
    "log.retention.check.interval.ms": "1000",
    // A killed broker may register again only when its last session is over.
    "broker.session.timeout.ms": "1000",
    "broker.heartbeat.interval.ms": "300",
    ...settings,
  }).map(([name, value]) => `${name}=${value}\n`).join("");
}

interface Launched {
  process: Deno.ChildProcess;
  /** Java's own. */
  pid: number;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/** Runs the broker under a shell that kills it when this process goes, however it goes: the pipe closes. */
async function launch(directory: string, properties: string): Promise<Launched> {
  const log = `${directory}/kafka.log`;
  await Deno.writeTextFile(log, "");
  const script = `java "$@" >"$LOG" 2>&1 & pid=$!; echo $pid >"$LOG.pid"; ` +
    `{ cat >/dev/null; kill -KILL $pid 2>/dev/null; } <&3 & exec 3<&-; wait $pid; kill $! 2>/dev/null`;
  const process = new Deno.Command("sh", {
    args: [
      "-c",
      `exec 3<&0; ${script}`,
      "sh",
      "-Xmx512m",
      ...JAVA_FLAGS,
      "kafka.Kafka",
      properties,
    ],
    env: { LOG: log },
    stdin: "piped",
    stdout: "null",
    stderr: "null",
  }).spawn();
  let ended = false;
  void process.status.then(() => ended = true);
  const deadlineMs = Date.now() + START_TIMEOUT_MS;
  for (let text = ""; !text.includes("Kafka Server started");) {
    if (ended || Date.now() > deadlineMs) {
      if (!ended) process.kill("SIGKILL");
      await process.stdin.close();
      await process.status;
      throw new Error(`Kafka did not start:\n${text.slice(-4000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    text = await Deno.readTextFile(log);
  }
  const pid = Number(await Deno.readTextFile(`${log}.pid`));
  return {
    process,
    pid,
    async end(signal) {
      if (ended) return;
      Deno.kill(pid, signal);
      if (signal === "SIGKILL") Deno.kill(pid, "SIGCONT");
      await process.status;
      await process.stdin.close().catch(() => {});
    },
  };
}

/** Fetches the jars once for all runs. Two that race each make a folder of their own; one's is kept. */
async function fetchLibraries(): Promise<void> {
  if (await exists(LIBRARIES)) return;
  await Deno.mkdir(CACHE, { recursive: true });
  const work = await Deno.makeTempDir({ dir: CACHE, prefix: "fetch-" });
  try {
    await Deno.writeTextFile(`${work}/pom.xml`, POM);
    const result = await new Deno.Command("mvn", {
      args: [
        "-q",
        "-B",
        "-Dstyle.color=never",
        "dependency:copy-dependencies",
        "-DoutputDirectory=jars",
      ],
      cwd: work,
    }).output();
    if (!result.success) {
      throw new Error(`mvn could not fetch Kafka: ${new TextDecoder().decode(result.stdout)}`);
    }
    await Deno.rename(`${work}/jars`, LIBRARIES).catch(async (error) => {
      if (!await exists(LIBRARIES)) throw error;
    });
  } finally {
    await Deno.remove(work, { recursive: true });
  }
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

function freePorts(): [number, number] {
  const listeners = [0, 0].map(() => Deno.listen({ hostname: "127.0.0.1", port: 0 }));
  const ports = listeners.map((listener) => listener.addr.port) as [number, number];
  for (const listener of listeners) listener.close();
  return ports;
}

/** Kafka's form of a random UUID: 16 bytes in URL-safe base 64. */
function clusterId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0]! &= 0x7f; // It must not begin with "-", which the tool takes for an option.
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").slice(0, 22);
}
