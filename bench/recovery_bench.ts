/**
 * From the death of an aggregator (SIGKILL) until another counts all its partitions, on a real Kafka
 * with samples coming in all the time.
 *
 * @module
 */
import { openKafkaTopicLog } from "../adapters/kafka/topic_log.ts";
import { parseConfig } from "../config.ts";
import { startKafka } from "../tests/integration/kafka_server.ts";
import { eventually, RoleProcess, withFolder } from "../tests/integration/role_process.ts";
import { topicSpecs } from "../topology.ts";
import { appendPolls } from "./live_load.ts";

const LOAD = { exchange: "load", marketCount: 2_000, intervalMs: 1_000 };

/** What came out, in ms. */
export interface RecoveryFigures {
  sessionTimeoutMs: number;
  /** Of every kill, until the last of the dead one's partitions was counted again. */
  silencesMs: number[];
}

/** Kills one of two aggregators, `count` times. */
export async function benchRecovery(count: number): Promise<RecoveryFigures> {
  await using kafka = await startKafka();
  const silencesMs: number[] = [];
  const settings = { ROLES: "aggregator", KAFKA_BROKERS: kafka.broker };
  const { partitionCount, kafka: connection } = parseConfig(settings);
  await withFolder(async (folder) => {
    await using log = await openKafkaTopicLog({ brokers: [kafka.broker], clientId: "bench" });
    await log.create(topicSpecs("kafka", partitionCount));
    await using stack = new AsyncDisposableStack();
    let processCount = 0;
    const start = () =>
      stack.use(new RoleProcess({ ...settings, DATA_DIR: `${folder}/${processCount++}` }));
    const stop = new AbortController();
    const load = appendPolls(log, { ...LOAD, partitionCount }, stop.signal);
    try {
      let victim = start();
      await counting(victim, partitionCount, 0);
      for (let i = 0; i < count; i++) {
        const survivor = start();
        await counting(survivor, Math.floor(partitionCount / 2), 0);
        const said = survivor.log.length;
        const killedMs = performance.now();
        await victim.stop("SIGKILL");
        await counting(survivor, Math.ceil(partitionCount / 2), said);
        silencesMs.push(performance.now() - killedMs);
        victim = survivor;
      }
    } finally {
      stop.abort();
      await load;
    }
  });
  return { sessionTimeoutMs: connection!.sessionTimeoutMs, silencesMs };
}

/** Waits until the process says of so many partitions that it counts them, from a place of its log on. */
async function counting(process: RoleProcess, count: number, from: number): Promise<void> {
  await eventually(`${count} partitions counted`, () => {
    const found = process.log.slice(from).matchAll(/Counting partition \W*(\d+)/g);
    return new Set(found.map(([, partition]) => partition)).size >= count ? true : null;
  });
}
