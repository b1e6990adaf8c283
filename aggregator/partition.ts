/**
 * One partition's state between two checkpoints, and how a sample changes it (protocol rule 8).
 * Pure: nothing here waits, and nothing is known of time but what the records say.
 *
 * @module
 */
import { decodeSample, isMalformed } from "../adapters/codecs/sample_codec.ts";
import type { LogRecord } from "../ports/topic_log.ts";
import type { WindowKey } from "../ports/window_store.ts";
import { marketOf, type Sample, sampleTimeMs } from "../stats/sample.ts";
import {
  countSample,
  isDuplicate,
  openWindow,
  windowStartMs,
  type WindowState,
} from "../stats/window.ts";
import { partitionOf } from "../topology.ts";
import type { Counters, Fingerprint, FirstPlaces } from "./checkpoint.ts";
import type { Rules, WindowTimes } from "./rules.ts";
import { WindowCache } from "./window_cache.ts";

/** Why a sample was refused: the words in `rejected` and in the counters. */
export type RejectReason = "malformed" | "skew" | "partition" | "sealed" | "late";

/** A record refused, until the next checkpoint publishes it. */
export interface Rejection {
  record: LogRecord;
  reason: RejectReason;
  detail: string;
}

/** What decides a partition's fold. */
export interface FoldConfig extends WindowTimes {
  maxSkewMs: number;
  late: "amend" | "reject";
  partition: number;
  partitionCount: number;
  /** Windows in memory at most, of this partition. */
  cacheWindowCountMax: number;
}

/** The state. */
export class Partition {
  readonly cache: WindowCache;
  readonly places: FirstPlaces = new Map();
  /** Window starts that may hold a window not closed yet. */
  readonly openStarts = new Set<number>();
  readonly rejections: Rejection[] = [];
  counters: Counters = { counted: 0, duplicate: 0, rejected: {}, lost: 0 };
  checkpointId = "";
  nextOffset = 0;
  streamMs: number | null = null;
  arrivalMs: number | null = null;
  statisticsThrough = -1;
  #last: LogRecord | null = null;
  #fingerprint: Fingerprint | null = null;
  /** The offset as of the last checkpoint. */
  committedOffset = -1;

  constructor(readonly config: FoldConfig, readonly rules: Rules) {
    this.cache = new WindowCache(config.cacheWindowCountMax);
  }

  /** Whether anything happened since the last checkpoint. */
  get changed(): boolean {
    return this.nextOffset !== this.committedOffset || this.cache.dirty.size > 0;
  }

  /** The last record folded, or what the checkpoint remembered of it. */
  get lastRecord(): LogRecord | null {
    return this.#last;
  }

  get fingerprint(): Fingerprint | null {
    return this.#fingerprint;
  }

  set fingerprint(fingerprint: Fingerprint | null) {
    this.#fingerprint = fingerprint;
    this.#last = null;
  }

  /** Folds records in offset order. The windows they need must be in the cache, if they exist. */
  fold(records: readonly LogRecord[], nextOffset: number): void {
    for (const record of records) {
      const decoded = decodeSample(record.value);
      if (isMalformed(decoded)) this.#reject(record, "malformed", decoded.malformed);
      else this.#count(record, decoded);
    }
    const last = records.at(-1);
    if (last !== undefined) {
      this.#last = last;
      this.arrivalMs = last.appendMs;
    }
    this.nextOffset = nextOffset;
  }

  /** The windows that these records belong to and that may be on disk only. */
  missing(records: readonly LogRecord[]): WindowKey[] {
    const keys = new Map<string, WindowKey>();
    if (this.cache.complete) return [];
    for (const record of records) {
      const sample = decodeSample(record.value);
      if (isMalformed(sample)) continue;
      const startMs = windowStartMs(sampleTimeMs(sample), this.config.windowSizeMs);
      const market = marketOf(sample);
      if (this.cache.get(startMs, market) === undefined) {
        keys.set(`${startMs}/${market}`, { startMs, market });
      }
    }
    return [...keys.values()];
  }

  /** Whether a window start is over: sealed, and everything of it published as closed. */
  isOver(startMs: number): boolean {
    return !this.openStarts.has(startMs) &&
      this.rules.isSealed(startMs + this.config.windowSizeMs, this.streamMs, this.config);
  }

  /** Takes a window from disk or from `statistics` into memory, clean. */
  take(window: WindowState): void {
    this.cache.put(window);
    if (!window.closed) this.openStarts.add(window.startMs);
  }

  #count(record: LogRecord, sample: Sample): void {
    const { config, rules, streamMs } = this;
    const timeMs = sampleTimeMs(sample);
    const aheadMs = timeMs - record.appendMs;
    if (aheadMs > config.maxSkewMs) {
      return this.#reject(
        record,
        "skew",
        `the sample's time is ${aheadMs} ms ahead of the log's, more than MAX_SKEW (${config.maxSkewMs} ms)`,
      );
    }
    const startMs = windowStartMs(timeMs, config.windowSizeMs);
    const endMs = startMs + config.windowSizeMs;
    if (rules.isSealed(endMs, streamMs, config)) {
      return this.#reject(record, "sealed", "the sample's window is sealed");
    }
    const market = marketOf(sample);
    let window = this.cache.get(startMs, market);
    if (window !== undefined && isDuplicate(window, sample)) {
      this.counters.duplicate++;
      return;
    }
    const closed = window?.closed || rules.isClosedByStream(endMs, streamMs, config);
    if (closed && config.late === "reject") {
      return this.#reject(record, "late", "the sample's window is closed, and LATE is reject");
    }
    if (window === undefined) {
      if (partitionOf(market, config.partitionCount) !== config.partition) {
        return this.#reject(
          record,
          "partition",
          `${market} belongs to partition ${
            partitionOf(market, config.partitionCount)
          }: produce with murmur2 of the market`,
        );
      }
      window = openWindow(sample, config.windowSizeMs);
      this.take(window);
    }
    countSample(window, sample, record.offset);
    if (closed) {
      window.closed = true;
      window.amended = true;
    }
    this.cache.markDirty(window);
    this.counters.counted++;
    if (streamMs === null || timeMs > streamMs) this.streamMs = timeMs;
  }

  #reject(record: LogRecord, reason: RejectReason, detail: string): void {
    this.rejections.push({ record, reason, detail });
    this.counters.rejected[reason] = (this.counters.rejected[reason] ?? 0) + 1;
  }
}
