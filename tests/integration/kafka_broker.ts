/**
 * What a Kafka broker of a test is, wherever it runs: one node in KRaft mode, its settings, and
 * Kafka's own command-line tools to look at it from outside.
 *
 * @module
 */

/** The version run. */
export const KAFKA_VERSION = "4.1.0";
/** The last thing a broker says of its start; its port answers sooner than it works. */
export const STARTED = "Kafka Server started";
/** A start takes about 2.5 s alone, several times that beside other tests on two cores. */
export const START_TIMEOUT_MS = 60_000;

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
  signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void>;
  /**
   * Runs one of Kafka's tools against it; answers its standard output. It sees no files of this
   * machine: what it reads comes by `/dev/stdin`.
   *
   * @param input For its standard input, at most 100 kB.
   * @throws Where it fails.
   */
  tool(tool: keyof typeof TOOLS, args: string[], input?: string): Promise<string>;
}

/** How a test wants its broker. */
export interface KafkaOptions {
  /** What clients speak. Settings name their listener `client`: `listener.name.client.…`. */
  protocol?: "PLAINTEXT" | "SASL_PLAINTEXT" | "SSL" | "SASL_SSL";
  /** Where it says that clients find it, in place of its own port: a proxy on this machine. */
  proxyPort?: number;
  /** The broker's Java flags, in place of those that let it start soon and stay small. */
  javaFlags?: readonly string[];
}

/** A way to have brokers. */
export interface KafkaWay {
  /** Where they listen, as tests reach it. */
  host: string;
  /** Starts a broker with further lines of `server.properties`. */
  start(settings: Record<string, string>, options: KafkaOptions): Promise<KafkaServer>;
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

/** Ports of this machine that one broker takes. */
export interface KafkaPorts {
  client: number;
  /** Of the broker itself and of the tools, always in plain text. */
  internal: number;
  controller: number;
}

/** Where a broker runs. */
export interface KafkaPlace {
  ports: KafkaPorts;
  /** Where it keeps its data. */
  dataDirectory: string;
  /** Where clients find it. */
  host: string;
  /** Which of its addresses it listens at for them. */
  listenAddress: string;
}

/** The text of `server.properties`. */
export function serverProperties(
  { ports, dataDirectory, host, listenAddress }: KafkaPlace,
  settings: Record<string, string>,
  { protocol = "PLAINTEXT", proxyPort }: KafkaOptions,
): string {
  const advertised = proxyPort === undefined ? `${host}:${ports.client}` : `127.0.0.1:${proxyPort}`;
  const internal = `INTERNAL://127.0.0.1:${ports.internal}`;
  const controller = `127.0.0.1:${ports.controller}`;
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.quorum.voters": `1@${controller}`,
    "listeners": `CLIENT://${listenAddress}:${ports.client},${internal},CONTROLLER://${controller}`,
    "advertised.listeners": `CLIENT://${advertised},${internal}`,
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "INTERNAL",
    "listener.security.protocol.map": `CLIENT:${protocol},INTERNAL:PLAINTEXT,CONTROLLER:PLAINTEXT`,
    "log.dirs": dataDirectory,
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

/** Systems give outgoing connections ports above these, so that none takes a stopped broker's. */
const [PORT_MIN, PORT_MAX] = [10_000, 29_999];

/** Free ports for a broker. */
export function freePorts(): KafkaPorts {
  const ports = new Set<number>();
  while (ports.size < 3) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN + 1));
    try {
      Deno.listen({ hostname: "0.0.0.0", port }).close();
      ports.add(port);
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  const [client, internal, controller] = [...ports] as [number, number, number];
  return { client, internal, controller };
}
