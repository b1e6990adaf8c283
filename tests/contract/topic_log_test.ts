import { openKvFile } from "../../adapters/deno_kv/kv_file.ts";
import { openTopicLog, TOPIC_LOG_SCHEMA_VERSION } from "../../adapters/deno_kv/topic_log.ts";
import { MemoryBroker } from "../../adapters/memory/topic_log.ts";
import { systemClock } from "../../adapters/system_clock.ts";
import { topicLogContract } from "./topic_log_contract.ts";

topicLogContract("memory topic log", () => {
  const broker = new MemoryBroker(systemClock);
  return Promise.resolve({
    log: broker.connect(),
    second: broker.connect(),
    expire(topic) {
      for (const [i, { nextOffset }] of broker.partitionsOf(topic)!.entries()) {
        broker.truncate(topic, i, nextOffset);
      }
      return Promise.resolve();
    },
    close: () => Promise.resolve(),
  });
});

topicLogContract("Deno KV topic log", async () => {
  const folder = await Deno.makeTempDir();
  const kv = await openKvFile(`${folder}/log.kv`, TOPIC_LOG_SCHEMA_VERSION);
  let aheadMs = 0;
  const clock = { ...systemClock, nowMs: () => Date.now() + aheadMs };
  const log = await openTopicLog(kv, { clock });
  return {
    log,
    second: log,
    async expire() {
      aheadMs += 7_200_000;
      await log.maintain(new AbortController().signal);
    },
    async close() {
      kv.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
});
