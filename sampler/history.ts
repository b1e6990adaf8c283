/**
 * Plays a simulated source's past through the pipeline, so that a fresh deployment has something to
 * show at once. Every sample is observed at its own tick: nothing is ahead of the log's time.
 *
 * In: a source whose past can be had. Out: topics `samples` and `polls`, in time order.
 *
 * @module
 */
import { encodePoll } from "../adapters/codecs/poll_codec.ts";
import type { MarketSource, Quote } from "../ports/market_source.ts";
import type { NewRecord, TopicLog } from "../ports/topic_log.ts";
import { TOPICS } from "../topology.ts";
import { Publisher } from "./publication.ts";
import { type Schedule, spacingMs, ticksBetween } from "./schedule.ts";

/** Records of one append: enough for the log to write in bulk, some MB in memory. */
const RECORDS_PER_APPEND = 2_400;

/** A source whose past can be had. */
export interface ReplayableSource extends MarketSource {
  /** All its markets as they were at `tickMs`. */
  quotesAt(tickMs: number): readonly Quote[];
}

/** Whether a source's past can be had. */
export function isReplayable(source: MarketSource): source is ReplayableSource {
  return "quotesAt" in source;
}

/** What to play. */
export interface HistoryConfig {
  partitionCount: number;
  schedule: Schedule;
  zeroPrices: "skip" | "keep";
  /** The ticks in `[fromMs, toMs)`, in ms since the epoch. */
  fromMs: number;
  toMs: number;
}

/**
 * Appends the source's ticks.
 *
 * @returns How many ticks and samples were appended.
 */
export async function playHistory(
  log: Pick<TopicLog, "append">,
  source: ReplayableSource,
  config: HistoryConfig,
  signal?: AbortSignal,
): Promise<{ tickCount: number; sampleCount: number }> {
  const publisher = new Publisher(config);
  let [tickCount, sampleCount] = [0, 0];
  let records: NewRecord[] = [];
  let appending: Promise<void> | undefined;
  // One append at a time keeps the order; the next is made meanwhile.
  const append = async () => {
    await appending;
    appending = log.append(records);
    appending.catch(() => {}); // awaited above or below
    records = [];
  };

  const ticks = [...ticksBetween(config.schedule, config.fromMs, config.toMs)];
  for (const [i, tickMs] of ticks.entries()) {
    if (signal?.aborted) break;
    const intervalMs = (ticks[i + 1] ?? tickMs + spacingMs(config.schedule, tickMs)) - tickMs;
    const quotes = source.quotesAt(tickMs);
    const made = publisher.recordsOf(quotes, { tickMs, intervalMs, observedMs: tickMs });
    const value = encodePoll({
      source: source.name,
      tickMs,
      outcome: "ok",
      reason: null,
      marketCount: made.records.length,
      entryCount: quotes.length,
      zeroPriceCount: made.zeroPriceCount,
      leftOutCount: made.repeatedCount,
      malformedCount: made.malformedCount,
      latencyMs: 0,
      budget: null,
    });
    for (const record of made.records) records.push(record);
    records.push({ topic: TOPICS.polls, partition: 0, key: source.name, value });
    tickCount++;
    sampleCount += made.records.length;
    if (records.length >= RECORDS_PER_APPEND) await append();
  }
  if (records.length > 0) await append();
  await appending;
  return { tickCount, sampleCount };
}
