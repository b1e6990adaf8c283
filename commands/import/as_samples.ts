/**
 * The import through the pipeline: rows → `samples` → aggregator → writer, in this process, until
 * all windows that have ended are closed and stored.
 *
 * @module
 */
import { Registry } from "prom-client";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import { systemClock, systemRandom } from "../../adapters/system_clock.ts";
import { createAggregator } from "../../aggregator/aggregator.ts";
import type { Config } from "../../config.ts";
import type { Engine } from "../../process/engine.ts";
import type { Clock } from "../../ports/clock.ts";
import type { NewRecord } from "../../ports/topic_log.ts";
import { marketOf } from "../../stats/sample.ts";
import { windowStartMs } from "../../stats/window.ts";
import { GROUPS, partitionOf, TOPICS } from "../../topology.ts";
import { createWriter } from "../../writer/writer.ts";
import type { Output } from "../command.ts";
import { sampleOf } from "./folding.ts";
import { showProgress } from "./progress.ts";
import { readSorted } from "./reading.ts";
import type { Ended, Report } from "./report.ts";
import type { Row } from "./rows.ts";
import type { ImportInput } from "./windows.ts";

/** Records of one append: enough for the log to write in bulk. */
const RECORDS_PER_APPEND = 10_000;
/** How often is looked whether all is stored, in ms, and how many rows are looked over at once. */
const LOOK_INTERVAL_MS = 250;
const ROWS_PER_LOOK = 10_000;
/** Nobody waits for these statistics but the import: they are published as they come, in ms. */
const FLUSH_INTERVAL_MS = 1000;
/** The partitions of an empty deployment are had in a second; a process that just died keeps them for its session. */
const CLAIM_MAX_MS = 15_000;

/** Samples by what became of them. */
type Sums = Readonly<Record<string, number>>;

/** From the first sample to the last, in ms since the epoch. */
interface Span {
  fromMs: number;
  toMs: number;
  /** How many samples were sent. */
  rowCount: number;
}

/**
 * Appends all rows, in order of time over all files, and sees them counted and stored.
 *
 * @throws {Error} Where a file cannot be read, or a role cannot go on.
 */
export async function importAsSamples(
  input: ImportInput,
  config: Config,
  engine: Engine,
  report: Report,
  output: Output,
): Promise<Ended> {
  const startedMs = performance.now();
  using sorter = await readSorted(input, "time", report, output);
  // Windows close by the wall clock once nothing more comes for the grace: here that is known at once.
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const registry = new Registry();
  const stop = new AbortController();
  const shared = { log: engine.log, clock, random: systemRandom, registry };
  const counting = { ...config, flushIntervalMs: FLUSH_INTERVAL_MS };
  const roles = [
    createAggregator({ ...shared, windows: engine.windows }, counting),
    createWriter({ ...shared, sink: engine.store }),
  ];
  const working = Promise.all(roles.map((role) => role.run(stop.signal)));
  const run = async () => {
    const before = await claimed(registry, config);
    const span = await appendAll(sorter.sorted(), input.intervalMs, config, engine);
    aheadMs = config.graceMs;
    const counted = async () => difference(before, (await outcomes(registry)).sums);
    using progress = showProgress("Counting", report.rowCount, output);
    const windowCount = await stored(engine, config, span, async () => {
      const sums = await counted();
      progress.update(sums.counted ?? 0);
      return sums;
    });
    const { counted: countedCount = 0, duplicate = 0, lost: _, ...rejected } = await counted();
    const seconds = (performance.now() - startedMs) / 1000;
    return { countedCount, duplicateCount: duplicate, rejected, windowCount, seconds };
  };
  try {
    const failing = working.then(() => new Promise<never>(() => {}));
    return { ...await Promise.race([failing, run()]), unchangedCount: 0 };
  } finally {
    stop.abort();
    await working.catch(() => {});
  }
}

/** The samples dealt with so far, and in how many partitions, as the aggregator's metrics have them. */
async function outcomes(registry: Registry): Promise<{ sums: Sums; partitionCount: number }> {
  const sums: Record<string, number> = {};
  const partitions = new Set<unknown>();
  const metric = await registry.getSingleMetric("data_tracker_aggregator_samples")?.get();
  for (const { labels, value } of metric?.values ?? []) {
    const outcome = `${labels.outcome}`.replace("rejected_", "");
    partitions.add(labels.partition);
    sums[outcome] = (sums[outcome] ?? 0) + value;
  }
  return { sums, partitionCount: partitions.size };
}

function difference(before: Sums, after: Sums): Sums {
  const pairs = Object.entries(after).map(([name, sum]) => [name, sum - (before[name] ?? 0)]);
  return Object.fromEntries(pairs);
}

/** Waits until this process has all partitions. @throws {Error} Where others keep some. */
async function claimed(registry: Registry, config: Config): Promise<Sums> {
  const waitMaxMs = CLAIM_MAX_MS + (config.kafka?.sessionTimeoutMs ?? 0);
  for (let waitedMs = 0;; waitedMs += LOOK_INTERVAL_MS) {
    const { sums, partitionCount } = await outcomes(registry);
    if (partitionCount === config.partitionCount) return sums;
    if (waitedMs >= waitMaxMs) {
      throw new Error(
        `--as-samples: only ${partitionCount} of ${config.partitionCount} partitions could be had ` +
          `in ${waitMaxMs / 1000} s; stop the other processes that count samples, and repeat`,
      );
    }
    await systemClock.sleep(LOOK_INTERVAL_MS);
  }
}

/** Appends all rows. */
async function appendAll(
  rows: Iterable<Row>,
  intervalMs: number | null,
  { partitionCount }: Config,
  { log }: Engine,
): Promise<Span> {
  const span = { fromMs: Infinity, toMs: -Infinity, rowCount: 0 };
  let records: NewRecord[] = [];
  for (const row of rows) {
    const key = marketOf(row);
    const partition = partitionOf(key, partitionCount);
    const value = encodeSample(sampleOf(row, intervalMs));
    records.push({ topic: TOPICS.samples, partition, key, value });
    span.fromMs = Math.min(span.fromMs, row.timestampMs);
    span.toMs = row.timestampMs;
    span.rowCount++;
    if (records.length < RECORDS_PER_APPEND) continue;
    await log.append(records);
    records = [];
  }
  await log.append(records);
  return span;
}

/** Waits until all samples are counted and their windows stored and closed; how many windows there are. */
async function stored(
  engine: Engine,
  config: Config,
  span: Span,
  counted: () => Promise<Sums>,
): Promise<number> {
  for (;;) {
    const drained = await isDrained(engine);
    const sums = await counted();
    const { counted: countedCount = 0 } = sums;
    // The position moves a moment before the metrics know.
    const dealtCount = Object.values(sums).reduce((sum, count) => sum + count, 0);
    if (drained && dealtCount >= span.rowCount) {
      const { windowCount, openCount, sampleCount } = await lookOver(engine, config, span);
      if (openCount === 0 && sampleCount >= countedCount) return windowCount;
    }
    await systemClock.sleep(LOOK_INTERVAL_MS);
  }
}

/** Whether every sample in the log was dealt with in a checkpoint. */
async function isDrained({ log }: Engine): Promise<boolean> {
  const ranges = await log.describe(TOPICS.samples) ?? [];
  const positions = (await log.positions(GROUPS.aggregator))[TOPICS.samples] ?? [];
  return ranges.every(({ startOffset, endOffset }, partition) =>
    startOffset === endOffset || (positions[partition] ?? 0) >= endOffset
  );
}

/** Counts what the store has of the span; windows that have not ended yet may be open. */
async function lookOver(
  { store }: Engine,
  { windowSizeMs }: Config,
  { fromMs, toMs }: Span,
): Promise<{ windowCount: number; openCount: number; sampleCount: number }> {
  let [windowCount, openCount, sampleCount] = [0, 0, 0];
  const query = {
    fromMs: windowStartMs(fromMs, windowSizeMs),
    toMs: toMs + 1,
    limit: ROWS_PER_LOOK,
  };
  const nowMs = systemClock.nowMs();
  for (let page = await store.statistics(query); page.length > 0;) {
    for (const { state, endMs, count } of page) {
      windowCount++;
      sampleCount += count;
      if (state === "open" && endMs <= nowMs) openCount++;
    }
    page = page.length < ROWS_PER_LOOK
      ? []
      : await store.statistics({ ...query, after: page.at(-1)! });
  }
  return { windowCount, openCount, sampleCount };
}
