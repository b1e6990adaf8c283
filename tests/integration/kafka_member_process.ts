/**
 * A member of a group in a process of its own, for a test to kill: `BROKER GROUP TOPIC`. It prints
 * the partitions that it gets, one a line, and leaves when its standard input closes.
 */
import { openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";

const [broker, group, topic] = Deno.args as [string, string, string];
const config = { brokers: [broker], clientId: "member", sessionTimeoutMs: 1_000 };
await using log = await openKafkaTopicLog(config);
const leaving = new AbortController();
const joined = log.join({ id: group, topics: [topic] }, async (partition, revoked) => {
  await Deno.stdout.write(new TextEncoder().encode(`${partition}\n`));
  while (!revoked.aborted) {
    await log.fetch(topic, partition, 0, { byteCountMax: 1, waitMaxMs: 500, signal: revoked });
  }
}, leaving.signal);
for await (const _ of Deno.stdin.readable);
leaving.abort();
await joined;
