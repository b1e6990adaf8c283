/**
 * A claimant that falls asleep in the middle of a transaction: its records are sent, their positions
 * and the end are not. It goes on when the first cell of the shared array changes, and tells how that ended.
 */
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import type { Group } from "../../ports/topic_log.ts";

/** What the worker is told. */
export interface ZombieTask {
  broker: string;
  group: Group;
  target: string;
  cells: Int32Array;
}

const scope = self as unknown as {
  onmessage: (event: MessageEvent<ZombieTask>) => void;
  postMessage(message: string): void;
};

scope.onmessage = async ({ data: { broker, group, target, cells } }) => {
  const log = await openKafkaTopicLog({ brokers: [broker], clientId: "zombie" });
  const claim = await log.claim(group, 0);
  const value = new TextEncoder().encode("zombie");
  const outcome = await claim.commit({
    records: [{ topic: target, partition: 0, key: "zombie", value }],
    offsets: { [group.topics[0]!]: 99 },
    metadata() {
      scope.postMessage("asleep");
      Atomics.wait(cells, 0, 0);
      return "";
    },
  }).then(() => "committed", (error: Error) => error.name);
  await log.close();
  scope.postMessage(outcome);
};
