/**
 * Against Kafka's own Java client: what it compresses and aborts, where it puts a market, and that it
 * reads what this program writes.
 */
import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import type { Compression } from "../../adapters/kafka/compression.ts";
import { type KafkaTopicLog, openKafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { MemoryWindowStore } from "../../adapters/memory/window_store.ts";
import { systemClock, systemRandom } from "../../adapters/system_clock.ts";
import { createAggregator } from "../../aggregator/aggregator.ts";
import { parseConfig } from "../../config.ts";
import { partitionOf, TOPICS, topicSpecs } from "../../topology.ts";
import { recordedTest, recording } from "../shared_data.ts";
import { newTopic, readRecords, recordOf, textOf, waitUntil } from "./kafka_fixture.ts";
import { java, prepareNative, startNative } from "./kafka_native.ts";

const problem = await prepareNative().then(() => null, (error: Error) => error.message);
const isSkipped = problem !== null && Deno.env.get("CI") !== "true";
const dataDirectory = await Deno.makeTempDir({ prefix: "kafka-data-" });
const kafka = problem === null ? await startNative({ "log.dirs": dataDirectory }, {}) : null;
const broker = kafka?.broker ?? "nowhere.invalid:9092";
Deno.test.afterAll(async () => {
  await kafka?.[Symbol.asyncDispose]();
  await Deno.remove(dataDirectory, { recursive: true });
});

/** A test that needs Java and Kafka's jars: skipped with a word where there are none, failed there with `CI=true`. */
function javaTest(
  name: string,
  run: () => Promise<void>,
  register: typeof recordedTest = Deno.test,
): void {
  if (isSkipped) return Deno.test.ignore(`${name} (skipped: ${problem})`, run);
  register(name, async () => {
    if (problem !== null) throw new Error(problem);
    await run();
  });
}

function openLog(compression: Compression = "zstd"): Promise<KafkaTopicLog> {
  return openKafkaTopicLog({ brokers: [broker], clientId: "test", compression });
}

/** Runs JavaClient.java; answers the lines that it says. */
async function javaClient(args: string[], lines: string[]): Promise<string[]> {
  const source = new URL("./JavaClient.java", import.meta.url).pathname;
  return (await java([source, ...args], lines.join("\n"))).trimEnd().split("\n");
}

function hexOf(text: string): string {
  return new TextEncoder().encode(text).toHex();
}

/** What Kafka's tool tells of the batches on the broker's disk. */
function dumpLog(topic: string): Promise<string> {
  return java(["kafka.tools.DumpLogSegments", "--deep-iteration", "--files", logFile(topic)]);
}

function logFile(topic: string): string {
  return `${dataDirectory}/${topic}-0/${"0".repeat(20)}.log`;
}

function codecsIn(dump: string): string[] {
  const codecs = new Set(dump.matchAll(/compresscodec: (\w+)/g).map(([_, name]) => name!));
  return [...codecs].sort();
}

/** Lines alike and unlike, of more than one batch; some repeat themselves for long. */
const LINES = Array.from(
  { length: 3_000 },
  (_, i) =>
    i % 100 === 0
      ? "x".repeat(i)
      : `{"v":1,"exchange":"kraken","instrument":"asset${i}ü","price":${Math.sqrt(i)}}`,
);

for (const codec of ["none", "gzip", "snappy", "lz4", "zstd"]) {
  javaTest(`what Java's producer compresses by ${codec} is read in parts of any size`, async () => {
    await using log = await openLog();
    const topic = await newTopic(log);
    await javaClient(
      ["send", broker, topic, `compression.type=${codec}`, "linger.ms=500", "batch.size=100000"],
      LINES.map((line) => `${hexOf("key")} ${hexOf(line)}`),
    );
    const dump = await dumpLog(topic);
    assert.deepEqual(codecsIn(dump), [codec], dump);
    for (const byteCountMax of [2_000, 50_000, 10_000_000]) {
      const records = await readRecords(log, topic, LINES.length, { byteCountMax });
      assert.deepEqual(records.map(textOf), LINES);
    }
    const tail = await readRecords(log, topic, 7, { offset: LINES.length - 7 });
    assert.deepEqual(tail.map(textOf), LINES.slice(-7));
  });
}

for (const compression of ["none", "gzip", "zstd"] as const) {
  javaTest(
    `what is written by ${compression} Java's consumer and the log's own tool read`,
    async () => {
      await using log = await openLog(compression);
      const topic = await newTopic(log);
      const claim = await log.claim({ id: topic, topics: [topic] }, 0);
      const records = LINES.map((text) => recordOf(topic, text));
      const [appended, committed] = [records.slice(0, 1_000), records.slice(1_000)];
      await log.append(appended);
      await claim.commit({ records: committed, offsets: {}, metadata: () => "" });
      const seen = await kafka!.tool("kafka-console-consumer", [
        ...["--topic", topic, "--from-beginning", "--max-messages", `${LINES.length}`],
        ...["--isolation-level", "read_committed"],
      ]);
      assert.deepEqual(seen.slice(0, -1).split("\n"), LINES);
      const dump = await dumpLog(topic);
      // The mark of the transaction's end is the broker's.
      assert.deepEqual(codecsIn(dump), [...new Set([compression, "none"])].sort());
      assert.ok(dump.includes("isvalid: true") && !dump.includes("isvalid: false"));
      const { size } = await Deno.stat(logFile(topic));
      const plainSize = records.reduce((sum, { key, value }) => sum + key.length + value.length, 0);
      if (compression === "none") assert.ok(size > plainSize);
      else assert.ok(size < plainSize / 4, `${size} of ${plainSize} bytes`);
      assert.deepEqual((await readRecords(log, topic, LINES.length)).map(textOf), LINES);
    },
  );
}

/** Names as exchanges have them, and such as none should have. */
const ODD_KEYS = [
  ...["", "a", "ab", "abc", "abcd", "kraken:btc-usd-perpetual-2x", "bitfinex:ust-cnht", "ßeth-€ur"],
  ...["日本:円", "𝄞", "\u0000", "\ufeffbom", "x".repeat(10_000), "e\u0301:\u00e9", "ff:\uffff"],
];

async function recordedMarkets(): Promise<string[]> {
  const body = new TextDecoder().decode(
    await recording("cryptowatch/2022-02-28/markets_prices.json"),
  );
  const { result } = JSON.parse(body) as { result: Record<string, number> };
  return Object.keys(result).map((key) => key.replace(/^market:/, ""));
}

javaTest("a market's partition is the one that Java's producer chooses", async () => {
  const counts = [1, 6, 7, 1_000];
  const keys = [...ODD_KEYS, ...await recordedMarkets()];
  assert.ok(keys.length > 8_000);
  const found = await javaClient(["partitions", ...counts.map(String)], keys.map(hexOf));
  const expected = keys.map((key) => counts.map((count) => partitionOf(key, count)).join(" "));
  assert.deepEqual(found, expected);
}, recordedTest);

javaTest(
  "a market has one partition: of Java's samples, and of all that comes of them",
  async () => {
    await using log = await openLog();
    const config = parseConfig({ SOURCES: "simulated", FLUSH_INTERVAL: "1s" });
    const specs = topicSpecs("kafka", config.partitionCount);
    await log.create(specs);
    const markets = (await recordedMarkets()).filter((key) => /^[^:]+:[^:]+$/.test(key)).slice(
      0,
      500,
    );
    const samples = markets.map((market) => {
      const [exchange, instrument] = market.split(":") as [string, string];
      return encodeSample({ exchange, instrument, price: 1, timestampMs: Date.now() });
    });
    const landed = await javaClient(
      ["send", broker, TOPICS.samples, "compression.type=lz4"],
      markets.map((market, i) => `${hexOf(market)} ${samples[i]!.toHex()}`),
    );
    assert.deepEqual(landed.map(Number), markets.map((market) => partitionOf(market, 6)));

    const stop = new AbortController();
    const windows = new MemoryWindowStore();
    const shared = { log, windows, clock: systemClock, random: systemRandom };
    const aggregator = createAggregator({ ...shared, registry: new Registry() }, config);
    const running = aggregator.run(stop.signal);
    const found = new Map<string, number>();
    await waitUntil("the statistics of all markets", async () => {
      for (let partition = 0; partition < config.partitionCount; partition++) {
        const options = { byteCountMax: 10_000_000, waitMaxMs: 0 };
        const { records } = await log.fetch(TOPICS.statistics, partition, 0, options);
        for (const { key } of records) found.set(key!.split("@")[0]!, partition);
      }
      return found.size === markets.length;
    });
    stop.abort();
    await running;
    for (const [i, market] of markets.entries()) assert.equal(found.get(market), Number(landed[i]));
    const [notifications] = specs.filter(({ name }) => name === TOPICS.notifications);
    assert.equal(notifications!.partitionCount, config.partitionCount);
  },
);

for (const codec of ["none", "lz4", "zstd"]) {
  javaTest(`of Java's transactions by ${codec}, only what was committed is ever seen`, async () => {
    await using log = await openLog();
    const topic = await newTopic(log);
    const ids = ["a", "b", "c"].map((id) => `${topic}-${id}`);
    const [a, b, c] = ids;
    const args = [broker, topic, `compression.type=${codec}`, "batch.size=4000"];
    await javaClient(["transact", ...args], [
      ...[`${a} begin`, `${a} send first 1000`, `${a} commit`],
      // Two at once, in many batches each, one of which ends in nothing.
      ...[`${a} begin`, `${a} send aborted 1000`, `${a} flush`],
      ...[`${b} begin`, `${b} send second 1000`, `${b} flush`],
      ...[`${a} send aborted 1000`, `${a} flush`, `${a} abort`],
      ...[`${b} send third 1000`, `${b} commit`],
      ...[`${a} begin`, `${a} send fourth 10`, `${a} commit`],
      ...[`${b} begin`, `${b} send aborted 500`, `${b} flush`, `${b} abort`],
      // One dies in its transaction; what others commit after it must wait.
      ...[`${c} begin`, `${c} send aborted 1000`, `${c} flush`],
      ...[`${a} begin`, `${a} send fifth 1000`, `${a} commit`, "halt"],
    ]);
    const wordsOf = (word: string, count: number) =>
      Array.from({ length: count }, (_, i) => `${word} ${i}`);
    const visible = [
      ...wordsOf("first", 1_000),
      ...wordsOf("second", 1_000),
      ...wordsOf("third", 1_000),
      ...wordsOf("fourth", 10),
    ];
    for (const byteCountMax of [2_000, 1e7]) {
      const records = await readRecords(log, topic, visible.length, { byteCountMax });
      assert.deepEqual(records.map(textOf), visible);
      const offset = records.at(-1)!.offset + 1;
      const { endOffset } = (await log.describe(topic))![0]!;
      const open = await log.fetch(topic, 0, offset, { byteCountMax, waitMaxMs: 300 });
      // Behind the last record lie two marks and what was aborted between them.
      assert.deepEqual([open.records, open.nextOffset, open.endOffset], [[], endOffset, endOffset]);
    }
    await javaClient(["transact", ...args], [`${c} begin`, `${c} send last 1`, `${c} commit`]);
    const all = [...visible, ...wordsOf("fifth", 1_000), "last 0"];
    for (const byteCountMax of [2_000, 1e7]) {
      const records = await readRecords(log, topic, all.length, { byteCountMax });
      assert.deepEqual(records.map(textOf), all);
    }
  });
}
