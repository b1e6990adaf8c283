/**
 * What the race counts: samples as the sampler writes them, and what must come of them.
 *
 * @module
 */
import type { KafkaTopicLog } from "../adapters/kafka/topic_log.ts";
import { Publisher } from "../sampler/publication.ts";
import { windowStartMs } from "../stats/window.ts";
import { TOPICS, windowKeyOf } from "../topology.ts";

/** Of all topics. */
export const PARTITION_COUNT = 6;
/** As both count. */
export const WINDOW_MS = 3_600_000;
const TICK_MS = 60_000;
/** A source's poll has as many markets at most: larger polls are several sources'. */
const POLL_MARKETS_MAX = 10_000;

/** A job for both. */
export interface Scenario {
  marketCount: number;
  /** Of each market, one a minute. */
  tickCount: number;
}

/** One window as it must come out. */
export interface ExpectedWindow {
  count: number;
  min: number;
  max: number;
  /** Right but for its last digits, as is `m2`: the prices are of eight digits and one size. */
  mean: number;
  /** The sum of squared deviations. */
  m2: number;
}

/** All of a scenario, by key. */
export type ExpectedWindows = ReadonlyMap<string, ExpectedWindow>;

/**
 * The scenario's samples, poll by poll, and the windows that they make, by key, once all are through.
 *
 * They begin with an hour and end one to two hours ago: recent, as a backlog is.
 */
export function* pollsOf(
  { marketCount, tickCount }: Scenario,
  expected: Map<string, ExpectedWindow>,
) {
  const hourMs = windowStartMs(Date.now(), WINDOW_MS);
  const firstMs = hourMs - (Math.ceil(tickCount * TICK_MS / WINDOW_MS) + 1) * WINDOW_MS;
  const publisher = new Publisher({ partitionCount: PARTITION_COUNT, zeroPrices: "skip" });
  for (let tick = 0; tick < tickCount; tick++) {
    const tickMs = firstMs + tick * TICK_MS;
    const startMs = windowStartMs(tickMs, WINDOW_MS);
    for (let first = 0; first < marketCount; first += POLL_MARKETS_MAX) {
      const count = Math.min(POLL_MARKETS_MAX, marketCount - first);
      const quotes = Array.from({ length: count }, (_, i) => quoteOf(first + i, tick));
      for (const { exchange, instrument, price } of quotes) {
        const key = windowKeyOf(`${exchange}:${instrument}`, startMs);
        const none = () => ({ count: 0, min: Infinity, max: -Infinity, mean: 0, m2: 0 });
        const window = expected.getOrInsertComputed(key, none);
        window.count++;
        window.min = Math.min(window.min, price);
        window.max = Math.max(window.max, price);
        const delta = price - window.mean;
        window.mean += delta / window.count;
        window.m2 += delta * (price - window.mean);
      }
      const times = { tickMs, intervalMs: TICK_MS, observedMs: tickMs + 300 };
      yield publisher.recordsOf(quotes, times).records;
    }
  }
}

function quoteOf(market: number, tick: number) {
  const [exchange, base, quote] = [
    `exchange-${market % 30}`,
    `asset${Math.floor(market / 30)}`,
    "usdt",
  ];
  const price = Number((100 + ((market * 31 + tick) * 7919 % 100_003) / 777).toPrecision(8));
  return { exchange, instrument: `${base}${quote}`, base, quote, price };
}

/** Appends the scenario's samples to an empty topic; the windows that they make, by key. */
export async function fill(
  log: KafkaTopicLog,
  scenario: Scenario,
  progress: (sampleCount: number) => void,
): Promise<ExpectedWindows> {
  await log.create([
    {
      name: TOPICS.samples,
      partitionCount: PARTITION_COUNT,
      retentionMs: 7 * 24 * WINDOW_MS,
      compacted: false,
    },
  ]);
  const expected = new Map<string, ExpectedWindow>();
  let done = 0;
  for (const records of pollsOf(scenario, expected)) {
    await log.append(records);
    progress(done += records.length);
  }
  return expected;
}
