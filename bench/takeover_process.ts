/**
 * The process that takes over in {@link ./takeover_bench.ts}: an aggregator with an empty disk on the
 * engine that its environment names, which says when it got how far, once every partition is counting and all windows are on disk.
 *
 * @module
 */
import process from "node:process";
import { Registry } from "prom-client";
import { systemClock as clock, systemRandom as random } from "../adapters/system_clock.ts";
import { createAggregator } from "../aggregator/aggregator.ts";
import { loadConfig } from "../config.ts";
import { openEngine } from "../process/engine.ts";
import type { TopicLog } from "../ports/topic_log.ts";
import type { WindowStore } from "../ports/window_store.ts";
import { TOPICS } from "../topology.ts";

/** The steps, in order: each is over when the last partition is through it. */
export const STEPS = [
  "program loaded",
  "disk and brokers opened",
  "group joined",
  "partitions claimed",
  "tail of statistics read",
  "counting",
  "windows on disk",
] as const;

/** What the process tells. */
export interface TakeoverReport {
  /** When each step was over, in ms since the epoch. */
  atMs: Record<typeof STEPS[number], number>;
  /** When the first partition was counting. */
  firstCountingAtMs: number;
  recordCount: number;
  megabytes: number;
  windowCount: number;
  cpuSeconds: number;
  peakMegabytes: number;
}

async function takeOver(): Promise<void> {
  const atMs = {} as TakeoverReport["atMs"];
  const pass = (step: typeof STEPS[number]) =>
    atMs[step] = performance.timeOrigin + performance.now();
  const report: TakeoverReport = {
    ...{ atMs, firstCountingAtMs: 0, recordCount: 0, megabytes: 0, windowCount: 0 },
    ...{ cpuSeconds: 0, peakMegabytes: 0 },
  };
  pass("program loaded");
  const config = loadConfig();
  await using engine = await openEngine(config);
  pass("disk and brokers opened");
  const counting = new Set<number>();
  const saved = new Set<number>();
  const stop = new AbortController();
  /** A partition is counting when its first samples are folded. */
  const onFolded = (partition: number) => {
    if (counting.size === 0) report.firstCountingAtMs = performance.timeOrigin + performance.now();
    if (counting.has(partition)) return;
    if (counting.add(partition).size === config.partitionCount) pass("counting");
  };
  /** A checkpoint begins once all that was read back is on disk. */
  const onSaved = (partition: number) => {
    if (saved.add(partition).size < config.partitionCount) return;
    pass("windows on disk");
    const { user, system } = process.cpuUsage();
    report.cpuSeconds = (user + system) / 1e6;
    report.peakMegabytes = peakMegabytes();
    stop.abort(new Error("this process only shows how soon it could commit"));
  };
  const log: TopicLog = {
    append: (records) => engine.log.append(records),
    join: (group, own, signal) =>
      engine.log.join(group, (partition, revoked) => {
        pass("group joined");
        return own(partition, revoked);
      }, signal),
    async claim(group, partition) {
      const claim = await engine.log.claim(group, partition);
      if (!counting.has(partition)) pass("partitions claimed");
      return {
        positions: claim.positions,
        release: () => claim.release(),
        commit() {
          const { signal } = stop;
          return new Promise((_, reject) => {
            const refuse = () => reject(signal.reason);
            if (signal.aborted) refuse();
            else signal.addEventListener("abort", refuse);
          });
        },
      };
    },
    async fetch(topic, partition, offset, options) {
      const batch = await engine.log.fetch(topic, partition, offset, options);
      if (topic === TOPICS.samples && options.byteCountMax > 1) {
        // They are folded before the event loop comes round again.
        setTimeout(() => onFolded(partition), 0);
      }
      if (topic !== TOPICS.statistics) return batch;
      pass("tail of statistics read");
      report.recordCount += batch.records.length;
      for (const { value } of batch.records) report.megabytes += value!.length / 2 ** 20;
      return batch;
    },
  };
  const windows: WindowStore = {
    async claim(partition) {
      const shelf = await engine.windows.claim(partition);
      let committedId: string | undefined;
      return {
        writeCountMax: shelf.writeCountMax,
        row: () => shelf.row(),
        read: (keys) => shelf.read(keys),
        scan: (startMs) => shelf.scan(startMs),
        async write(change) {
          committedId ??= change.row?.checkpointId;
          if (change.row && change.row.checkpointId !== committedId) onSaved(partition);
          await shelf.write(change);
          if (!saved.has(partition)) report.windowCount += change.put?.length ?? 0;
        },
      };
    },
  };
  const shared = { log, windows, clock, random, registry: new Registry() };
  await createAggregator(shared, config).run(stop.signal);
  Deno.stdout.writeSync(new TextEncoder().encode(JSON.stringify(report)));
}

/** Not the maximum that the system's usage tells: that is inherited from whoever started this process. */
function peakMegabytes(): number {
  const [, kilobytes] = /^VmHWM:\s+(\d+)/m.exec(Deno.readTextFileSync("/proc/self/status"))!;
  return Number(kilobytes) / 1024;
}

if (import.meta.main) await takeOver();
