/**
 * Makes topics as they must be, and tells where existing ones differ.
 *
 * @module
 */
import { ConfigResourceTypes, type ITopicConfig } from "kafkajs";
import pRetry from "p-retry";
import { type PartitionRange, TopicMismatchError, type TopicSpec } from "../../ports/topic_log.ts";
import type { ClusterConnection } from "./connection.ts";
import { explain, rootOf } from "./errors.ts";

const REPLICA_COUNT_MAX = 3;
/** Above Kafka's 1 MiB, so that a record that just fitted into one topic fits into `rejected` with its reasons. */
const MESSAGE_SIZE_MAX = 8 * 2 ** 20;
/** The settings without which the program would go wrong; the others are the operator's to change. */
const CHECKED_SETTINGS = ["cleanup.policy", "message.timestamp.type"] as const;

type Admin = ReturnType<ClusterConnection["client"]["admin"]>;

/** kafkajs forgets a broker whose connection just broke, and then fails with a TypeError: it is back in a moment. */
const FORGOTTEN_BROKER = {
  retries: 5,
  minTimeout: 100,
  shouldRetry: ({ error }: { error: Error }) => error.cause instanceof TypeError,
};

/** As {@link TopicAdmin.create}. */
export async function createTopics(
  connection: ClusterConnection,
  specs: readonly TopicSpec[],
): Promise<void> {
  try {
    await pRetry(() => createMissing(connection, specs).catch(retryable), FORGOTTEN_BROKER);
  } catch (error) {
    throw error instanceof TopicMismatchError ? error : explain("creating the topics", error);
  }
}

/** A TypeError is none that p-retry tries again. */
function retryable(error: unknown): never {
  throw error instanceof TypeError ? new Error("the broker was lost", { cause: error }) : error;
}

async function createMissing(
  connection: ClusterConnection,
  specs: readonly TopicSpec[],
): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const admin = connection.client.admin();
  await admin.connect();
  stack.defer(() => admin.disconnect());
  const existing = new Set(await admin.listTopics());
  const missing = specs.filter((spec) => !existing.has(spec.name));
  if (missing.length > 0) {
    const brokerCount = (await admin.describeCluster()).brokers.length;
    const topics = missing.map((spec) => topicOf(spec, Math.min(REPLICA_COUNT_MAX, brokerCount)));
    // Answers false where another process has just made them.
    await admin.createTopics({ topics });
  }
  await check(admin, specs);
}

function topicOf(spec: TopicSpec, replicationFactor: number): ITopicConfig {
  const settings: Record<string, string> = {
    ...requiredSettings(spec),
    "retention.ms": String(spec.retentionMs),
    "max.message.bytes": String(MESSAGE_SIZE_MAX),
    // Whatever other producers compress with, the broker makes it readable here.
    "compression.type": "uncompressed",
    "min.insync.replicas": String(Math.max(1, replicationFactor - 1)),
    // The active segment is never compacted; with Kafka's own settings the tail that a take-over reads would grow for days.
    ...(spec.compacted && {
      "segment.bytes": String(16 * 2 ** 20),
      "segment.ms": String(5 * 60_000),
      "min.cleanable.dirty.ratio": "0.1",
    }),
  };
  return {
    topic: spec.name,
    numPartitions: spec.partitionCount,
    replicationFactor,
    configEntries: Object.entries(settings).map(([name, value]) => ({ name, value })),
  };
}

function requiredSettings(spec: TopicSpec): Record<typeof CHECKED_SETTINGS[number], string> {
  return {
    "cleanup.policy": spec.compacted ? "compact,delete" : "delete",
    "message.timestamp.type": "LogAppendTime",
  };
}

async function check(admin: Admin, specs: readonly TopicSpec[]): Promise<void> {
  const { topics } = await admin.fetchTopicMetadata({ topics: specs.map((spec) => spec.name) });
  const { resources } = await admin.describeConfigs({
    includeSynonyms: false,
    resources: specs.map(({ name }) => ({
      type: ConfigResourceTypes.TOPIC,
      name,
      configNames: [...CHECKED_SETTINGS],
    })),
  });
  for (const spec of specs) {
    const { name, partitionCount } = spec;
    const count = topics.find((topic) => topic.name === name)!.partitions.length;
    if (count !== partitionCount) {
      throw new TopicMismatchError(
        `Topic ${name}: has ${count} partitions, must have ${partitionCount} (PARTITIONS, and 1 ` +
          `for polls); set PARTITIONS=${count}, or delete the topic to begin anew.`,
      );
    }
    const entries = resources.find((resource) => resource.resourceName === name)!.configEntries;
    const required = requiredSettings(spec);
    for (const setting of CHECKED_SETTINGS) {
      const value = entries.find((entry) => entry.configName === setting)!.configValue;
      if (sorted(value) === sorted(required[setting])) continue;
      throw new TopicMismatchError(
        `Topic ${name}: ${setting} is ${value}, must be ${required[setting]}; change it with ` +
          `kafka-configs --alter --topic ${name} --add-config ${setting}=[${required[setting]}], ` +
          "or delete the topic to begin anew.",
      );
    }
  }
}

/** A list's order means nothing to Kafka. */
function sorted(list: string): string {
  return list.split(",").sort().join();
}

/** As {@link TopicAdmin.describe}. */
export async function describeTopic(
  connection: ClusterConnection,
  topic: string,
): Promise<PartitionRange[] | null> {
  const describe = () =>
    connection.rangesOf(topic).catch((error) => {
      if (rootOf(error).type === "UNKNOWN_TOPIC_OR_PARTITION") return null;
      throw error;
    });
  const options = { forMaxMs: connection.outageMaxMs };
  return await connection.retry(`describing ${topic}`, describe, options);
}
