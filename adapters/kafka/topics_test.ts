import { deepStrictEqual, rejects } from "node:assert";
import { createErrorFromCode } from "kafkajs/src/protocol/error.js";
import { TopicMismatchError, type TopicSpec } from "../../ports/topic_log.ts";
import { ClusterConnection } from "./connection.ts";
import { createTopics } from "./topics.ts";
import type { WireBroker } from "./wire.ts";

const UNKNOWN_TOPIC_OR_PARTITION = 3;
const SPEC: TopicSpec = {
  name: "samples",
  partitionCount: 2,
  retentionMs: 3_600_000,
  compacted: false,
};

/** A broker that hears of a topic only some questions after it was made. */
function slowBroker(questionsUntilKnown: number, partitionCount = SPEC.partitionCount) {
  const made: string[] = [];
  let questionCount = 0;
  const entries = { "cleanup.policy": "delete", "message.timestamp.type": "LogAppendTime" };
  const broker: Partial<WireBroker> = {
    createTopics: ({ topics }) => Promise.resolve(void made.push(...topics.map((t) => t.topic))),
    metadata([topic]) {
      if (made.length === 0 || questionCount++ < questionsUntilKnown) {
        return Promise.reject(createErrorFromCode(UNKNOWN_TOPIC_OR_PARTITION));
      }
      const partitionMetadata = Array.from({ length: partitionCount }, () => ({ replicas: [1] }));
      return Promise.resolve({ topicMetadata: [{ topic: topic!, partitionMetadata }] });
    },
    describeConfigs: () =>
      Promise.resolve({
        resources: [{
          resourceName: SPEC.name,
          configEntries: Object.entries({ ...entries, "min.insync.replicas": "1" })
            .map(([configName, configValue]) => ({ configName, configValue } as never)),
        }],
      }),
  };
  const connection = new ClusterConnection({ brokers: ["kafka:9092"], clientId: "test" });
  const cluster = {
    brokerPool: { brokers: {}, metadata: { brokers: [1] } },
    refreshMetadata: () => Promise.resolve(),
    findControllerBroker: () => Promise.resolve(broker as WireBroker),
  };
  Object.assign(connection, { cluster });
  return { connection, made };
}

Deno.test("making topics waits until a broker that was asked knows them", async () => {
  const { connection, made } = slowBroker(4);
  await createTopics(connection, [SPEC], { forMaxMs: 1_000 });
  deepStrictEqual(made, [SPEC.name]);
  await connection.close();
});

Deno.test("a topic with other partitions is refused in words", async () => {
  const { connection } = slowBroker(1, 3);
  const problem = /Topic samples: has 3 partitions, must have 2 \(PARTITIONS\)/;
  await rejects(
    createTopics(connection, [SPEC], { forMaxMs: 1_000 }),
    (error) => error instanceof TopicMismatchError && problem.test(error.message),
  );
  await connection.close();
});
