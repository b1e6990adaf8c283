/**
 * One partition of `notifications` into the groups.
 *
 * In: `notifications`. Out: changed groups and the position, through the journal; `rejected` for what
 * is no record of ours. Safe to run twice: groups and position are written together.
 *
 * @module
 */
import { decodeNotification } from "../adapters/codecs/notification_codec.ts";
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import type { Clock } from "../ports/clock.ts";
import {
  type FetchedBatch,
  type LogRecord,
  OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";
import { recreated, StopPartitionError } from "../roles/partition_task.ts";
import { setAside } from "../roles/rejected.ts";
import type { Notification } from "../stats/notification.ts";
import { TOPICS } from "../topology.ts";
import type { Taken } from "./group.ts";
import type { ChannelGroups } from "./groups.ts";
import type { Journal } from "./journal.ts";

/** One fetch, in bytes: some 2,000 notifications. */
const FETCH_BYTES = 1024 * 1024;
/** How long a fetch waits for a record, in ms. */
const FETCH_WAIT_MS = 5_000;

/** Longer ones are only counted: a digest of a hundred names must fit into one record of the log, four times. */
export const NAMED_BYTES_MAX = 1_536;
/** Longer than any that is made of ids and numbers: it is set aside. */
export const NOTIFICATION_BYTES_MAX = 16 * 1024;

/** What began and was over so long ago, when it is met first, is told no more, in ms: after a notifier was away for days, nobody wants to hear of last week. */
export const STALE_MS = 24 * 3_600_000;

/** What happened, for metrics and logs. */
export type ReadingEvent =
  | { kind: "read"; partition: number; lag: number; counts: Readonly<Record<string, number>> }
  | { kind: "rejected"; partition: number; count: number; reason: string }
  | { kind: "skipped"; partition: number; offset: number; startOffset: number };

/** What notifications are read with. */
export interface ReadingDeps {
  log: Pick<TopicLog, "fetch">;
  clock: Clock;
  journal: Journal;
  channels: readonly { groups: ChannelGroups; changed(): void }[];
  /** Something worked. */
  progress(): void;
  observe(event: ReadingEvent): void;
}

/** One partition's reader. */
export class NotificationReader {
  constructor(private readonly partition: number, private readonly deps: ReadingDeps) {}

  /** Reads what is there already, so that a digest after a restart has all of it. */
  async catchUp(signal: AbortSignal): Promise<void> {
    let isBehind = true;
    while (isBehind && !signal.aborted) {
      const batch = await this.#fetch(0, signal);
      isBehind = batch === null || batch.nextOffset < batch.endOffset;
      if (batch !== null) this.#take(batch);
      // A long way back is written down in steps.
      if (isBehind) await this.deps.journal.commit();
    }
  }

  /** Reads what comes, until `signal` aborts. */
  async follow(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const batch = await this.#fetch(FETCH_WAIT_MS, signal);
      if (batch === null) continue;
      this.deps.progress();
      this.#take(batch);
      if (this.deps.journal.isFull) await this.deps.journal.commit();
    }
  }

  async #fetch(waitMaxMs: number, signal: AbortSignal): Promise<FetchedBatch | null> {
    const { deps, partition } = this;
    const offset = deps.journal.positions[partition]!;
    const options = { byteCountMax: FETCH_BYTES, waitMaxMs, signal };
    try {
      return await deps.log.fetch(TOPICS.notifications, partition, offset, options);
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
      if (offset > error.endOffset) {
        throw recreated(error, "To start over, delete topic deliveries and start this again");
      }
      const { startOffset } = error;
      if (offset > 0) deps.observe({ kind: "skipped", partition, offset, startOffset });
      deps.journal.moveTo(partition, startOffset);
      return null;
    }
  }

  /** In one go, with nothing awaited: a commit has all of a batch or nothing. */
  #take({ records, nextOffset, endOffset }: FetchedBatch): void {
    const { deps, partition } = this;
    if (nextOffset === deps.journal.positions[partition]) return;
    const counts: Record<string, number> = {};
    const touched = new Set<{ changed(): void }>();
    for (const record of records) {
      const notification = this.#decode(record);
      if (notification === null) continue;
      const taken = this.#takeOne(record, notification, touched);
      counts[taken] = (counts[taken] ?? 0) + 1;
    }
    deps.journal.moveTo(partition, nextOffset);
    deps.journal.commitSoon();
    for (const channel of touched) channel.changed();
    deps.observe({ kind: "read", partition, lag: endOffset - nextOffset, counts });
  }

  #takeOne(
    record: LogRecord,
    notification: Notification,
    touched: Set<{ changed(): void }>,
  ): Taken | "past" | "unwanted" {
    const { past, state } = notification;
    // An end that is past may be of what was told when it began: then it is over for people too.
    if (past && state === "firing") return "past";
    const { clock, journal, channels } = this.deps;
    const nowMs = clock.nowMs();
    const taking = {
      // The log's clock may be ahead of ours; a digest must not wait for that.
      atMs: Math.min(record.appendMs, nowMs),
      isLong: record.value!.length > NAMED_BYTES_MAX,
      staleBeforeMs: nowMs - STALE_MS,
    };
    let outcome: Taken | "past" | "unwanted" = past ? "past" : "unwanted";
    for (const channel of channels) {
      const change = channel.groups.take(notification, taking);
      if (change === null) continue;
      // Of several channels the one that has most of it.
      if (outcome !== "news") outcome = change.taken;
      if (change.taken === "known") continue;
      journal.touch(change.group);
      touched.add(channel);
    }
    return outcome;
  }

  #decode(record: LogRecord): Notification | null {
    const { partition, deps: { journal, observe } } = this;
    let detail: string;
    try {
      const notification = decodeNotification(record.value);
      const { length } = record.value!;
      if (length <= NOTIFICATION_BYTES_MAX) return notification;
      detail = `a notification of ${length} bytes; at most ${NOTIFICATION_BYTES_MAX}`;
    } catch (error) {
      if (error instanceof NewerSchemaError) {
        const place = `${TOPICS.notifications}/${partition}, offset ${record.offset}`;
        throw new StopPartitionError(`${place}: ${error.message}`);
      }
      if (!(error instanceof TypeError)) throw error;
      detail = error.message;
    }
    const reason = "malformed";
    journal.add(setAside({ topic: TOPICS.notifications, partition, record, reason, detail }));
    observe({ kind: "rejected", partition, count: 1, reason: detail });
    return null;
  }
}
