/**
 * Makes topics as they must be, and tells where existing ones differ.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { type ConfigEntries, ConfigResourceTypes, type ITopicConfig } from "kafkajs";
import { createErrorFromCode } from "kafkajs/src/protocol/error.js";
import { type PartitionRange, TopicMismatchError, type TopicSpec } from "../../ports/topic_log.ts";
import type { ClusterConnection, RetryOptions } from "./connection.ts";
import { rootOf } from "./errors.ts";

const REPLICA_COUNT_MAX = 3;
/** Above Kafka's 1 MiB, so that a record that just fitted into one topic fits into `rejected` with its reasons. */
const MESSAGE_SIZE_MAX = 8 * 2 ** 20;
/** How long the controller may take for new topics, in ms. */
const CREATE_TIMEOUT_MS = 5_000;
/** How long a broker may take to hear of new topics, in ms: on a busy machine some seconds. */
const KNOWN_TIMEOUT_MS = 15_000;
/** The settings without which the program would go wrong; the others are the operator's to change. */
const CHECKED_SETTINGS = ["cleanup.policy", "message.timestamp.type"] as const;
const MIN_INSYNC = "min.insync.replicas";
const UNKNOWN_TOPIC_OR_PARTITION = 3;

const log = getLogger(["data-tracker", "kafka"]);

/**
 * As {@link TopicAdmin.create}; waits, as `options` say, for a cluster that has no controller yet or too
 * few brokers.
 */
export async function createTopics(
  connection: ClusterConnection,
  specs: readonly TopicSpec[],
  options: RetryOptions,
): Promise<void> {
  const action = async () => {
    await connection.cluster.refreshMetadata();
    for (const spec of specs) {
      if (await replicaCountsOf(connection, spec.name) === null) await make(connection, spec);
    }
  };
  await connection.retry("making the topics", action, options);
  await connection.retry("looking at the topics", () => check(connection, specs), {
    ...options,
    forMaxMs: Math.max(options.forMaxMs, KNOWN_TIMEOUT_MS),
    unknownTopicMaxMs: KNOWN_TIMEOUT_MS,
  });
}

async function make(connection: ClusterConnection, spec: TopicSpec): Promise<void> {
  const controller = await connection.cluster.findControllerBroker();
  // One that is to come is waited for: a topic keeps for good the number of copies that it began with.
  const brokerCount = Math.max(
    connection.brokerCount,
    connection.cluster.brokerPool.metadata!.brokers.length,
  );
  const topic = topicOf(spec, Math.min(REPLICA_COUNT_MAX, brokerCount));
  try {
    await controller.createTopics({ topics: [topic], timeout: CREATE_TIMEOUT_MS });
    log.info("Made topic {topic}: partitions {partitionCount}, copies {replicaCount}", {
      topic: spec.name,
      partitionCount: spec.partitionCount,
      replicaCount: topic.replicationFactor,
    });
  } catch (error) {
    // Another process was quicker; what it made is checked.
    if (rootOf(error).type !== "TOPIC_ALREADY_EXISTS") throw error;
  }
}

/** How many copies each partition has; `null` where there is no such topic. */
async function replicaCountsOf(
  connection: ClusterConnection,
  topic: string,
): Promise<number[] | null> {
  const controller = await connection.cluster.findControllerBroker();
  try {
    const { topicMetadata: [found] } = await controller.metadata([topic]);
    return found!.partitionMetadata.map(({ replicas }) => replicas.length);
  } catch (error) {
    if (rootOf(error).type === "UNKNOWN_TOPIC_OR_PARTITION") return null;
    throw error;
  }
}

function topicOf(spec: TopicSpec, replicationFactor: number): ITopicConfig {
  const settings: Record<string, string> = {
    ...requiredSettings(spec),
    "retention.ms": String(spec.retentionMs),
    "max.message.bytes": String(MESSAGE_SIZE_MAX),
    // As producers compressed it: the broker need not do it again, and all its codecs are read here.
    "compression.type": "producer",
    [MIN_INSYNC]: String(Math.max(1, replicationFactor - 1)),
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

async function check(connection: ClusterConnection, specs: readonly TopicSpec[]): Promise<void> {
  const controller = await connection.cluster.findControllerBroker();
  const { resources } = await controller.describeConfigs({
    resources: specs.map(({ name }) => ({
      type: ConfigResourceTypes.TOPIC,
      name,
      configNames: [...CHECKED_SETTINGS, MIN_INSYNC],
    })),
  });
  for (const spec of specs) {
    const { configEntries } = resources.find(({ resourceName }) => resourceName === spec.name)!;
    const replicaCounts = await replicaCountsOf(connection, spec.name);
    // Of two brokers, one knew it already.
    if (replicaCounts === null) throw createErrorFromCode(UNKNOWN_TOPIC_OR_PARTITION);
    checkPartitions(spec, replicaCounts);
    checkSettings(spec, configEntries, Math.min(...replicaCounts));
  }
}

function checkPartitions({ name, partitionCount }: TopicSpec, { length }: number[]): void {
  if (length === partitionCount) return;
  const isOne = partitionCount === 1;
  throw new TopicMismatchError(
    `Topic ${name}: has ${length} partition${
      length === 1 ? "" : "s"
    }, must have ${partitionCount}` +
      (isOne ? "" : " (PARTITIONS)") +
      (length < partitionCount
        ? "; if another program or the broker's auto.create.topics.enable has just made it, delete it " +
          "and start again"
        : "; delete it to begin anew") +
      (isOne ? "" : `, or set PARTITIONS=${length}`),
  );
}

function checkSettings(spec: TopicSpec, entries: ConfigEntries[], replicaCount: number): void {
  const { name } = spec;
  const valueOf = (setting: string) =>
    entries.find((entry) => entry.configName === setting)!.configValue;
  const alter = `kafka-configs --alter --topic ${name} --add-config`;
  const required = requiredSettings(spec);
  for (const setting of CHECKED_SETTINGS) {
    const value = valueOf(setting);
    if (sorted(value) === sorted(required[setting])) continue;
    throw new TopicMismatchError(
      `Topic ${name}: ${setting} is ${value}, must be ${required[setting]}; change it with ` +
        `${alter} ${setting}=[${required[setting]}], or delete the topic to begin anew.`,
    );
  }
  const minInsync = Number(valueOf(MIN_INSYNC));
  if (minInsync > replicaCount) {
    throw new TopicMismatchError(
      `Topic ${name}: ${MIN_INSYNC} is ${minInsync}, and there ${
        replicaCount === 1 ? "is 1 copy" : `are ${replicaCount} copies`
      }, so nothing can be written; change it with ${alter} ${MIN_INSYNC}=${
        Math.max(1, replicaCount - 1)
      }, or add copies with kafka-reassign-partitions.`,
    );
  }
  // With two, the choice is between that and standing still without one of them.
  if (replicaCount > 2 && minInsync === 1) {
    log.warning(
      "Topic {topic}: {setting} is 1, so a record may be lost with one broker although there are {replicaCount} copies; {advice}",
      {
        topic: name,
        setting: MIN_INSYNC,
        replicaCount,
        advice: `change it with ${alter} ${MIN_INSYNC}=${replicaCount - 1}`,
      },
    );
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
