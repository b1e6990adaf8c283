/**
 * What the owner of the notifier's one partition does: it restores what the last one knew, reads what
 * has come since, and then sends what is due, until the partition is taken away.
 *
 * @module
 */
import type { Channel } from "../ports/channel.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { Claim, TopicLog } from "../ports/topic_log.ts";
import { TOPICS } from "../topology.ts";
import { isPending, takeOver } from "./group.ts";
import { ChannelGroups } from "./groups.ts";
import { Journal } from "./journal.ts";
import type { DigestPolicy } from "./policy.ts";
import { NotificationReader, type ReadingEvent } from "./reading.ts";
import { restore, type Restored } from "./restoring.ts";
import { ChannelSender, type SendingEvent } from "./sending.ts";
import { RETRY_AFTER_MAX_MS } from "./timing.ts";

/** How often all that still counts is written again, in ms: `deliveries` forgets what was not for 30 days. */
export const REFRESH_INTERVAL_MS = 5 * 24 * 3_600_000;

/** What an owner works with. */
export interface OwnerDeps {
  log: Pick<TopicLog, "fetch">;
  channels: readonly Channel[];
  clock: Clock;
  random: Random;
  observe(event: OwnerEvent): void;
  /** Told what sends, for the time in which it does. */
  watch(senders: readonly ChannelSender[]): void;
}

/** How an owner works. */
export interface OwnerConfig {
  /** Of `notifications`. */
  partitionCount: number;
  /** One for each channel, by its name. */
  policies: readonly DigestPolicy[];
}

/** What happened, for metrics and logs. */
export type OwnerEvent =
  | ReadingEvent
  | SendingEvent
  | {
    kind: "restored";
    channels: string[];
    groupCount: number;
    recordCount: number;
    durationMs: number;
  }
  | { kind: "dropped"; channel: string; groupCount: number; pendingCount: number }
  | { kind: "passed over"; topic: string; offset: number; reason: string }
  | { kind: "left" };

/** Owns the claimed partition until `signal` aborts; rejects on any doubt, for the caller to claim again. */
export async function ownNotifier(
  claim: Claim,
  signal: AbortSignal,
  progress: () => void,
  config: OwnerConfig,
  deps: OwnerDeps,
): Promise<void> {
  const { clock, observe } = deps;
  const startedMs = clock.nowMs();
  const restored = await restore(claim, signal, {
    log: deps.log,
    passedOver: ({ offset }, reason) =>
      observe({ kind: "passed over", topic: TOPICS.deliveries, offset, reason }),
  });
  if (restored === null) return;
  const { positions, through } = restored;
  const length = Math.max(config.partitionCount, positions.length);
  const offsets = Array.from({ length }, (_, partition) => positions[partition] ?? 0);
  const journal = new Journal(claim, offsets, through);
  for (const group of restored.groups) takeOver(group, startedMs, RETRY_AFTER_MAX_MS);
  const groups = groupsOf(restored, journal, config, observe);
  if (startedMs - (restored.oldestMs ?? startedMs) > REFRESH_INTERVAL_MS) touchAll(journal, groups);
  const senders = deps.channels.map((channel) =>
    new ChannelSender(channel, groups.get(channel.name)!, { ...deps, journal })
  );
  const readers = Array.from(
    { length: config.partitionCount },
    (_, partition) =>
      new NotificationReader(partition, { ...deps, journal, channels: senders, progress }),
  );
  await Promise.all(readers.map((reader) => reader.catchUp(signal)));
  if (signal.aborted) return;
  await journal.commit();
  const groupCount = [...groups.values()].reduce((sum, { size }) => sum + size, 0);
  const channels = deps.channels.map(({ name }) => name);
  const durationMs = clock.nowMs() - startedMs;
  observe({
    kind: "restored",
    channels,
    groupCount,
    recordCount: restored.recordCount,
    durationMs,
  });
  progress();
  deps.watch(senders);
  await together(signal, (either, failed) => [
    journal.keep(clock, either),
    refresh(journal, groups, clock, either),
    ...readers.map((reader) => reader.follow(either)),
    ...senders.map((sender) => sender.run(either, failed)),
  ]);
  // What came last, and what became of what was under way.
  await journal.commit();
}

/** The groups of the channels that there are; those of others are forgotten. */
function groupsOf(
  restored: Restored,
  journal: Journal,
  { policies }: OwnerConfig,
  observe: OwnerDeps["observe"],
): Map<string, ChannelGroups> {
  const groups = new Map(policies.map((policy) => [policy.name, new ChannelGroups(policy)]));
  const dropped = new Map<string, { groupCount: number; pendingCount: number }>();
  for (const group of restored.groups) {
    const { channel } = group;
    const ofChannel = groups.get(channel);
    if (ofChannel !== undefined) ofChannel.add(group);
    else {
      journal.forget(group);
      const counts = dropped.getOrInsertComputed(
        channel,
        () => ({ groupCount: 0, pendingCount: 0 }),
      );
      counts.groupCount++;
      if (isPending(group)) counts.pendingCount++;
    }
  }
  for (const [channel, counts] of dropped) observe({ kind: "dropped", channel, ...counts });
  return groups;
}

/** Writes all that still counts again, before retention takes it. */
async function refresh(
  journal: Journal,
  groups: ReadonlyMap<string, ChannelGroups>,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    await clock.sleep(REFRESH_INTERVAL_MS, signal);
    if (signal.aborted) return;
    touchAll(journal, groups);
    await journal.commit();
  }
}

function touchAll(journal: Journal, groups: ReadonlyMap<string, ChannelGroups>): void {
  for (const ofChannel of groups.values()) {
    for (const group of ofChannel.all()) journal.touch(group);
  }
  journal.touchPositions();
}

/** Runs tasks until all have ended; when one fails, the others are stopped, and awaited, before it rejects. */
async function together(
  signal: AbortSignal,
  start: (either: AbortSignal, failed: AbortSignal) => Promise<void>[],
): Promise<void> {
  const failed = new AbortController();
  const tasks = start(AbortSignal.any([signal, failed.signal]), failed.signal);
  try {
    await Promise.all(tasks);
  } finally {
    failed.abort();
    await Promise.allSettled(tasks);
  }
}
