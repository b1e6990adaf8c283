/**
 * One partition of the monitor, from its claim until it is taken away.
 *
 * In: `samples`, `statistics`, and `polls` in the one partition it has. Out: `notifications`, with the
 * group's positions in one transaction. Safe to run twice: a second owner fences the first before it
 * reads anything, and state on disk is trusted only where it is the committed checkpoint's.
 *
 * @module
 */
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { PartitionState, PartitionStateStore } from "../ports/partition_state.ts";
import type { Claim, LogRecord, OffsetOutOfRangeError, TopicLog } from "../ports/topic_log.ts";
import { StopPartitionError } from "../roles/partition_task.ts";
import { fingerprintOf, outOfRange, placeOf } from "../roles/position_check.ts";
import { isThinned } from "../roles/topic_tail.ts";
import { TOPICS, windowKeyOf } from "../topology.ts";
import { startMsOf, takePlace } from "./checkpoint.ts";
import {
  type MonitorOwnerConfig,
  type Observe,
  type OpenedPartition,
  openMonitorPartition,
  WORDS,
} from "./claiming.ts";
import { Inputs } from "./inputs.ts";
import type { LookAhead } from "./partition.ts";
import type { Watched } from "./watched.ts";
import { writeMonitorCheckpoint } from "./writing.ts";

/** How long a wait for records takes at most, in ms: silences are looked for this often. */
const WAIT_MS = 1000;
/** Found notifications that make a checkpoint due; a moment at which all markets fall silent brings more. */
const FOUND_MAX = 5_000;
/** How far behind the present the wall clock may say that nothing came, in ms: records under way are older than this. */
const CLOCK_SLACK_MS = 2_000;

/** What an owner works with. */
export interface MonitorOwnerDeps {
  log: Pick<TopicLog, "fetch">;
  states: PartitionStateStore<Watched, string>;
  clock: Clock;
  random: Random;
  observe: Observe;
}

/** Owns the claimed partition until `signal` aborts; rejects on any doubt, for the caller to claim again. */
export async function ownMonitorPartition(
  claim: Claim,
  signal: AbortSignal,
  progress: () => void,
  config: MonitorOwnerConfig,
  deps: MonitorOwnerDeps,
): Promise<void> {
  const startedMs = deps.clock.nowMs();
  const shelf = await deps.states.claim(config.partition);
  let owner: Owner | null = null;
  const lookAhead: LookAhead = (market, startMs) => owner?.recordAhead(market, startMs) ?? null;
  try {
    const opened = await openMonitorPartition(claim, shelf, config, { ...deps, signal, lookAhead });
    if (signal.aborted) return;
    owner = new Owner(opened, shelf, claim, config, deps);
    const { restored, state } = opened;
    const durationMs = deps.clock.nowMs() - startedMs;
    deps.observe(config.partition, state, { kind: "claimed", durationMs, restored });
    if (opened.isFirst) await owner.begin(signal);
    progress();
    while (!signal.aborted) {
      await owner.step(signal);
      progress();
    }
  } catch (error) {
    if (error instanceof NewerSchemaError) throw new StopPartitionError(error.message);
    throw error;
  }
  await owner.finish();
}

class Owner {
  readonly #inputs: Inputs;
  #checkpointedMs: number;
  #hasRead = false;
  /** How far this process's clock is ahead of the log's at most, in ms: the least delay that a fresh record was seen with. */
  #clockAheadMs = Infinity;
  #wasCaughtUp = false;
  /** By key, the first record of `statistics` that waits. */
  #ahead: Map<string, LogRecord> | null = null;

  constructor(
    private readonly opened: OpenedPartition,
    private readonly shelf: PartitionState<Watched, string>,
    private readonly claim: Claim,
    private readonly config: MonitorOwnerConfig,
    private readonly deps: MonitorOwnerDeps,
  ) {
    this.#checkpointedMs = deps.clock.nowMs();
    const { offsets } = opened;
    const isNew = new Set(
      [...offsets].filter(([, offset]) => offset === 0).map(([topic]) => topic),
    );
    this.#inputs = new Inputs(offsets, {
      log: deps.log,
      partition: config.partition,
      partitionCount: config.partitionCount,
      outOfRange: (error, offset) =>
        // A new deployment begins where the log does.
        isNew.delete(error.topic) && offset === 0 ? error.startOffset : this.#skip(error, offset),
    });
  }

  /** A price that was deleted by its age can alarm nobody any more: on without it, and say so. */
  #skip({ topic, startOffset, endOffset }: OffsetOutOfRangeError, offset: number): number {
    const next = outOfRange({ topic, startOffset, endOffset, offset }, WORDS, true);
    const { config, deps } = this;
    if (topic === TOPICS.samples) this.opened.state.passLost(next - offset);
    deps.observe(config.partition, this.opened.state, {
      kind: "skipped",
      topic,
      count: next - offset,
    });
    return next;
  }

  /** The first record of `statistics` with this key that was fetched and not folded yet. */
  recordAhead(market: string, startMs: number): LogRecord | null {
    return this.#ahead?.get(windowKeyOf(market, startMs)) ?? null;
  }

  /** Notes when the deployment's monitor was first started, before anything is judged. */
  async begin(signal: AbortSignal): Promise<void> {
    // Where a topic begins is known once it was asked for what is not there any more.
    await this.#inputs.fill(0, signal);
    if (!signal.aborted) await this.#checkpoint();
  }

  /** One round: what is there is read in order, and published if it is worth telling, or time. */
  async step(signal: AbortSignal): Promise<void> {
    const { clock } = this.deps;
    const beganMs = clock.nowMs();
    const isCaughtUp = await this.#inputs.fill(this.#waitMaxMs(beganMs), signal);
    if (signal.aborted) return;
    const { newestMs } = this.#inputs;
    if (this.#wasCaughtUp && newestMs !== null) {
      this.#clockAheadMs = Math.min(this.#clockAheadMs, Math.max(0, clock.nowMs() - newestMs));
    }
    this.#wasCaughtUp = isCaughtUp;
    await this.#lookAhead(signal);
    this.#fold();
    this.#ahead = null;
    if (isCaughtUp) {
      const aheadMs = Number.isFinite(this.#clockAheadMs) ? this.#clockAheadMs : 0;
      this.opened.state.advance(beganMs - CLOCK_SLACK_MS - aheadMs);
    }
    this.deps.observe(this.config.partition, this.opened.state, {
      kind: "read",
      lags: this.#inputs.lags,
    });
    const isDue = clock.nowMs() - this.#checkpointedMs >= this.config.flushIntervalMs;
    if (this.opened.state.found.length > 0 || (isDue && this.#hasRead)) await this.#checkpoint();
  }

  /** The last checkpoint before the partition is left. */
  async finish(): Promise<void> {
    if (this.#hasRead || this.opened.state.found.length > 0) await this.#checkpoint();
  }

  #waitMaxMs(nowMs: number): number {
    if (!this.#hasRead) return WAIT_MS;
    return Math.max(
      0,
      Math.min(WAIT_MS, this.#checkpointedMs + this.config.flushIntervalMs - nowMs),
    );
  }

  /**
   * Where samples wait, their hours' statistics may stand further on than they did, because compaction
   * keeps the last of each alone; and only where it has been may they be taken from there.
   */
  async #lookAhead(signal: AbortSignal): Promise<void> {
    let newestMs: number | null = null;
    for (const { appendMs } of this.#inputs.waiting(TOPICS.samples)) newestMs = appendMs;
    if (newestMs === null) return;
    const isBehind = (this.#inputs.lags[TOPICS.statistics] ?? 0) > 0;
    if (!isBehind) return;
    await this.#inputs.readAhead(TOPICS.statistics, newestMs + this.config.aheadMs, signal);
    this.#ahead = new Map();
    let isSomeGone = false;
    const last = this.opened.fingerprints[TOPICS.statistics];
    let before = last === undefined
      ? { offset: this.#inputs.offsets[TOPICS.statistics]! - 1, appendMs: NaN }
      : placeOf(last);
    for (const record of this.#inputs.waiting(TOPICS.statistics)) {
      isSomeGone ||= isThinned(before, record);
      before = record;
      const { key, appendMs } = record;
      const mayStandIn = isSomeGone || appendMs <= this.opened.places.thinnedMs;
      if (mayStandIn && key !== null && !this.#ahead.has(key)) this.#ahead.set(key, record);
    }
  }

  #fold(): void {
    const last: Record<string, LogRecord> = {};
    let count = 0;
    for (; this.opened.state.found.length < FOUND_MAX; count++) {
      const record = this.#inputs.next();
      if (record === null) break;
      const { topic } = this.#inputs;
      last[topic] = record;
      if (topic === TOPICS.samples) this.#foldSample(record);
      else if (topic === TOPICS.statistics) this.#foldStatistics(record);
      else this.opened.state.foldPoll(record);
    }
    for (const topic in last) this.opened.fingerprints[topic] = fingerprintOf(last[topic]!);
    if (count > 0) this.#hasRead = true;
  }

  #foldSample(record: LogRecord): void {
    this.opened.state.foldSample(record);
    this.opened.places.samples.note(record.offset, record.appendMs);
  }

  #foldStatistics(record: LogRecord): void {
    this.opened.state.foldStatistics(record);
    takePlace(this.opened.places.statistics, startMsOf(record), record.offset);
  }

  async #checkpoint(): Promise<void> {
    const { clock, random, observe } = this.deps;
    const { opened, config, shelf, claim } = this;
    const startedMs = clock.nowMs();
    const deps = { shelf, claim, config };
    await writeMonitorCheckpoint(opened, this.#inputs.offsets, random.id(), deps);
    this.#hasRead = false;
    this.#checkpointedMs = clock.nowMs();
    const durationMs = this.#checkpointedMs - startedMs;
    observe(config.partition, opened.state, { kind: "checkpointed", durationMs });
  }
}
