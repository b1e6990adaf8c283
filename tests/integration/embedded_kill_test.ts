import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { openDataDirectory } from "../../adapters/deno_kv/data_directory.ts";
import { openKvFile } from "../../adapters/deno_kv/kv_file.ts";
import { openTopicLog, TOPIC_LOG_SCHEMA_VERSION } from "../../adapters/deno_kv/topic_log.ts";
import {
  openWindowStore,
  WINDOW_STORE_SCHEMA_VERSION,
} from "../../adapters/deno_kv/window_store.ts";
import { systemClock } from "../../adapters/system_clock.ts";
import type { TopicLog } from "../../ports/topic_log.ts";

const ROUNDS = 5;
const WRITER = new URL("./embedded_writer_process.ts", import.meta.url).pathname;

/** Runs the writer, kills it some time after its first acknowledgement, and says which was its last. */
async function killWriter(path: string, first: number): Promise<number> {
  const flags = ["--no-prompt", "--no-check", "--unstable-kv", `--allow-read=${path}`];
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, `--allow-write=${path}`, WRITER, path, `${first}`],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  let isDoomed = false;
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (isDoomed) continue;
    isDoomed = true;
    setTimeout(() => child.kill("SIGKILL"), Math.random() * 250);
  }
  const { signal } = await child.status;
  strictEqual(signal, "SIGKILL");
  return Number(output.slice(0, output.lastIndexOf("\n")).split("\n").at(-1));
}

/** The numbers of the writes in a topic; each must be whole. */
async function writesIn(log: TopicLog, topic: string): Promise<number[]> {
  const writes: { number: number; count: number; keys: string[] }[] = [];
  for (let offset = 0;;) {
    const fetched = await log.fetch(topic, 0, offset, { byteCountMax: 1_000_000, waitMaxMs: 0 });
    for (const { key, value } of fetched.records) {
      const text = new TextDecoder().decode(value!.subarray(0, 30));
      const [number, count] = text.split(" ").map(Number) as [number, number];
      if (writes.at(-1)?.number !== number) writes.push({ number, count, keys: [] });
      writes.at(-1)!.keys.push(key!);
    }
    offset = fetched.nextOffset;
    if (offset === fetched.endOffset) break;
  }
  for (const { count, keys } of writes) {
    deepStrictEqual(keys, Array.from({ length: count }, (_, i) => `${i}`));
  }
  return writes.map(({ number }) => number);
}

Deno.test("an embedded engine killed at any moment keeps what it acknowledged, and nothing by halves", async () => {
  const path = await Deno.makeTempDir();
  const before: Record<string, number[]> = { input: [], output: [] };
  for (let round = 0, next = 1; round < ROUNDS; round++) {
    const acknowledged = await killWriter(path, next);
    ok(acknowledged >= next);
    using directory = await openDataDirectory(path);
    using logKv = await openKvFile(directory.file("log.kv"), TOPIC_LOG_SCHEMA_VERSION);
    const log = await openTopicLog(logKv, { clock: systemClock });
    for (const topic of ["input", "output"]) {
      const writes = await writesIn(log, topic);
      const expected = [...before[topic]!, ...range(next, acknowledged)];
      // What was under way when the writer died may be there, whole.
      if (writes.length > expected.length) expected.push(acknowledged + 1);
      deepStrictEqual(writes, expected);
      before[topic] = writes;
    }
    const outputs = before.output!;
    deepStrictEqual(await writesIn(log, "rejected"), outputs);
    const { positions } = await log.claim({ id: "group", topics: ["input"] }, 0);
    strictEqual(positions.input!.offset, outputs.at(-1));
    const [range0] = (await log.describe("output"))!;
    strictEqual(JSON.parse(positions.input!.metadata).output, range0!.endOffset - 1);

    using windowsKv = await openKvFile(directory.file("windows.kv"), WINDOW_STORE_SCHEMA_VERSION);
    const store = await openWindowStore(windowsKv, { windowSizeMs: 3_600_000 });
    const windows = await store.claim(0);
    const checkpoint = Number((await windows.row())!.checkpointId);
    ok(checkpoint >= acknowledged && checkpoint <= acknowledged + 1);
    const counts = (await Array.fromAsync(windows.scan())).flat().map(({ count }) => count);
    deepStrictEqual(counts, Array(200).fill(checkpoint));
    next = acknowledged + 2;
  }
  await Deno.remove(path, { recursive: true });
});

function range(from: number, through: number): number[] {
  return Array.from({ length: through - from + 1 }, (_, i) => from + i);
}
