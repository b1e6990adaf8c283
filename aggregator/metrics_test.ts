import { deepStrictEqual, match } from "node:assert";
import { Registry } from "prom-client";
import { encodeSample } from "../adapters/codecs/sample_codec.ts";
import { countingRandom, ManualClock } from "../adapters/memory/manual_clock.ts";
import { MemoryBroker } from "../adapters/memory/topic_log.ts";
import { MemoryWindowStore } from "../adapters/memory/window_store.ts";
import { TOPICS, topicSpecs } from "../topology.ts";
import { createAggregator } from "./aggregator.ts";

const CONFIG = {
  partitionCount: 2,
  windowSizeMs: 3_600_000,
  graceMs: 300_000,
  amendForMs: 0,
  maxSkewMs: 60_000,
  late: "amend",
  flushIntervalMs: 1_000,
  cacheWindowCountMax: 1_000,
  skipLost: false,
} as const;

/** The partitions that a process has figures of. */
async function partitionsIn(registry: Registry): Promise<string[]> {
  const text = await registry.metrics();
  return [...new Set(text.matchAll(/partition="(\d+)"/g).map(([_, number]) => number!))].sort();
}

Deno.test("each process shows lag and windows of the partitions it counts, and of no others", async () => {
  const clock = new ManualClock(Date.UTC(2026, 0, 5));
  const broker = new MemoryBroker(clock);
  for (const spec of topicSpecs("kafka", CONFIG.partitionCount)) broker.create(spec);
  const start = () => {
    const [registry, stop] = [new Registry(), new AbortController()];
    const windows = new MemoryWindowStore();
    const deps = { log: broker.connect(), windows, clock, random: countingRandom(), registry };
    return { registry, stop, running: createAggregator(deps, CONFIG).run(stop.signal) };
  };
  const bad = { key: "a:b", value: new Uint8Array(1) };
  const timestampMs = clock.nowMs();
  const value = encodeSample({ exchange: "a", instrument: "b", price: 1, timestampMs });
  await broker.connect().append([0, 1].flatMap((partition) => [
    { topic: TOPICS.samples, partition, ...bad },
    { topic: TOPICS.samples, partition, key: "a:b", value },
  ]));
  const first = start();
  await clock.advanceTo(timestampMs + 5_000);
  deepStrictEqual(await partitionsIn(first.registry), ["0", "1"]);
  const text = await first.registry.metrics();
  match(text, /data_tracker_aggregator_lag_records{partition="1"} 0\n/);
  match(text, /data_tracker_aggregator_samples{partition="1",outcome="rejected_\w+"} 1\n/);

  const second = start();
  await clock.advanceTo(timestampMs + 60_000);
  const shown = [await partitionsIn(first.registry), await partitionsIn(second.registry)];
  deepStrictEqual(shown.flat().sort(), ["0", "1"], "each partition at one of them");
  for (const { stop } of [first, second]) stop.abort();
  await clock.advanceTo(timestampMs + 120_000);
  await Promise.all([first.running, second.running]);
  deepStrictEqual(await partitionsIn(first.registry), []);
});
