/**
 * What a new owner of the monitor does before its first record (protocol rules 3 to 7): from the
 * committed checkpoint to the partition's state, off the disk where that is exactly the checkpoint's,
 * else out of the topics: the notifications published, the hours' statistics, the last samples and polls.
 *
 * @module
 */
import { decodeNotification } from "../adapters/codecs/notification_codec.ts";
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import type { Clock } from "../ports/clock.ts";
import type { PartitionState } from "../ports/partition_state.ts";
import type { Claim, LogRecord, TopicLog } from "../ports/topic_log.ts";
import { readCommit } from "../roles/commit_metadata.ts";
import { checkPlace, type Fingerprint } from "../roles/position_check.ts";
import { deleteAll, isOfCheckpoint, putAll } from "../roles/saved_state.ts";
import { isThinned, topicTail } from "../roles/topic_tail.ts";
import type { Notification } from "../stats/notification.ts";
import { TOPICS } from "../topology.ts";
import {
  decodeMonitorCheckpoint,
  decodePlaces,
  encodePlaces,
  type MonitorCheckpoint,
  type MonitorPlaces,
  startMsOf,
  takePlace,
} from "./checkpoint.ts";
import { type LookAhead, MonitorPartition, type WatchConfig } from "./partition.ts";
import { longestSilenceMs } from "./rules.ts";
import { SampleMarks } from "./sample_marks.ts";
import { type Watched, watchedKeyOf } from "./watched.ts";

/** How an owner works. */
export interface MonitorOwnerConfig extends WatchConfig {
  partition: number;
  partitionCount: number;
  flushIntervalMs: number;
  /** How far ahead of the samples statistics are read where many wait, in ms of the log's time: so long a window may be published again. */
  aheadMs: number;
}

/** What happened, for metrics and logs. */
export type MonitorEvent =
  | { kind: "claimed"; durationMs: number; restored: boolean }
  | { kind: "read"; lags: Readonly<Record<string, number>> }
  | { kind: "skipped"; topic: string; count: number }
  | { kind: "checkpointed"; durationMs: number };

/** Is told what happened: after every round, checkpoint and claim. */
export type Observe = (partition: number, state: MonitorPartition, event: MonitorEvent) => void;

/** What is known at a claim. */
export interface OpenedPartition {
  state: MonitorPartition;
  places: MonitorPlaces;
  /** Per topic, where to go on. */
  offsets: Map<string, number>;
  fingerprints: Record<string, Fingerprint>;
  notificationsThrough: number;
  /** Whether nothing of the disk could be used. */
  restored: boolean;
  /** Whether nobody has watched this partition before. */
  isFirst: boolean;
}

/** What an operator is told of a log that is another than the one read. */
export const WORDS = {
  done: "watched",
  startOver: "To start over, delete the group's offsets",
};

/** So far the log's clock may be ahead of this process's, in ms. */
const CLOCK_SLACK_MS = 10_000;

/** What is read in this order where records came in the same millisecond: a price is held against what was there. */
const TOPICS_READ = [TOPICS.statistics, TOPICS.polls, TOPICS.samples];

/** Where a new owner finds its partition. */
export interface MonitorClaimingDeps {
  log: Pick<TopicLog, "fetch">;
  clock: Clock;
  signal: AbortSignal;
  lookAhead: LookAhead;
  observe: Observe;
}

/** Makes the partition's state as of the committed checkpoint. */
export async function openMonitorPartition(
  claim: Claim,
  shelf: PartitionState<Watched, string>,
  config: MonitorOwnerConfig,
  deps: MonitorClaimingDeps,
): Promise<OpenedPartition> {
  const position = claim.positions[TOPICS.samples];
  const committed = position === undefined
    ? null
    : readCommit(decodeMonitorCheckpoint, position.metadata, config, WORDS);
  const state = new MonitorPartition(config, deps.lookAhead);
  if (committed !== null) state.counters = structuredClone(committed.counters);
  const silenceMaxMs = longestSilenceMs(config.rules, "marketSilent");
  const opened: OpenedPartition = {
    state,
    places: {
      statistics: new Map(),
      notifications: new Map(),
      samples: new SampleMarks(silenceMaxMs),
      thinnedMs: committed?.thinnedMs ?? 0,
    },
    offsets: await positionsOf(claim, committed, state, config, deps),
    fingerprints: { ...committed?.fingerprints },
    notificationsThrough: committed?.notificationsThrough ?? -1,
    restored: false,
    isFirst: committed === null,
  };
  state.liveFromMs = committed?.liveFromMs ?? deps.clock.nowMs();
  const row = await shelf.row();
  const watched: Watched[] = [];
  if (isOfCheckpoint(row, committed)) {
    opened.places = decodePlaces(row!.state, silenceMaxMs);
    for await (const page of shelf.scan()) watched.push(...page);
    takeAll(state, watched);
  } else {
    opened.restored = true;
    await restore(opened, shelf, committed, config, deps);
  }
  state.logMs = committed?.logMs ?? 0;
  state.endUnknownRules();
  return opened;
}

/** Where to go on, per topic, each place looked at in the log. */
async function positionsOf(
  claim: Claim,
  committed: MonitorCheckpoint | null,
  state: MonitorPartition,
  { partition }: MonitorOwnerConfig,
  deps: MonitorClaimingDeps,
): Promise<Map<string, number>> {
  const offsets = new Map<string, number>();
  for (const topic of TOPICS_READ) {
    // It has one partition.
    if (topic === TOPICS.polls && partition > 0) continue;
    const position = claim.positions[topic];
    if (position === undefined || committed === null) {
      offsets.set(topic, 0);
      continue;
    }
    // What is compacted may have lost the very record before the position.
    const fingerprint = topic === TOPICS.statistics ? null : committed.fingerprints[topic] ?? null;
    const place = { topic, partition, offset: position.offset, fingerprint };
    // A price that was deleted by its age can alarm nobody any more.
    const offset = await checkPlace(place, WORDS, { ...deps, skipLost: true });
    offsets.set(topic, offset);
    const count = offset - position.offset;
    if (count === 0) continue;
    if (topic === TOPICS.samples) state.passLost(count);
    deps.observe(partition, state, { kind: "skipped", topic, count });
  }
  return offsets;
}

/** In the order in which they were heard of last: so silences are looked for. */
function takeAll(state: MonitorPartition, watched: Watched[]): void {
  watched.sort((a, b) => (a.heardMs ?? 0) - (b.heardMs ?? 0));
  for (const one of watched) state.take(one);
}

/** Reads the state back from the topics, and writes it to the disk, its row last. */
async function restore(
  { state, places, offsets }: OpenedPartition,
  shelf: PartitionState<Watched, string>,
  committed: MonitorCheckpoint | null,
  { partition }: MonitorOwnerConfig,
  deps: MonitorClaimingDeps,
): Promise<void> {
  const row = { checkpointId: committed?.checkpointId ?? "" };
  await shelf.write({ row: { ...row, torn: true, state: "" } });
  for await (const page of shelf.scan()) await deleteAll(shelf, page.map(watchedKeyOf));
  if (committed === null) return;

  const { restoreFrom, notificationsThrough } = committed;
  const read = async (topic: string, from: number, through: number, fold: Fold) => {
    // What was deleted by its age is needed no more.
    const range = { topic, partition, from, through };
    for await (const records of topicTail(range, { ...deps, skipLost: true })) {
      for (const record of records) fold(record);
    }
  };
  const rebuilt = new MonitorPartition({ ...state.config, rules: [] });
  // First, because which hours have alarmed says what the statistics are good for.
  await read(TOPICS.notifications, restoreFrom.notifications, notificationsThrough, (record) => {
    const alarm = readNotification(record);
    if (alarm === null) return;
    rebuilt.restoreAlarm(alarm, record);
    takePlace(places.notifications, alarm.windowStartMs, record.offset);
  });
  const statisticsThrough = offsets.get(TOPICS.statistics)! - 1;
  const last = committed.fingerprints[TOPICS.statistics]?.offset ?? -1;
  // The first is a record that is needed, or nothing is.
  let before = { offset: restoreFrom.statistics - 1, appendMs: NaN };
  let isSomeGone = false;
  await read(TOPICS.statistics, restoreFrom.statistics, statisticsThrough, (record) => {
    isSomeGone ||= isThinned(before, record);
    before = record;
    rebuilt.restoreStatistics(record);
    takePlace(places.statistics, startMsOf(record), record.offset);
  });
  // What took their place had come by now.
  if (isSomeGone || before.offset < last) places.thinnedMs = deps.clock.nowMs() + CLOCK_SLACK_MS;
  // Only with rules on silence does it matter when exactly each market was heard of.
  if (longestSilenceMs(state.config.rules, "marketSilent") > 0) {
    const through = offsets.get(TOPICS.samples)! - 1;
    await read(TOPICS.samples, restoreFrom.samples, through, (record) => {
      rebuilt.restoreSample(record);
      places.samples.note(record.offset, record.appendMs);
    });
  }
  if (offsets.has(TOPICS.polls)) {
    const through = offsets.get(TOPICS.polls)! - 1;
    await read(TOPICS.polls, restoreFrom.polls, through, (record) => rebuilt.restorePoll(record));
  }
  if (deps.signal.aborted) return;
  const watched = [...rebuilt.watched()];
  takeAll(state, watched);
  const whole = { ...row, torn: false, state: encodePlaces(places) };
  await putAll(shelf, watched, { ...whole, torn: true }, whole);
}

type Fold = (record: LogRecord) => void;

function readNotification(record: LogRecord): Notification | null {
  try {
    return decodeNotification(record.value);
  } catch (error) {
    if (error instanceof NewerSchemaError || !(error instanceof TypeError)) throw error;
    return null;
  }
}
