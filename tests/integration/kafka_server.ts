/**
 * A real Kafka broker for tests: a container by Testcontainers where a Docker engine answers, else
 * a process by Java and Maven's jars. `TEST_KAFKA=docker` or `native` wants the one or the other.
 *
 * @module
 */
import { heldOpen } from "./event_loop.ts";
import {
  KAFKA_VERSION,
  type KafkaOptions,
  type KafkaServer,
  type KafkaWay,
} from "./kafka_broker.ts";

export { KAFKA_VERSION, type KafkaOptions, type KafkaServer, TOOLS } from "./kafka_broker.ts";

const isCi = Deno.env.get("CI") === "true";

/** Each tells why it cannot be had by throwing. */
const WAYS: Record<string, () => Promise<KafkaWay>> = {
  async docker() {
    const { prepareContainers, startContainer } = await import("./kafka_container.ts");
    return { host: await prepareContainers(), start: startContainer };
  },
  async native() {
    const { prepareNative, startNative } = await import("./kafka_native.ts");
    return { host: await prepareNative(), start: startNative };
  },
};

const { way, problem } = await choose(Deno.env.get("TEST_KAFKA"));

/** Where tests reach brokers, which may be another machine's engine or a container's gateway. */
export const brokerHost = way?.host ?? "nowhere.invalid";

/** The first way that can be had; where there is none, why. */
async function choose(
  wanted: string | undefined,
): Promise<{ way?: KafkaWay; problem: string }> {
  if (wanted && !(wanted in WAYS)) {
    throw new Error(`TEST_KAFKA=${wanted}: must be docker or native, or unset for either`);
  }
  const problems: string[] = [];
  for (const [name, prepare] of Object.entries(WAYS)) {
    if (wanted && name !== wanted) continue;
    try {
      return { way: await heldOpen(prepare), problem: "" };
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message.trim()}`);
    }
  }
  return { problem: `no Kafka ${KAFKA_VERSION} can be had (${problems.join("; ")})` };
}

/**
 * Starts a broker on a free port with no data, which goes when it is disposed of.
 *
 * @param settings Further lines of `server.properties`.
 * @throws Where no Kafka can be had.
 */
export function startKafka(
  settings: Record<string, string> = {},
  options: KafkaOptions = {},
): Promise<KafkaServer> {
  if (!way) return refuse();
  const { start } = way;
  return heldOpen(() => start(settings, options));
}

/** A broker for all tests of a file, which ends after them. Its tests are `kafkaTest`s. */
export async function sharedKafka(settings: Record<string, string> = {}): Promise<KafkaServer> {
  if (isSkipped) return NOWHERE;
  const kafka = await startKafka(settings);
  Deno.test.afterAll(async () => await kafka[Symbol.asyncDispose]());
  return kafka;
}

const NOWHERE: KafkaServer = {
  broker: `${brokerHost}:9092`,
  stop: refuse,
  kill: refuse,
  restart: refuse,
  signal: refuse,
  tool: refuse,
  [Symbol.asyncDispose]: refuse,
};

function refuse(): Promise<never> {
  return Promise.reject(new Error(problem));
}

/** Whether tests that need Kafka are skipped: where none can be had, but for CI, where they fail. */
export const isSkipped = !way && !isCi;

/** A test that needs Kafka: skipped with a word where none can be had, failed there with `CI=true`. */
export function kafkaTest(name: string, run: (t: Deno.TestContext) => Promise<void>): void {
  if (isSkipped) Deno.test.ignore(`${name} (skipped: ${problem})`, run);
  else Deno.test(name, (t) => heldOpen(() => run(t)));
}
