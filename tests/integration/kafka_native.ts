/**
 * A test's broker as a process of this machine: Java runs it from Maven's jars.
 *
 * @module
 */
import {
  freePorts,
  KAFKA_VERSION,
  type KafkaOptions,
  type KafkaServer,
  serverProperties,
  START_TIMEOUT_MS,
  STARTED,
  TOOLS,
} from "./kafka_broker.ts";
import { jarFolder, mavenJars, SLF4J_SIMPLE } from "./maven_jars.ts";

const HOST = "127.0.0.1";
/** C1 only and a serial collector: a test broker lives for seconds, and starts twice as fast so. */
const FAST_START = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];
const CLASS_PATH = ["-cp", `${jarFolder(KAFKA_VERSION)}/*`];

/**
 * Looks for Java, and fetches Kafka's jars where they are not there yet.
 *
 * @returns Where brokers are reached.
 * @throws In words, where Kafka cannot run natively.
 */
export async function prepareNative(): Promise<string> {
  try {
    await new Deno.Command("java", { args: ["-version"], stderr: "null" }).output();
  } catch (cause) {
    throw new Error("there is no `java`", { cause });
  }
  await mavenJars(KAFKA_VERSION, [
    `org.apache.kafka:kafka_2.13:${KAFKA_VERSION}`,
    `org.apache.kafka:kafka-tools:${KAFKA_VERSION} alone`,
    SLF4J_SIMPLE,
  ]);
  return HOST;
}

/**
 * Starts a broker on free ports with an empty directory of its own, which is removed when it is disposed of.
 *
 * @param settings Further lines of `server.properties`.
 */
export async function startNative(
  settings: Record<string, string>,
  options: KafkaOptions,
): Promise<KafkaServer> {
  const directory = await Deno.makeTempDir({ prefix: "kafka-" });
  const [ports, host] = [freePorts(), HOST];
  const place = { ports, dataDirectory: `${directory}/data`, host, listenAddress: host };
  const properties = `${directory}/server.properties`;
  await Deno.writeTextFile(properties, serverProperties(place, settings, options));
  await java(["kafka.tools.StorageTool", "format", "-t", clusterId(), "-c", properties]);
  const javaFlags = options.javaFlags ?? ["-Xmx512m", ...FAST_START];
  let server = await launch(directory, properties, javaFlags);
  const end = async (signal: "SIGTERM" | "SIGKILL") => {
    await server.end(signal);
    await server.process.status;
  };
  const bootstrap = ["--bootstrap-server", `${host}:${ports.internal}`];
  return {
    broker: `${host}:${ports.client}`,
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
    signal: (signal) => Promise.resolve(Deno.kill(server.pid, signal)),
    async restart() {
      server = await launch(directory, properties, javaFlags);
    },
    tool: (tool, args, input) => java([TOOLS[tool], ...bootstrap, ...args], input),
    async [Symbol.asyncDispose]() {
      await end("SIGKILL");
      await Deno.remove(directory, { recursive: true });
    },
  };
}

/** Runs a Java class or source file with Kafka's jars; answers its standard output. */
export async function java(args: string[], input = ""): Promise<string> {
  const flags = [
    "-Xmx256m",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
    ...FAST_START,
    ...CLASS_PATH,
  ];
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

interface Launched {
  process: Deno.ChildProcess;
  /** Java's own. */
  pid: number;
  end(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
}

/** Runs the broker under a shell that kills it when this process goes, however it goes: the pipe closes. */
async function launch(
  directory: string,
  properties: string,
  javaFlags: readonly string[],
): Promise<Launched> {
  const log = `${directory}/kafka.log`;
  await Deno.writeTextFile(log, "");
  const script = `java "$@" >"$LOG" 2>&1 & pid=$!; echo $pid >"$LOG.pid"; ` +
    `{ cat >/dev/null; kill -KILL $pid 2>/dev/null; } <&3 & exec 3<&-; wait $pid; kill $! 2>/dev/null`;
  const process = new Deno.Command("sh", {
    args: [
      "-c",
      `exec 3<&0; ${script}`,
      "sh",
      ...javaFlags,
      ...CLASS_PATH,
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
  for (let text = ""; !text.includes(STARTED);) {
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

/** Kafka's form of a random UUID: 16 bytes in URL-safe base 64. */
function clusterId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[0]! &= 0x7f; // It must not begin with "-", which the tool takes for an option.
  return btoa(String.fromCharCode(...bytes)).replaceAll("+", "-").replaceAll("/", "_").slice(0, 22);
}
