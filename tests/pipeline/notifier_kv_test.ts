import { openKvFile } from "../../adapters/deno_kv/kv_file.ts";
import { openTopicLog, TOPIC_LOG_SCHEMA_VERSION } from "../../adapters/deno_kv/topic_log.ts";
import { systemClock } from "../../adapters/system_clock.ts";
import { tellAndTakeOver } from "./notifier_scenario.ts";

Deno.test("notifier: on the embedded log one tells, and another goes on where it stopped", async () => {
  const folder = await Deno.makeTempDir();
  try {
    using kv = await openKvFile(`${folder}/log.kv`, TOPIC_LOG_SCHEMA_VERSION);
    const log = await openTopicLog(kv, { clock: systemClock });
    await tellAndTakeOver(log, log);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
