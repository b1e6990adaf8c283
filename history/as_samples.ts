/**
 * History as if it were live: through `samples` and the aggregator, in the order of time, until every
 * window is closed and stored. For an empty deployment, and for tests.
 *
 * @module
 */
import { encodeSample } from "../adapters/codecs/sample_codec.ts";
import type { Clock } from "../ports/clock.ts";
import type { StatisticsQueries } from "../ports/statistics_store.ts";
import type { NewRecord, TopicAdmin, TopicLog } from "../ports/topic_log.ts";
import { marketOf, sampleTimeMs } from "../stats/sample.ts";
import { windowStartMs } from "../stats/window.ts";
import { GROUPS, partitionOf, TOPICS } from "../topology.ts";
import { mergedSamplesOf, type ReadingOptions } from "./reading.ts";

/** Records of one append. */
const RECORDS_PER_APPEND = 5_000;
/** How often what is not done yet is looked at, in ms. */
const LOOK_INTERVAL_MS = 200;
/** Rows looked through at a time. */
const PAGE = 5_000;

/** What {@link sendHistory} works with. */
export interface AsSamplesDeps {
  log: TopicLog & TopicAdmin;
  queries: Pick<StatisticsQueries, "statistics">;
  clock: Clock;
  signal: AbortSignal;
}

/** How it works. */
export interface AsSamplesConfig {
  partitionCount: number;
  windowSizeMs: number;
}

/** The times that were sent, `[fromMs, toMs)` by their windows' starts; `null` where nothing was. */
export interface Sent {
  sampleCount: number;
  fromMs: number;
  toMs: number;
}

/** Appends all samples of the files to `samples`, in the order of their times. */
export async function sendHistory(
  paths: readonly string[],
  reading: ReadingOptions,
  { log, signal }: AsSamplesDeps,
  { partitionCount, windowSizeMs }: AsSamplesConfig,
): Promise<Sent> {
  const sent: Sent = { sampleCount: 0, fromMs: Infinity, toMs: -Infinity };
  let records: NewRecord[] = [];
  for await (const sample of mergedSamplesOf(paths, reading)) {
    if (signal.aborted) break;
    const market = marketOf(sample);
    const partition = partitionOf(market, partitionCount);
    const startMs = windowStartMs(sampleTimeMs(sample), windowSizeMs);
    records.push({ topic: TOPICS.samples, partition, key: market, value: encodeSample(sample) });
    sent.sampleCount++;
    sent.fromMs = Math.min(sent.fromMs, startMs);
    sent.toMs = Math.max(sent.toMs, startMs + windowSizeMs);
    if (records.length < RECORDS_PER_APPEND) continue;
    await log.append(records);
    records = [];
  }
  if (records.length > 0) await log.append(records);
  return sent;
}

/** How far {@link storedAndClosed} has come. */
export interface Progress {
  /** Records between the aggregator, the writer and the ends of what they read. */
  lag: number;
  /** Whether windows are still open: they close when their grace is over. */
  open: boolean;
}

/** Resolves when everything sent is counted, closed and stored. */
export async function storedAndClosed(
  sent: Sent,
  { log, queries, clock, signal }: AsSamplesDeps,
  onProgress: (progress: Progress) => void,
): Promise<void> {
  let fromMs = sent.fromMs;
  while (!signal.aborted) {
    const lag = await lagOf(log);
    const openMs = lag > 0 ? fromMs : await firstOpenMs(queries, fromMs, sent.toMs);
    onProgress({ lag, open: openMs !== null });
    if (lag === 0 && openMs === null) return;
    fromMs = openMs ?? fromMs;
    await clock.sleep(LOOK_INTERVAL_MS, signal);
  }
}

async function lagOf(log: TopicAdmin): Promise<number> {
  let lag = 0;
  for (
    const [group, topic] of [
      [GROUPS.aggregator, TOPICS.samples],
      [GROUPS.writer, TOPICS.statistics],
    ] as const
  ) {
    const ranges = await log.describe(topic) ?? [];
    const positions = (await log.positions(group))[topic] ?? [];
    ranges.forEach(({ startOffset, endOffset }, partition) => {
      lag += Math.max(0, endOffset - (positions[partition] ?? startOffset));
    });
  }
  return lag;
}

/** The start of the first window not closed yet. */
async function firstOpenMs(
  queries: AsSamplesDeps["queries"],
  fromMs: number,
  toMs: number,
): Promise<number | null> {
  for (let after;;) {
    const rows = await queries.statistics({ fromMs, toMs, limit: PAGE, ...(after && { after }) });
    const open = rows.find((row) => row.state === "open");
    if (open !== undefined) return open.startMs;
    after = rows.at(-1);
    if (after === undefined || rows.length < PAGE) return null;
  }
}
