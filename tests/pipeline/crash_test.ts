import { deepStrictEqual, ok } from "node:assert";
import { Registry } from "prom-client";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import { MemoryBroker } from "../../adapters/memory/topic_log.ts";
import { MemoryWindowStore } from "../../adapters/memory/window_store.ts";
import { createAggregator } from "../../aggregator/aggregator.ts";
import type { StatisticsSink } from "../../ports/statistics_store.ts";
import { TOPICS, topicSpecs } from "../../topology.ts";
import { createWriter } from "../../writer/writer.ts";
import { SimulatedLog, SimulatedWindowStore } from "../simulation/ports.ts";
import { Dice, type Fault, type Process, World } from "../simulation/world.ts";

const CONFIG = {
  partitionCount: 1,
  windowSizeMs: 60_000,
  graceMs: 10_000,
  amendForMs: 60_000,
  maxSkewMs: 5_000,
  late: "amend" as const,
  flushIntervalMs: 15_000,
  cacheWindowCountMax: 4,
  skipLost: false,
};
const START_MS = 1_000_000_020_000;
const FAULTS: Fault[] = ["fail before", "fail after", "die before", "die after"];

/** One process with aggregator and writer, a fixed feed, and at most one fault at its n-th call. */
async function run(fault: Fault, at: number, isDiskLost: boolean) {
  const world = new World(new Dice(1));
  world.nowMs = START_MS;
  const broker = new MemoryBroker({ nowMs: () => world.nowMs, sleep: () => Promise.resolve() });
  for (const spec of topicSpecs("kafka", CONFIG.partitionCount)) broker.create(spec);
  const store = new MemoryStatisticsStore({ ...CONFIG, keepMs: null });
  let disk = new MemoryWindowStore(2);
  let process = start(disk);
  let callCount = 0;
  const revisions = new Map<string, number>();

  function start(disk: MemoryWindowStore): Process {
    const process: Process = { name: "one", state: "running", fault: "none", callCount: 0 };
    const deps = { clock: world.clockOf(process), random: world.dice, registry: new Registry() };
    const windows = new SimulatedWindowStore(world, process, disk, {});
    const sink: StatisticsSink = {
      async writeStatistics(records) {
        const changedCount = await world.call(process, () => store.writeStatistics(records));
        await checkRevisions();
        return changedCount;
      },
      storeId: () => world.call(process, () => store.storeId()),
      writePolls: (polls) => world.call(process, () => store.writePolls(polls)),
      writeNotifications: (found) => world.call(process, () => store.writeNotifications(found)),
    };
    for (
      const role of [
        createAggregator({
          ...deps,
          log: new SimulatedLog(world, broker, process, {}, [0]),
          windows,
        }, CONFIG),
        createWriter({ ...deps, log: new SimulatedLog(world, broker, process, {}, [0]), sink }),
      ]
    ) role.run(new AbortController().signal);
    return process;
  }

  async function checkRevisions(): Promise<void> {
    for (const row of await store.statistics({ fromMs: 0, toMs: Infinity, limit: 100 })) {
      const key = `${row.exchange}:${row.instrument}@${row.startMs}`;
      ok(row.revision >= (revisions.get(key) ?? 0), `${key} went backwards`);
      revisions.set(key, row.revision);
    }
  }

  async function drain(): Promise<void> {
    for (let i = 0; i < 500; i++) {
      if (process.callCount + 1 === at && process.fault === "none") process.fault = fault;
      if (process.state === "dead") {
        world.bury();
        callCount += process.callCount;
        at = -1;
        if (isDiskLost) disk = new MemoryWindowStore(2);
        process = start(disk);
        await world.pass(0);
      }
      if (!await world.turn()) return;
    }
  }

  await world.pass(0);
  for (let i = 0; i < 12; i++) {
    for (const [instrument, price] of [["a", 100 + i], ["b", 500 - i], ["c", i % 5]] as const) {
      const tickMs = START_MS + i * 10_000;
      const value = encodeSample({
        exchange: "sim",
        instrument,
        price,
        timestampMs: tickMs,
        // One market without ticks: only the position keeps it from being counted twice.
        ...(instrument === "c" ? {} : { tickMs, intervalMs: 10_000 }),
      });
      broker.append([{ topic: TOPICS.samples, partition: 0, key: `sim:${instrument}`, value }]);
    }
    await drain();
    await world.pass(10_000);
  }
  for (let i = 0; i < 8; i++) {
    await drain();
    await world.pass(10_000);
  }
  const rows = await store.statistics({ fromMs: 0, toMs: Infinity, limit: 100 });
  return { rows, callCount: callCount + process.callCount };
}

Deno.test("crash: whichever store or log call fails or is the process's last, the stored statistics are the same", async () => {
  const whole = await run("none", -1, false);
  ok(whole.rows.length === 6 && whole.rows.every((row) => row.state !== "open"));
  for (const fault of FAULTS) {
    for (const isDiskLost of fault.startsWith("die") ? [false, true] : [false]) {
      for (let n = 1; n <= whole.callCount; n++) {
        const { rows } = await run(fault, n, isDiskLost);
        deepStrictEqual(
          rows,
          whole.rows,
          `${fault} at call ${n}${isDiskLost ? ", disk lost" : ""}`,
        );
      }
    }
  }
});
