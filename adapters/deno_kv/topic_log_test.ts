import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { OffsetOutOfRangeError, TopicMismatchError } from "../../ports/topic_log.ts";
import { ManualClock } from "../memory/manual_clock.ts";
import { systemClock } from "../system_clock.ts";
import { openKvFile } from "./kv_file.ts";
import { openTopicLog, TOPIC_LOG_SCHEMA_VERSION } from "./topic_log.ts";
import { DenoKvTopicReader } from "./topic_reader.ts";

const TOPIC = { name: "samples", partitionCount: 2, retentionMs: 3_600_000, compacted: false };
const GROUP = { id: "group", topics: ["samples"] };
const NOW = { byteCountMax: 1_000_000, waitMaxMs: 0 };

async function inFolder(test: (open: () => Promise<Deno.Kv>) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(() => openKvFile(`${folder}/log.kv`, TOPIC_LOG_SCHEMA_VERSION));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function record(text: string, partition = 0) {
  return { topic: "samples", partition, key: "k", value: new TextEncoder().encode(text) };
}

Deno.test("a Deno KV log is after a restart what it was", () =>
  inFolder(async (open) => {
    {
      using kv = await open();
      const log = await openTopicLog(kv, { clock: systemClock });
      await log.create([TOPIC]);
      await log.append([record("a"), record("b", 1), record("c")]);
      const claim = await log.claim(GROUP, 1);
      await claim.commit({
        records: [record("d", 1)],
        offsets: { samples: 1 },
        metadata: () => "m",
      });
    }
    using kv = await open();
    const log = await openTopicLog(kv, { clock: systemClock });
    await rejects(log.create([{ ...TOPIC, partitionCount: 3 }]), TopicMismatchError);
    await log.create([TOPIC]);
    deepStrictEqual(await log.describe("samples"), [
      { startOffset: 0, endOffset: 2 },
      { startOffset: 0, endOffset: 2 },
    ]);
    deepStrictEqual(await log.positions(GROUP), { samples: [null, 1] });
    deepStrictEqual((await log.claim(GROUP, 1)).positions, {
      samples: { offset: 1, metadata: "m" },
    });
    await log.append([record("e", 1)]);
    const { records } = await log.fetch("samples", 1, 0, NOW);
    deepStrictEqual(records.map((one) => [one.offset, new TextDecoder().decode(one.value!)]), [
      [0, "b"],
      [1, "d"],
      [2, "e"],
    ]);
  }));

Deno.test("append times do not fall when the clock does, nor after a restart", () =>
  inFolder(async (open) => {
    for (const nowMs of [2000, 1000, 1500]) {
      using kv = await open();
      const log = await openTopicLog(kv, { clock: new ManualClock(nowMs) });
      await log.create([TOPIC]);
      await log.append([record("a")]);
    }
    using kv = await open();
    const reader = new DenoKvTopicReader(kv, { clock: systemClock });
    const { records } = await reader.fetch("samples", 0, 0, NOW);
    deepStrictEqual(records.map((one) => one.appendMs), [2000, 2000, 2000]);
  }));

Deno.test("a second process may read the log, and sees what is appended while it waits", () =>
  inFolder(async (open) => {
    using kv = await open();
    using beside = await open();
    const log = await openTopicLog(kv, { clock: systemClock });
    const reader = new DenoKvTopicReader(beside, { clock: systemClock });
    strictEqual(await reader.describe("samples"), null);
    await rejects(reader.fetch("samples", 0, 0, NOW), /No such partition: samples\/0/);
    await log.create([TOPIC]);
    deepStrictEqual((await reader.describe("samples"))!.length, 2);
    const waiting = reader.fetch("samples", 0, 0, { ...NOW, waitMaxMs: 10_000 });
    await log.append([record("a")]);
    strictEqual((await waiting).records.length, 1);
    await rejects(reader.fetch("samples", 0, 2, NOW), OffsetOutOfRangeError);
    const controller = new AbortController();
    const options = { ...NOW, waitMaxMs: 10_000, signal: controller.signal };
    const aborted = reader.fetch("samples", 0, 1, options);
    controller.abort();
    deepStrictEqual((await aborted).records, []);
    await (await log.claim(GROUP, 0)).commit({
      records: [],
      offsets: { samples: 1 },
      metadata: () => "",
    });
    deepStrictEqual(await reader.positions(GROUP), { samples: [1, null] });
  }));

Deno.test("once another process has opened the log for writing, the first writes nothing more", () =>
  inFolder(async (open) => {
    using kv = await open();
    using beside = await open();
    const log = await openTopicLog(kv, { clock: systemClock });
    await log.create([TOPIC]);
    await log.append([record("a")]);
    const claim = await log.claim(GROUP, 0);
    const later = await openTopicLog(beside, { clock: systemClock });
    await later.append([record("b")]);
    const taken = /Another process has taken this Deno KV file over/;
    await rejects(log.append([record("lost")]), taken);
    await rejects(log.append([record("lost")]), taken);
    await rejects(log.claim(GROUP, 1), taken);
    await rejects(log.create([{ ...TOPIC, name: "more" }]), taken);
    await rejects(
      claim.commit({ records: [record("lost")], offsets: {}, metadata: () => "" }),
      taken,
    );
    strictEqual((await later.fetch("samples", 0, 0, NOW)).records.length, 2);
    strictEqual(await later.describe("more"), null);
  }));

Deno.test("records and metadata that are too large are refused, and the log goes on", () =>
  inFolder(async (open) => {
    using kv = await open();
    const log = await openTopicLog(kv, { clock: systemClock });
    await log.create([TOPIC]);
    await log.append([{ ...record(""), value: new Uint8Array(1_000_000).fill(7) }]);
    const tooLarge = { ...record(""), value: new Uint8Array(1_048_577) };
    await rejects(log.append([record("a"), tooLarge]), /samples: a record of \d+ bytes \(key k\)/);
    const claim = await log.claim(GROUP, 0);
    await rejects(
      claim.commit({ records: [], offsets: { samples: 1 }, metadata: () => "ä".repeat(2049) }),
      /metadata of 4098 bytes; at most 4096/,
    );
    await log.append([record("last")]);
    const { records } = await log.fetch("samples", 0, 0, NOW);
    deepStrictEqual(records.map((one) => [one.offset, one.value!.length]), [[0, 1_000_000]]);
    ok(records[0]!.value!.every((byte) => byte === 7));
    strictEqual((await log.fetch("samples", 0, 1, NOW)).records.length, 1);
  }));
