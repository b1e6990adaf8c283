/**
 * Upkeep of the embedded log: retention by append time, compaction of topics that keep the last
 * record of a key, and merging of small chunks. Offsets never change, and readers never notice: every
 * step is one atomic, and a chunk's key is the last offset it covers, which merging keeps.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { LogRecord } from "../../ports/topic_log.ts";
import { AtomicWriter } from "./atomic_writer.ts";
import { decodeChunk, encodeChunk, fitsOneChunk, sizeOf } from "./chunk_codec.ts";
import { deleting, partCountOf, readChunks, type StoredChunk, storing } from "./chunk_reader.ts";
import type { Kv } from "./kv_file.ts";
import type { Partition } from "./partition.ts";
import type { Topic } from "./topic_reader.ts";

/** Chunks read at once: about 1 MB. */
const VALUES_PER_READ = 16;

/** Chunks larger than this, in bytes, are not worth merging. */
const MERGED_BYTES_MAX = 16_384;

/** Values that one rewriting deletes at most: an atomic takes 1,000 mutations. */
const VALUES_PER_REWRITE_MAX = 500;

/** Compaction looks no further back: what was superseded before is left to retention. Bounds the work of a pass. */
const COMPACTION_SPAN_MS = 2 * 3_600_000;

/** Nor further than so many keys. Bounds the memory of a pass. */
const COMPACTION_KEYS_MAX = 500_000;

const logger = getLogger(["data-tracker", "topic-log"]);

/** What a pass did. */
export interface MaintenanceReport {
  /** Records superseded by a later one of their key. */
  compactedRecordCount: number;
  /** Chunks past their retention. */
  expiredChunkCount: number;
  /** Chunks that became part of another. */
  mergedChunkCount: number;
}

/** One pass over these topics. Only one at a time may run on a log. */
export async function maintain(
  kv: Kv,
  writerCheck: Deno.AtomicCheck,
  topics: readonly Topic[],
  nowMs: number,
  signal: AbortSignal,
): Promise<MaintenanceReport> {
  const report = { compactedRecordCount: 0, expiredChunkCount: 0, mergedChunkCount: 0 };
  for (const { spec, partitions } of topics) {
    for (const partition of partitions) {
      const one = new PartitionUpkeep(kv, writerCheck, partition, report, signal);
      await one.dropExpired(nowMs - spec.retentionMs);
      await one.tidy(spec.compacted ? new Set() : null, nowMs - COMPACTION_SPAN_MS);
    }
  }
  logger.debug(
    "Upkeep: {compactedRecordCount} records compacted, {expiredChunkCount} chunks expired, {mergedChunkCount} merged",
    { ...report },
  );
  return report;
}

/** Neighbouring chunks and those of their records that stay. */
interface Rewriting {
  chunks: StoredChunk[];
  /** Chunk by chunk, the newest first. */
  kept: LogRecord[][];
  size: number;
  valueCount: number;
  droppedCount: number;
}

class PartitionUpkeep {
  #rewriting = emptyRewriting();

  constructor(
    private readonly kv: Kv,
    private readonly writerCheck: Deno.AtomicCheck,
    private readonly partition: Partition,
    private readonly report: MaintenanceReport,
    private readonly signal: AbortSignal,
  ) {}

  /** Deletes from the start on what was appended before `beforeMs`, some chunks an atomic. */
  async dropExpired(beforeMs: number): Promise<void> {
    const { partition } = this;
    for (let more = true; more && !this.signal.aborted;) {
      using _lock = await partition.lock();
      const range = await partition.load();
      const { startOffset: from, endOffset: before } = range;
      const { chunks, exhausted } = await readChunks(this.kv, partition.prefix, {
        from,
        before,
        valueCountMax: VALUES_PER_READ,
      });
      const kept = chunks.findIndex((chunk) => chunk.lastAppendMs >= beforeMs);
      const expired = kept < 0 ? chunks : chunks.slice(0, kept);
      if (expired.length === 0) return;
      const moved = { ...range, startOffset: expired.at(-1)!.through + 1 };
      // Before they go: a fetch that began must not take the hole for compacted records.
      partition.move(moved);
      try {
        const deletions = expired.flatMap((chunk) => deleting(partition.prefix, chunk));
        await this.#writer().commit([...deletions, partition.storing(moved)]);
      } catch (error) {
        partition.forget();
        throw error;
      }
      this.report.expiredChunkCount += expired.length;
      more = kept < 0 && !exhausted;
    }
  }

  /**
   * Goes from the end backwards, so that the first record met of a key is the one that stays.
   *
   * @param keys The keys met; `null` where every record stays and chunks are only merged.
   */
  async tidy(keys: Set<string> | null, sinceMs: number): Promise<void> {
    const { partition } = this;
    const { startOffset, endOffset } = await partition.range();
    if (endOffset === partition.tidyOffset) return;
    // The last chunk of the pass before may be small still; where keys matter, all of the span is read.
    const from = keys === null ? Math.max(startOffset, partition.tidyOffset - 1) : startOffset;
    for (let before = endOffset, more = true; more && !this.signal.aborted;) {
      const { chunks, exhausted } = await readChunks(this.kv, partition.prefix, {
        from,
        before,
        valueCountMax: VALUES_PER_READ,
        newest: true,
      });
      for (const chunk of chunks.toReversed()) {
        more = chunk.lastAppendMs >= sinceMs && (keys?.size ?? 0) < COMPACTION_KEYS_MAX;
        if (!more) break;
        await this.#take(chunk, keys);
      }
      if (exhausted) break;
      before = chunks[0]!.through;
    }
    await this.#rewrite();
    if (!this.signal.aborted) partition.tidyOffset = endOffset;
  }

  async #take(chunk: StoredChunk, keys: Set<string> | null): Promise<void> {
    if (keys === null && chunk.bytes.length > MERGED_BYTES_MAX) return await this.#rewrite();
    const records = decodeChunk(chunk.bytes);
    const kept = keys === null ? records : lastOfKeys(records, keys);
    const size = kept.reduce((sum, record) => sum + sizeOf(record), 0);
    const valueCount = partCountOf(chunk.bytes.length);
    const full = !fitsOneChunk(this.#rewriting.size + size) ||
      this.#rewriting.valueCount + valueCount > VALUES_PER_REWRITE_MAX;
    if (full) await this.#rewrite();
    const into = this.#rewriting;
    into.chunks.push(chunk);
    into.kept.push(kept);
    into.size += size;
    into.valueCount += valueCount;
    into.droppedCount += records.length - kept.length;
  }

  async #rewrite(): Promise<void> {
    const { chunks, kept, droppedCount } = this.#rewriting;
    this.#rewriting = emptyRewriting();
    const [newest, ...others] = chunks;
    if (newest === undefined || (others.length === 0 && droppedCount === 0)) return;
    const { prefix } = this.partition;
    const records = kept.toReversed().flat();
    const stored = records.length === 0
      ? []
      : storing(prefix, newest.through, encodeChunk(records));
    await this.#writer().commit([
      ...stored,
      ...deleting(prefix, newest, stored.length),
      ...others.flatMap((chunk) => deleting(prefix, chunk)),
    ]);
    this.report.compactedRecordCount += droppedCount;
    this.report.mergedChunkCount += others.length;
  }

  #writer(): AtomicWriter {
    return new AtomicWriter(this.kv, [this.writerCheck]);
  }
}

function emptyRewriting(): Rewriting {
  return { chunks: [], kept: [], size: 0, valueCount: 0, droppedCount: 0 };
}

/** Those records whose key was not met yet, in order; their keys are met then. */
function lastOfKeys(records: readonly LogRecord[], keys: Set<string>): LogRecord[] {
  return records.toReversed().filter(({ key }) => {
    if (key === null) return true;
    const { size } = keys;
    return keys.add(key).size > size;
  }).reverse();
}
