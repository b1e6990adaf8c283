/**
 * A test's broker as a container of the official image, by Testcontainers.
 *
 * It gets one `server.properties`, as a native broker does, and the same port inside as outside, so
 * that the address it advertises is known before it starts and outlives a restart.
 *
 * @module
 */
import {
  type ContainerRuntimeClient,
  GenericContainer,
  getContainerRuntimeClient,
  getReaper,
  ImageName,
  type StartedTestContainer,
  type WaitStrategy,
} from "testcontainers";
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
import { pause } from "./pause.ts";

const IMAGE = `apache/kafka:${KAFKA_VERSION}`;
/** Where the image takes settings from, and a broker's data, which lives and goes with the container. */
const [PROPERTIES, DATA] = ["/mnt/shared/config/server.properties", "/tmp/data"];
/** As a native test broker's: it lives for seconds. */
const ENVIRONMENT = { KAFKA_HEAP_OPTS: "-Xmx512m", KAFKA_OPTS: "-XX:TieredStopAtLevel=1" };
/** Kafka's jars as the image's own scripts run them; only the warnings' places differ. */
const JAVA = ["java", "-Xmx256m", "-XX:TieredStopAtLevel=1", "-cp", "/opt/kafka/libs/*"];
const QUIET = [
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=error",
  "-Dlog4j2.configurationFile=file:/opt/kafka/config/tools-log4j2.yaml",
];
/** Marks containers of these tests. */
const LABEL = "data-tracker.test";
/** No run of the tests takes so long: what is older was left by one that was killed. */
const STALE_MS = 2 * 3_600_000;
const STOP_TIMEOUT_MS = 30_000;

type Container = ReturnType<ContainerRuntimeClient["container"]["getById"]>;

/**
 * Looks for a Docker engine and the image, which it pulls where it is not there yet, and removes
 * what killed runs have left. Where Testcontainers' own remover cannot be had, goes on without it.
 *
 * @returns Where containers' ports are reached.
 * @throws In words, where Kafka cannot run in a container.
 */
export async function prepareContainers(): Promise<string> {
  const client = await getContainerRuntimeClient();
  await client.image.pull(ImageName.fromString(IMAGE));
  await getReaper(client).catch(() => Deno.env.set("TESTCONTAINERS_RYUK_DISABLED", "true"));
  const { dockerode } = client.container;
  const left = await dockerode.listContainers({ all: true, filters: { label: [LABEL] } });
  for (const { Id, Created } of left) {
    if (Date.now() - Created * 1_000 < STALE_MS) continue;
    // Another run may be removing it as well.
    await dockerode.getContainer(Id).remove({ force: true, v: true }).catch(() => {});
  }
  return hostOf(client);
}

/** By name it may be an IPv6 address, which the engine need not forward. */
function hostOf(client: ContainerRuntimeClient): string {
  return client.info.containerRuntime.host.replace(/^localhost$/, "127.0.0.1");
}

/**
 * Starts a broker in a container of its own, which is removed when it is disposed of.
 *
 * @param settings Further lines of `server.properties`.
 */
export async function startContainer(
  settings: Record<string, string>,
  options: KafkaOptions,
): Promise<KafkaServer> {
  const client = await getContainerRuntimeClient();
  const ports = freePorts();
  const host = hostOf(client);
  const place = { ports, dataDirectory: DATA, host, listenAddress: "0.0.0.0" };
  const started: StartedTestContainer = await new GenericContainer(IMAGE)
    .withLabels({ [LABEL]: "kafka" })
    .withEnvironment(
      options.javaFlags ? { KAFKA_HEAP_OPTS: options.javaFlags.join(" ") } : ENVIRONMENT,
    )
    .withExposedPorts({ container: ports.client, host: ports.client })
    .withCopyContentToContainer([
      { content: serverProperties(place, settings, options), target: PROPERTIES },
    ])
    .withWaitStrategy(untilStarted)
    .start();
  const container = client.container.getById(started.getId());
  return new KafkaContainer(client, container, `${host}:${ports.client}`, ports.internal);
}

class KafkaContainer implements KafkaServer {
  #startCount = 1;
  #isFrozen = false;

  constructor(
    private readonly client: ContainerRuntimeClient,
    private readonly container: Container,
    readonly broker: string,
    private readonly internalPort: number,
  ) {}

  async stop(): Promise<void> {
    await this.client.container.stop(this.container, { timeout: STOP_TIMEOUT_MS });
  }

  async kill(): Promise<void> {
    if (this.#isFrozen) await this.signal("SIGCONT");
    await this.container.kill({ signal: "SIGKILL" });
    await this.container.wait();
  }

  async restart(): Promise<void> {
    await this.container.start();
    await started(this.container, ++this.#startCount);
  }

  async signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void> {
    this.#isFrozen = signal === "SIGSTOP";
    await (this.#isFrozen ? pause(this.container) : this.container.unpause());
  }

  async tool(tool: keyof typeof TOOLS, args: string[], input = ""): Promise<string> {
    const bootstrap = ["--bootstrap-server", `127.0.0.1:${this.internalPort}`];
    const command = [...JAVA, ...QUIET, TOOLS[tool], ...bootstrap, ...args];
    const script = `printf %s "$INPUT" | "$@"`;
    const { container } = this.client;
    const { exitCode, stdout, output } = await container.exec(
      this.container,
      ["sh", "-c", script, "sh", ...command],
      // Java reads its arguments by the locale, which in an image is often plain ASCII.
      { env: { INPUT: input, LC_ALL: "C.UTF-8" } },
    );
    if (exitCode !== 0) throw new Error(`${tool} ${args.join(" ")}: ${output}`);
    return stdout;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isFrozen) await this.signal("SIGCONT");
    await this.container.remove({ force: true, v: true });
  }
}

const untilStarted: WaitStrategy = {
  waitUntilReady: (container) => started(container, 1),
  withStartupTimeout: () => untilStarted,
  isStartupTimeoutSet: () => true,
  getStartupTimeout: () => START_TIMEOUT_MS,
};

/** Waits until a container's log says for so many times that Kafka has started. */
async function started(container: Container, count: number): Promise<void> {
  for (const deadlineMs = Date.now() + START_TIMEOUT_MS;;) {
    const { State } = await container.inspect();
    const log = String(await container.logs({ stdout: true, stderr: true }));
    if (log.split(STARTED).length > count) return;
    if (!State.Running || Date.now() > deadlineMs) {
      throw new Error(`Kafka did not start:\n${log.slice(-4000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
