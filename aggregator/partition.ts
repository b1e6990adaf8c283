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
import { type Fingerprint, fingerprintOf } from "../roles/position_check.ts";
import type { Counters, FirstPlaces } from "./checkpoint.ts";
import type { Rules, WindowTimes } from "./rules.ts";
import { WindowCache } from "./window_cache.ts";

/** Open window starts that make a checkpoint due: with as many kept ones their places fit into one value on disk. */
const OPEN_STARTS_MAX = 1_000;
/** Rejected records that make a checkpoint due: they are held whole. */
const REJECTIONS_MAX = 2_000;
const REJECTION_BYTES_MAX = 16 * 1024 * 1024;

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
  /** Tells the last record folded. */
  fingerprint: Fingerprint | null = null;
  /** Without a commit: offsets through this one were dealt with in an earlier life. */
  dealtThrough = -1;
  /** Bytes of {@link rejections}, keys and headers included. */
  rejectionByteCount = 0;
  /** What was read from `statistics` when this process took the partition over; `null`: nothing, its disk had all. */
  restored: { recordCount: number; windowCount: number } | null = null;
  /** The offset as of the last checkpoint. */
  committedOffset = -1;
  #saving: Promise<void> | null = null;

  constructor(readonly config: FoldConfig, readonly rules: Rules) {
    this.cache = new WindowCache(config.cacheWindowCountMax);
  }

  /** Says that windows are on their way to disk: until they are there, none may leave memory. */
  save(saving: Promise<void>): void {
    this.#saving = saving.then(() => {
      this.#saving = null;
    });
    this.#saving.catch(() => {}); // Told by whoever awaits it.
  }

  /** Windows on their way to disk; `null`: all were there at the last checkpoint, or when they were restored. Rejects where they cannot be written. */
  get saving(): Promise<void> | null {
    return this.#saving;
  }

  /** Whether anything happened since the last checkpoint. */
  get changed(): boolean {
    return this.nextOffset !== this.committedOffset || this.cache.dirty.size > 0;
  }

  /**
   * Folds records in offset order. The windows they need must be in the cache, if they exist. Stops
   * early where too many window starts are open: then {@link isFull}, and the rest is for after a checkpoint.
   */
  fold(records: readonly LogRecord[], nextOffset: number): void {
    let last: LogRecord | undefined;
    for (const record of records) {
      if (this.isFull) break;
      const decoded = decodeSample(record.value);
      if (isMalformed(decoded)) this.#reject(record, "malformed", decoded.malformed);
      else this.#count(record, decoded);
      last = record;
    }
    if (last !== undefined) {
      this.fingerprint = fingerprintOf(last);
      this.arrivalMs = last.appendMs;
    }
    this.nextOffset = last === records.at(-1)
      ? nextOffset
      : (last?.offset ?? this.nextOffset - 1) + 1;
  }

  /** Whether a checkpoint must come before more is folded. */
  get isFull(): boolean {
    return this.openStarts.size >= OPEN_STARTS_MAX ||
      this.rejections.length >= REJECTIONS_MAX || this.rejectionByteCount >= REJECTION_BYTES_MAX;
  }

  /** After a checkpoint has published them. */
  forgetRejections(): void {
    this.rejections.length = 0;
    this.rejectionByteCount = 0;
  }

  /** The windows that these records belong to and that may be on disk only. */
  missing(records: readonly LogRecord[]): WindowKey[] {
    const keys = new Map<string, WindowKey>();
    if (this.cache.complete) return [];
    for (const record of records) {
      const sample = decodeSample(record.value);
      if (isMalformed(sample)) continue;
      const startMs = windowStartMs(sampleTimeMs(sample), this.config.windowSizeMs);
      if (this.cache.get(startMs, sample) === undefined) {
        const market = marketOf(sample);
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
      if (record.offset <= this.dealtThrough) return;
      return this.#reject(record, "sealed", "the sample's window is sealed");
    }
    let window = this.cache.get(startMs, sample);
    if (window !== undefined && record.offset <= window.throughOffset) return;
    if (window !== undefined && isDuplicate(window, sample)) {
      this.counters.duplicate++;
      return;
    }
    const closed = window?.closed || rules.isClosedByStream(endMs, streamMs, config);
    if (closed && config.late === "reject") {
      return this.#reject(record, "late", "the sample's window is closed, and LATE is reject");
    }
    if (window === undefined) {
      const market = marketOf(sample);
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
    if (window.throughOffset <= this.#cleanThrough) this.cache.markDirty(window);
    countSample(window, sample, record.offset);
    if (closed) {
      window.closed = true;
      window.amended = true;
    }
    this.counters.counted++;
    if (streamMs === null || timeMs > streamMs) this.streamMs = timeMs;
  }

  /** A window that has counted an offset beyond this one is dirty: it need not be told again, for every sample. */
  get #cleanThrough(): number {
    return Math.max(this.committedOffset - 1, this.dealtThrough);
  }

  #reject(record: LogRecord, reason: RejectReason, detail: string): void {
    // A copy: the value may be a view into the whole answer that brought it.
    const value = record.value?.slice() ?? null;
    const { offset, appendMs, key, headers } = record;
    const kept = { offset, appendMs, key, value, headers };
    this.rejections.push({ record: kept, reason, detail });
    this.rejectionByteCount += sizeOf(kept);
    this.counters.rejected[reason] = (this.counters.rejected[reason] ?? 0) + 1;
  }
}

/** What a record takes in memory, in bytes, or a little more: its texts have two a character. */
function sizeOf({ key, value, headers }: LogRecord): number {
  let size = 2 * (key?.length ?? 0) + (value?.length ?? 0);
  for (const name in headers) size += 2 * (name.length + headers[name]!.length);
  return size;
}
