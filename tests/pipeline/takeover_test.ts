import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { decodeCheckpoint } from "../../aggregator/checkpoint.ts";
import { createAggregator } from "../../aggregator/aggregator.ts";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import { countingRandom, ManualClock } from "../../adapters/memory/manual_clock.ts";
import { MemoryBroker } from "../../adapters/memory/topic_log.ts";
import { MemoryWindowStore } from "../../adapters/memory/window_store.ts";
import { REJECTED_VALUE_BYTES_MAX } from "../../roles/rejected.ts";
import { GROUPS, TOPICS, topicSpecs } from "../../topology.ts";
import { TIMELINE_CONFIG } from "./timeline.ts";

const START_MS = Date.UTC(2026, 0, 5, 10);
const HOUR_MS = 3_600_000;

function world() {
  const clock = new ManualClock(START_MS);
  const broker = new MemoryBroker(clock);
  for (const spec of topicSpecs("kafka", 1)) broker.create(spec);
  return { clock, broker };
}

function send(broker: MemoryBroker, timestampMs: number, price: number, instrument = "a"): void {
  const value = encodeSample({ exchange: "sim", instrument, price, timestampMs });
  broker.append([{ topic: TOPICS.samples, partition: 0, key: `sim:${instrument}`, value }]);
}

/** One owner with an empty disk, for ten seconds; its health and counters at the end. */
async function own({ clock, broker }: ReturnType<typeof world>) {
  const stop = new AbortController();
  const aggregator = createAggregator({
    log: broker.connect(),
    windows: new MemoryWindowStore(),
    clock,
    random: countingRandom(),
    registry: new Registry(),
  }, { ...TIMELINE_CONFIG, partitionCount: 1 });
  const running = aggregator.run(stop.signal);
  await clock.advanceTo(clock.nowMs() + 10_000);
  const { problems } = aggregator.health();
  stop.abort();
  await clock.advanceTo(clock.nowMs() + 1000);
  await running;
  const position = broker.positions(GROUPS.aggregator, 0)[TOPICS.samples];
  return { problems, counters: decodeCheckpoint(position!.metadata).counters };
}

Deno.test("a take-over with an empty disk passes over a record of statistics that is none", async () => {
  const all = world();
  for (let i = 0; i < 10; i++) send(all.broker, START_MS, i);
  await own(all);
  for (const value of ["{", '{"v":1}', ""]) {
    all.broker.append([{
      topic: TOPICS.statistics,
      partition: 0,
      key: "sim:a@0",
      value: new TextEncoder().encode(value),
    }]);
  }
  send(all.broker, START_MS, 11);
  await own(all);
  send(all.broker, START_MS, 12);
  const { problems, counters } = await own(all);
  deepStrictEqual(problems, []);
  strictEqual(counters.counted, 12);
});

Deno.test("a take-over finds a window although a record that is none came after it with its key", async () => {
  const all = world();
  for (let i = 0; i < 10; i++) send(all.broker, START_MS, i);
  await own(all);
  const { key } = all.broker.partition(TOPICS.statistics, 0).records.at(-1)!;
  const value = new TextEncoder().encode("{");
  all.broker.append([{ topic: TOPICS.statistics, partition: 0, key: key!, value }]);
  // Another market's record, so that what the next owner reads goes beyond it.
  send(all.broker, START_MS, 1, "b");
  await own(all);
  send(all.broker, START_MS, 11);
  await own(all);
  const last = all.broker.partition(TOPICS.statistics, 0).records.at(-1)!;
  strictEqual(last.key, key);
  strictEqual(JSON.parse(new TextDecoder().decode(last.value!)).count, 11);
});

Deno.test("where the group's positions were lost, nothing that statistics shows is counted again", async () => {
  const all = world();
  for (let i = 0; i < 20; i++) send(all.broker, START_MS + i, i);
  await own(all);
  const published = all.broker.partition(TOPICS.statistics, 0).records.length;
  all.broker.forgetPositions(GROUPS.aggregator, 0);
  for (let i = 0; i < 5; i++) send(all.broker, START_MS + 100 + i, i);
  const { counters } = await own(all);
  strictEqual(counters.counted, 5);
  const last = all.broker.partition(TOPICS.statistics, 0).records.at(-1)!;
  strictEqual(JSON.parse(new TextDecoder().decode(last.value!)).count, 25);
  ok(all.broker.partition(TOPICS.statistics, 0).records.length > published);
});

Deno.test("a year of one market in one go is checkpointed in bounded steps", async () => {
  const all = world();
  const hours = 24 * 365;
  for (let i = 0; i < hours; i++) send(all.broker, START_MS - (hours - i) * HOUR_MS, i);
  const { problems, counters } = await own(all);
  deepStrictEqual(problems, []);
  strictEqual(counters.counted, hours);
});

Deno.test("a rejected record of the greatest size is cut, and says so", async () => {
  const all = world();
  all.broker.append([{
    topic: TOPICS.samples,
    partition: 0,
    key: "sim:a",
    value: new Uint8Array(REJECTED_VALUE_BYTES_MAX + 1),
  }]);
  await own(all);
  const [record] = all.broker.partition(TOPICS.rejected, 0).records;
  strictEqual(record!.value!.length, REJECTED_VALUE_BYTES_MAX);
  strictEqual(record!.headers["origin-bytes"], `${REJECTED_VALUE_BYTES_MAX + 1}`);
});
