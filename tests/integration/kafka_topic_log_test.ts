import assert from "node:assert/strict";
import {
  OffsetOutOfRangeError,
  TopicMismatchError,
  type TopicSpec,
} from "../../ports/topic_log.ts";
import { partitionOf } from "../../topology.ts";
import { topicLogContract } from "../contract/topic_log_contract.ts";
import {
  newName,
  newTopic,
  openLog,
  readRecords,
  recordOf,
  specOf,
  textOf,
  transactionOf,
  waitUntil,
} from "./kafka_fixture.ts";
import { isSkipped, kafkaTest as test, sharedKafka } from "./kafka_server.ts";
import type { ZombieTask } from "./kafka_zombie_worker.ts";

// The cleaner runs at once, so that a compacted log can be waited for.
const kafka = await sharedKafka({ "log.cleaner.backoff.ms": "100" });

topicLogContract("Kafka topic log", async () => {
  const [log, second] = await Promise.all([openLog(kafka.broker), openLog(kafka.broker)]);
  return {
    log,
    second,
    async expire(topic) {
      const ranges = (await log.describe(topic))!;
      await deleteRecords(topic, ranges.map((range) => range.endOffset));
    },
    close: async () => void await Promise.all([log.close(), second.close()]),
  };
}, { ignore: isSkipped });

/** Deletes a topic's records before the offsets, per partition. */
async function deleteRecords(topic: string, offsets: number[]): Promise<void> {
  const partitions = offsets.map((offset, partition) => ({ topic, partition, offset }));
  const input = JSON.stringify({ version: 1, partitions });
  await kafka.tool("kafka-delete-records", ["--offset-json-file", "/dev/stdin"], input);
}

test("what is appended, Kafka's own consumer reads alike", async () => {
  await using log = await openLog(kafka.broker);
  const topic = await newTopic(log);
  const headers = { reason: "späť", empty: "" };
  await log.append([{ ...recordOf(topic, "päid"), headers }, recordOf(topic, "two")]);
  const seen = await kafka.tool("kafka-console-consumer", [
    ...["--topic", topic, "--from-beginning", "--max-messages", "2"],
    ...["--isolation-level", "read_committed"],
    ...["--property", "print.key=true", "--property", "print.headers=true"],
    ...["--property", "print.timestamp=true"],
  ]);
  const records = await readRecords(log, topic, 2);
  assert.deepEqual(seen.trimEnd().split("\n"), [
    `LogAppendTime:${records[0]!.appendMs}\treason:späť,empty:\tpäid\tpäid`,
    `LogAppendTime:${records[1]!.appendMs}\tNO_HEADERS\ttwo\ttwo`,
  ]);
  assert.ok(Math.abs(records[0]!.appendMs - Date.now()) < 60_000);
});

test("records that another program has compressed are read", async (t) => {
  await using log = await openLog(kafka.broker);
  for (const codec of ["gzip", "lz4"]) {
    await t.step(codec, async () => {
      const topic = await newTopic(log);
      const args = ["--topic", topic, "--compression-codec", codec];
      await kafka.tool("kafka-console-producer", args, "a\nb\nc\n");
      assert.deepEqual((await readRecords(log, topic, 3)).map(textOf), ["a", "b", "c"]);
    });
  }
  await t.step("gzip, kept so by the topic", async () => {
    const topic = newName();
    const settings = ["--config", "compression.type=gzip"];
    await kafka.tool("kafka-topics", ["--create", "--topic", topic, ...settings]);
    await log.append(["a", "b", "c"].map((text) => recordOf(topic, text)));
    assert.deepEqual((await readRecords(log, topic, 3)).map(textOf), ["a", "b", "c"]);
    assert.deepEqual((await readRecords(log, topic, 1, { offset: 2 })).map(textOf), ["c"]);
  });
});

test("a market's partition is the one that Kafka's Java client gives it", async () => {
  await using log = await openLog(kafka.broker);
  // A prime count, and keys of every length modulo 4, signs and bytes above 127 among them.
  const [topic, partitionCount] = [await newTopic(log, 97), 97];
  const keys = ["", "a", "ab", "abc", "kraken:btcusd", "ßeth-€ur", "𝄞", "x".repeat(99)];
  keys.push(...Array.from({ length: 500 }, (_, i) => `simulated-${i % 7}:asset${i * i}usd`));
  await kafka.tool("kafka-console-producer", [
    ...["--topic", topic],
    ...["--property", "parse.key=true", "--property", "key.separator=\t"],
  ], keys.map((key) => `${key}\tvalue\n`).join(""));
  const seen = await kafka.tool("kafka-console-consumer", [
    ...["--topic", topic, "--from-beginning", "--max-messages", `${keys.length}`],
    ...["--property", "print.partition=true"],
    ...["--property", "print.key=true", "--property", "print.value=false"],
  ]);
  const expected = keys.map((key) => `Partition:${partitionOf(key, partitionCount)}\t${key}`);
  assert.deepEqual(seen.trimEnd().split("\n").sort(), expected.sort());
});

test("topics are made with the settings that the program needs", async () => {
  await using log = await openLog(kafka.broker);
  const [plain, compacted] = [newName(), newName()];
  await log.create([specOf(plain, 3), specOf(compacted, 2, true)]);
  const describe = (topic: string) => kafka.tool("kafka-topics", ["--describe", "--topic", topic]);
  const [plainText, compactedText] = [await describe(plain), await describe(compacted)];
  assert.match(plainText, /PartitionCount: 3\b.*ReplicationFactor: 1\b/);
  assert.match(plainText, /cleanup\.policy=delete\b/);
  for (const setting of ["message.timestamp.type=LogAppendTime", "retention.ms=3600000"]) {
    assert.ok(plainText.includes(setting), setting);
    assert.ok(compactedText.includes(setting), setting);
  }
  const settings = ["cleanup.policy=compact,delete", "segment.bytes=16777216"];
  for (const setting of [...settings, "segment.ms=300000", "min.cleanable.dirty.ratio=0.1"]) {
    assert.ok(compactedText.includes(setting), setting);
  }
});

test("a topic that differs is refused with the setting, both values and what to do", async () => {
  await using log = await openLog(kafka.broker);
  const topic = newName();
  await log.create([specOf(topic, 3)]);
  const refused = (spec: TopicSpec, message: RegExp) =>
    assert.rejects(log.create([spec]), (error) => {
      assert.ok(error instanceof TopicMismatchError);
      assert.match(error.message, message);
      return true;
    });
  await refused(
    specOf(topic, 4),
    new RegExp(`${topic}.* 3 partitions, must have 4 .*set PARTITIONS=3`),
  );
  await refused(
    specOf(topic, 3, true),
    new RegExp(`${topic}: cleanup.policy is delete, must be compact,delete; change it with`),
  );
  const other = newName();
  await kafka.tool("kafka-topics", ["--create", "--topic", other]);
  await refused(specOf(other), /message.timestamp.type is CreateTime, must be LogAppendTime/);
});

test("large values and many records go through in order", async () => {
  await using log = await openLog(kafka.broker);
  const topic = await newTopic(log, 2);
  const sizes = [10, 3_000_000, 1_000, 899_000, ...Array<number>(2_000).fill(1_000)];
  await log.append(sizes.flatMap((size, i) =>
    [0, 1].map((partition) => {
      return { topic, partition, key: String(i), value: new Uint8Array(size).fill(i) };
    })
  ));
  for (const partition of [0, 1]) {
    const records = await readRecords(log, topic, sizes.length, { partition });
    assert.deepEqual(records.map(({ key }) => Number(key)), sizes.map((_, i) => i));
    assert.deepEqual(records.map(({ value }) => value!.length), sizes);
    assert.ok(records.every(({ value }, i) => value!.at(-1) === i % 256));
  }
});

test("readers that share a request all get on, however little they ask for", async () => {
  await using log = await openLog(kafka.broker);
  const [topic, partitions] = [await newTopic(log, 3), [0, 1, 2]];
  const texts = Array.from({ length: 30 }, (_, i) => `${i}`.padStart(10, "0"));
  const records = partitions.flatMap((partition) =>
    texts.map((text) => recordOf(topic, text, partition))
  );
  await log.append(records);
  // One batch holds them all, and only the first partition of a request is sure of a whole one.
  await Promise.all(partitions.map(async (partition) => {
    for (let offset = 0; offset < texts.length; offset++) {
      const batch = await log.fetch(topic, partition, offset, { byteCountMax: 1, waitMaxMs: 0 });
      assert.deepEqual(batch.records.map(textOf), [texts[offset]]);
    }
  }));
});

test("one that waits for records does not hold up one that has some", async () => {
  await using log = await openLog(kafka.broker);
  const [topic, count] = [await newTopic(log, 2), 200];
  await log.append(Array.from({ length: count }, (_, i) => recordOf(topic, `${i}`, 1)));
  const stop = new AbortController();
  const options = { byteCountMax: 1, waitMaxMs: 60_000, signal: stop.signal };
  const waiting = log.fetch(topic, 0, 0, options);
  const startMs = performance.now();
  for (let offset = 0; offset < count; offset++) {
    assert.equal((await log.fetch(topic, 1, offset, options)).records.length, 1);
    // Its work gives the other the time to ask again, for 100 ms at a time.
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  assert.ok(performance.now() - startMs < 10_000);
  stop.abort();
  assert.deepEqual((await waiting).records, []);
});

test("a zombie asleep in its transaction is fenced, and nothing of it is ever seen", async () => {
  await using log = await openLog(kafka.broker);
  const [source, target] = [await newTopic(log), await newTopic(log)];
  const group = { id: newName(), topics: [source] };
  const first = await log.claim(group, 0);
  await first.commit(transactionOf(group, [recordOf(target, "first")], 1));
  const cells = new Int32Array(new SharedArrayBuffer(4));
  const zombie = new Worker(new URL("./kafka_zombie_worker.ts", import.meta.url), {
    type: "module",
  });
  const heard = async () => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    zombie.onmessage = ({ data }: MessageEvent<string>) => resolve(data);
    zombie.onerror = (event) => reject(new Error(event.message));
    return await promise;
  };
  const asleep = heard();
  zombie.postMessage({ broker: kafka.broker, group, target, cells } satisfies ZombieTask);
  assert.equal(await asleep, "asleep");
  const claim = await log.claim(group, 0);
  assert.deepEqual(claim.positions, {
    [source]: { offset: 1, metadata: JSON.stringify({ [target]: 0 }) },
  });
  const outcome = heard();
  Atomics.store(cells, 0, 1);
  Atomics.notify(cells, 0);
  assert.equal(await outcome, "FencedError");
  zombie.terminate();
  await claim.commit(transactionOf(group, [recordOf(target, "second")], 2));
  assert.deepEqual((await readRecords(log, target, 2)).map(textOf), ["first", "second"]);
  const seen = await kafka.tool("kafka-console-consumer", [
    ...["--topic", target, "--from-beginning", "--max-messages", "2"],
    ...["--isolation-level", "read_committed"],
  ]);
  assert.equal(seen, "first\nsecond\n");
  const groups = await kafka.tool("kafka-consumer-groups", ["--describe", "--group", group.id]);
  assert.match(groups, new RegExp(`${group.id} +${source} +0 +2 +`));
});

test("while a transaction is open a reader stops before it; once ended, goes on", async () => {
  await using log = await openLog(kafka.broker);
  const [source, target] = [await newTopic(log), await newTopic(log)];
  const group = { id: newName(), topics: [source] };
  await log.append([recordOf(target, "before")]);
  const dying = await log.claim(group, 0);
  const open = transactionOf(group, [recordOf(target, "aborted")], 1);
  const die = () => {
    throw new Error("died");
  };
  await assert.rejects(dying.commit({ ...open, metadata: die }), /died/);
  await log.append([recordOf(target, "after")]);
  const first = await log.fetch(target, 0, 0, { byteCountMax: 1_000, waitMaxMs: 300 });
  assert.deepEqual([first.records.map(textOf), first.nextOffset, first.endOffset], [
    ["before"],
    1,
    1,
  ]);
  assert.deepEqual(await log.describe(target), [{ startOffset: 0, endOffset: 1 }]);
  await log.claim(group, 0);
  assert.deepEqual((await readRecords(log, target, 1, { offset: 1 })).map(textOf), ["after"]);
  const last = await log.fetch(target, 0, 3, { byteCountMax: 1_000, waitMaxMs: 0 });
  // Behind the last record lies the mark of the transaction's end.
  assert.deepEqual([last.records, last.nextOffset, last.endOffset], [[], 4, 4]);
});

test("a compacted log is read through its gaps", async () => {
  await using log = await openLog(kafka.broker);
  const topic = newName();
  await log.create([specOf(topic, 1, true)]);
  const settings = "segment.ms=100,min.cleanable.dirty.ratio=0.01";
  await kafka.tool("kafka-configs", ["--alter", "--topic", topic, "--add-config", settings]);
  const group = { id: newName(), topics: [topic] };
  const [one, other] = [recordOf(topic, "one"), recordOf(topic, "other")];
  // Each claim is a producer of its own, whose last batch stays, empty, when its records are gone.
  for (let i = 0; i < 5; i++) {
    const claim = await log.claim(group, 0);
    for (let j = 0; j < 3; j++) await claim.commit(transactionOf(group, [one, one, other], i));
  }
  let records: string[] = [];
  await waitUntil("the cleaner", async () => {
    await log.append([one]);
    const { endOffset } = (await log.describe(topic))![0]!;
    records = [];
    for (let offset = 0; offset < endOffset;) {
      const batch = await log.fetch(topic, 0, offset, { byteCountMax: 1, waitMaxMs: 1_000 });
      assert.ok(batch.nextOffset > offset, `stuck at ${offset} of ${endOffset}`);
      records.push(...batch.records.map(textOf));
      offset = batch.nextOffset;
    }
    return records.filter((text) => text === "other").length === 1;
  });
  assert.equal(records.at(-1), "one");
});

test("records that were deleted are out of range, with the range that is left", async () => {
  await using log = await openLog(kafka.broker);
  const topic = await newTopic(log);
  await log.append(Array.from({ length: 10 }, (_, i) => recordOf(topic, `${i}`)));
  await deleteRecords(topic, [4]);
  await assert.rejects(log.fetch(topic, 0, 3, { byteCountMax: 1, waitMaxMs: 0 }), (error) => {
    assert.ok(error instanceof OffsetOutOfRangeError);
    assert.deepEqual([error.offset, error.startOffset, error.endOffset], [3, 4, 10]);
    return true;
  });
});

test("a topic that is deleted stands in the way of itself only", async () => {
  await using log = await openLog(kafka.broker);
  const [gone, kept] = [await newTopic(log), await newTopic(log)];
  await log.append([recordOf(gone, "a"), recordOf(kept, "a")]);
  await kafka.tool("kafka-topics", ["--delete", "--topic", gone]);
  await assert.rejects(log.append([recordOf(gone, "b")]), /there is no such topic/);
  const options = { byteCountMax: 1, waitMaxMs: 0 };
  await assert.rejects(log.fetch(gone, 0, 0, options), new RegExp(`${gone}/0: there is no such`));
  await log.append([recordOf(kept, "b")]);
  assert.deepEqual((await readRecords(log, kept, 2)).map(textOf), ["a", "b"]);
  assert.equal(await log.describe(gone), null);
});
