/**
 * The flow as data: topics, keys, partitions and groups. Nothing here does anything.
 *
 * @module
 */
import type { Group, TopicSpec } from "./ports/topic_log.ts";
import { murmur2 } from "./stats/murmur2.ts";

/** The topics, by what they carry. */
export const TOPICS = {
  /** One market's observation. Key: the market. */
  samples: "samples",
  /** One window's statistics, open or closed. Key: {@link windowKeyOf}. */
  statistics: "statistics",
  /** One crossing of a rule. Key: the market, or the source. */
  notifications: "notifications",
  /** One tick of one source. Key: the source. */
  polls: "polls",
  /** What the notifier has sent, and what of each group it still has to. Keys: `sent/…` and `group/…`. */
  deliveries: "deliveries",
  /** A record that could not be counted, as it came; reason and origin in its headers. */
  rejected: "rejected",
} as const;

/** The consumer groups, by role. */
export const GROUPS = {
  aggregator: { id: "aggregator", topics: [TOPICS.samples] },
  writer: { id: "writer", topics: [TOPICS.statistics, TOPICS.polls, TOPICS.notifications] },
  monitor: { id: "monitor", topics: [TOPICS.samples, TOPICS.statistics, TOPICS.polls] },
  /** One partition: a digest may gather markets of them all, so one notifier works and others stand by. */
  notifier: { id: "notifier", topics: [TOPICS.deliveries] },
} as const satisfies Record<string, Group>;

/** The samplers that share these sources, by partition numbers of `samples`; they read nothing. Those with other sources are another group, so that every source is polled. */
export function samplersOf(sources: readonly string[]): Group {
  const id = `sampler.${[...sources].sort().join(".")}`;
  return { id, topics: [TOPICS.samples], isByProxy: true };
}

/** Headers of a record in `rejected`. */
export const REJECTED_HEADERS = {
  /** Why, as a word: counted per word. */
  reason: "reason",
  /** Why, in words. */
  detail: "detail",
  topic: "origin-topic",
  partition: "origin-partition",
  offset: "origin-offset",
  /** The value's length, where only its beginning was kept. */
  byteCount: "origin-bytes",
} as const;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** What the topics must be, on the engine named. */
export function topicSpecs(engine: "embedded" | "kafka", partitionCount: number): TopicSpec[] {
  const embedded = engine === "embedded";
  return [
    {
      name: TOPICS.samples,
      partitionCount,
      retentionMs: embedded ? 2 * HOUR_MS : 7 * DAY_MS,
      compacted: false,
    },
    // Embedded, the store has everything older; the log need only outlast the windows that a take-over restores.
    {
      name: TOPICS.statistics,
      partitionCount,
      retentionMs: embedded ? DAY_MS : 30 * DAY_MS,
      compacted: true,
    },
    { name: TOPICS.notifications, partitionCount, retentionMs: 30 * DAY_MS, compacted: false },
    { name: TOPICS.polls, partitionCount: 1, retentionMs: 30 * DAY_MS, compacted: false },
    { name: TOPICS.deliveries, partitionCount: 1, retentionMs: 30 * DAY_MS, compacted: true },
    { name: TOPICS.rejected, partitionCount, retentionMs: 30 * DAY_MS, compacted: false },
  ];
}

/** The partition of a market, in every topic: murmur2 of its name, as Kafka's Java client has it. */
export function partitionOf(market: string, partitionCount: number): number {
  return (murmur2(market) & 0x7fffffff) % partitionCount;
}

/** The key of a window's records: `exchange:instrument@windowStart`, the start in ms since the epoch. */
export function windowKeyOf(market: string, startMs: number): string {
  return `${market}@${startMs}`;
}
