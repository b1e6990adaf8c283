/** Writes to an embedded engine for ever, saying what is acknowledged; made to be killed. */
import { openDataDirectory } from "../../adapters/deno_kv/data_directory.ts";
import { openKvFile } from "../../adapters/deno_kv/kv_file.ts";
import { openTopicLog, TOPIC_LOG_SCHEMA_VERSION } from "../../adapters/deno_kv/topic_log.ts";
import {
  openWindowStore,
  WINDOW_STORE_SCHEMA_VERSION,
} from "../../adapters/deno_kv/window_store.ts";
import { systemClock } from "../../adapters/system_clock.ts";
import { openWindow } from "../../stats/window.ts";

const [path, firstText] = Deno.args as [string, string];
const directory = await openDataDirectory(path);
const logKv = await openKvFile(directory.file("log.kv"), TOPIC_LOG_SCHEMA_VERSION);
const log = await openTopicLog(logKv, { clock: systemClock });
const windowsKv = await openKvFile(directory.file("windows.kv"), WINDOW_STORE_SCHEMA_VERSION);
const windows = await (await openWindowStore(windowsKv, { windowSizeMs: 3_600_000 })).claim(0);
const topic = { partitionCount: 1, retentionMs: 3_600_000, compacted: false };
await log.create(["input", "output", "rejected"].map((name) => ({ name, ...topic })));
const claim = await log.claim({ id: "group", topics: ["input"] }, 0);

/** Every record of a write says how many there are, and is large enough for several atomics. */
function records(topic: string, number: number, count: number) {
  const value = new TextEncoder().encode(
    `${number} ${count} `.padEnd(number % 3 === 0 ? 20_000 : 500),
  );
  return Array.from({ length: count }, (_, i) => ({ topic, partition: 0, key: `${i}`, value }));
}

for (let number = Number(firstText);; number++) {
  await log.append(records("input", number, 60));
  await claim.commit({
    records: [...records("output", number, 70), ...records("rejected", number, 2)],
    offsets: { input: number },
    metadata: (lastOffsets) => JSON.stringify(lastOffsets),
  });
  const put = Array.from({ length: 200 }, (_, i) => ({
    ...openWindow({ exchange: "x", instrument: `m${i}`, price: 1, timestampMs: 0 }, 3_600_000),
    count: number,
  }));
  await windows.write({ row: { torn: false, checkpointId: `${number}`, state: "" }, put });
  await Deno.stdout.write(new TextEncoder().encode(`${number}\n`));
}
