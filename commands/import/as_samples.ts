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
import type { Engine } from "../../engine.ts";
import type { Clock } from "../../ports/clock.ts";
import type { NewRecord } from "../../ports/topic_log.ts";
import { marketOf } from "../../stats/sample.ts";
import { windowStartMs } from "../../stats/window.ts";
import { GROUPS, partitionOf, TOPICS } from "../../topology.ts";
import { createWriter } from "../../writer/writer.ts";
import type { Output } from "../command.ts";
import { sampleOf } from "./folding.ts";
import { readRows, type RowBatch } from "./input.ts";
import { showProgress } from "./progress.ts";
import type { Ended, Report } from "./report.ts";
import type { Row, RowLimits } from "./rows.ts";
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

/** From the first sample to the last, in ms since the epoch. */
interface Span {
  fromMs: number;
  toMs: number;
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
  // Windows close by the wall clock once nothing more comes for the grace: here that is known at once.
  let aheadMs = 0;
  const clock: Clock = { ...systemClock, nowMs: () => systemClock.nowMs() + aheadMs };
  const registry = new Registry();
  const stop = new AbortController();
  const shared = { log: engine.log, clock, random: systemRandom, registry };
  const roles = [
    createAggregator({ ...shared, windows: engine.windows }, {
      ...config,
      flushIntervalMs: FLUSH_INTERVAL_MS,
    }),
    createWriter({ ...shared, sink: engine.store }),
  ];
  const working = Promise.all(roles.map((role) => role.run(stop.signal)));
  const failing = working.then(() => new Promise<never>(() => {}));
  failing.catch(() => {}); // raced below
  try {
    const orFailure = <T>(work: Promise<T>) => Promise.race([failing, work]);
    const before = await orFailure(claimed(registry, config));
    const span = await orFailure(appendAll(input, config, engine, report, output));
    aheadMs = config.graceMs;
    const counted = async () => (await since(before, registry)).counted ?? 0;
    const windowCount = span === null
      ? 0
      : await orFailure(stored({ engine, config, span, counted }, report, output));
    const { duplicate = 0, counted: countedCount = 0, lost: _, ...rejected } = await since(
      before,
      registry,
    );
    return {
      countedCount,
      duplicateCount: duplicate,
      rejected: Object.fromEntries(
        Object.entries(rejected).map(([name, count]) => [name.replace("rejected_", ""), count]),
      ),
      windowCount,
      unchangedCount: 0,
      seconds: (performance.now() - startedMs) / 1000,
    };
  } finally {
    stop.abort();
    await working.catch(() => {});
  }
}

/** The samples dealt with in each partition so far, by outcome, as the aggregator's metrics have them. */
async function outcomes(registry: Registry): Promise<Map<string, Record<string, number>>> {
  const byPartition = new Map<string, Record<string, number>>();
  const metric = await registry.getSingleMetric("data_tracker_aggregator_samples")?.get();
  for (const { labels: { partition, outcome }, value } of metric?.values ?? []) {
    const counts = byPartition.get(`${partition}`) ?? {};
    byPartition.set(`${partition}`, { ...counts, [`${outcome}`]: value });
  }
  return byPartition;
}

/** By outcome, how much more there is than `before`. */
async function since(
  before: Map<string, Record<string, number>>,
  registry: Registry,
): Promise<Record<string, number>> {
  const more: Record<string, number> = {};
  for (const [partition, counts] of await outcomes(registry)) {
    for (const [outcome, count] of Object.entries(counts)) {
      more[outcome] = (more[outcome] ?? 0) + count - (before.get(partition)?.[outcome] ?? 0);
    }
  }
  return more;
}

/** Waits until this process has all partitions. @throws {Error} Where others keep some. */
async function claimed(registry: Registry, config: Config) {
  const waitMaxMs = CLAIM_MAX_MS + (config.kafka?.sessionTimeoutMs ?? 0);
  for (let waitedMs = 0;; waitedMs += LOOK_INTERVAL_MS) {
    const before = await outcomes(registry);
    if (before.size === config.partitionCount) return before;
    if (waitedMs >= waitMaxMs) {
      throw new Error(
        `--as-samples: only ${before.size} of ${config.partitionCount} partitions could be had in ` +
          `${waitMaxMs / 1000} s; stop the other processes that count samples, and repeat`,
      );
    }
    await systemClock.sleep(LOOK_INTERVAL_MS);
  }
}

/** Appends all rows; the time of the first and the last, `null` where there are none. */
async function appendAll(
  { paths, byteCount, limits, intervalMs }: ImportInput,
  { partitionCount }: Config,
  engine: Engine,
  report: Report,
  output: Output,
): Promise<Span | null> {
  using progress = showProgress("Sending", byteCount, output);
  let bytesRead = 0;
  const files = paths.map((path) =>
    new FileRows(path, limits, report, (count) => bytesRead += count)
  );
  const span = { fromMs: Infinity, toMs: -Infinity };
  let records: NewRecord[] = [];
  for await (const row of inOrderOfTime(files)) {
    const sample = sampleOf(row, intervalMs);
    const key = marketOf(row);
    const partition = partitionOf(key, partitionCount);
    records.push({ topic: TOPICS.samples, partition, key, value: encodeSample(sample) });
    span.fromMs = Math.min(span.fromMs, row.timestampMs);
    span.toMs = Math.max(span.toMs, row.timestampMs);
    if (records.length < RECORDS_PER_APPEND) continue;
    await engine.log.append(records);
    records = [];
    progress.update(bytesRead);
  }
  if (records.length > 0) await engine.log.append(records);
  return span.toMs === -Infinity ? null : span;
}

/** Waits until all samples are counted and their windows stored and closed; how many windows there are. */
async function stored(
  { engine, config, span, counted }: {
    engine: Engine;
    config: Config;
    span: Span;
    counted: () => Promise<number>;
  },
  report: Report,
  output: Output,
): Promise<number> {
  using progress = showProgress("Counting", report.rowCount, output);
  for (;;) {
    const isCounted = await isDrained(engine);
    progress.update(await counted());
    if (isCounted) {
      const { windowCount, openCount, sampleCount } = await lookOver(engine, config, span);
      if (openCount === 0 && sampleCount >= await counted()) return windowCount;
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

/** One file's rows, one after the other. */
class FileRows {
  row: Row | null = null;
  #rows: readonly Row[] = [];
  #next = 0;
  readonly #batches: AsyncGenerator<RowBatch>;

  constructor(
    private readonly path: string,
    limits: RowLimits,
    private readonly report: Report,
    onBytes: (count: number) => void,
  ) {
    this.#batches = readRows(path, limits, onBytes);
  }

  /** Whether the next row is at hand. */
  step(): boolean {
    this.row = this.#rows[this.#next++] ?? null;
    return this.row !== null;
  }

  /** Reads on; at the end `row` stays `null`. */
  async read(): Promise<void> {
    while (!this.step()) {
      const { done, value } = await this.#batches.next();
      if (done) return;
      this.report.note(this.path, value);
      this.#rows = value.rows;
      this.#next = 0;
    }
  }
}

/** Of the files' next rows always the earliest. */
async function* inOrderOfTime(files: FileRows[]): AsyncGenerator<Row> {
  await Promise.all(files.map((file) => file.read()));
  let open = files.filter((file) => file.row !== null);
  while (open.length > 0) {
    const earliest = open.reduce((a, b) => b.row!.timestampMs < a.row!.timestampMs ? b : a);
    yield earliest.row!;
    if (earliest.step()) continue;
    await earliest.read();
    if (earliest.row === null) open = open.filter((file) => file !== earliest);
  }
}
