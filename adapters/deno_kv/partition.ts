/**
 * One partition of the embedded log: its range, its reader, its lock.
 *
 * Only what lies before the stored end is in the log. A write puts its chunks beyond it and moves
 * the end in its last atomic; what a crash or a failure leaves there is deleted before the next write.
 *
 * @module
 */
import type { Clock } from "../../ports/clock.ts";
import type { LogRecord } from "../../ports/topic_log.ts";
import { AtomicWriter, deletion, type Mutation } from "./atomic_writer.ts";
import { decodeChunk } from "./chunk_codec.ts";
import { readChunks } from "./chunk_reader.ts";
import { type Kv, VALUE_BYTES_MAX } from "./kv_file.ts";

/** Values read at once: about 2 MB. */
const VALUES_PER_READ_MAX = 32;

/** What is stored of a partition beside its chunks. */
export interface StoredRange {
  startOffset: number;
  endOffset: number;
  /** The greatest append time given, in ms since the epoch. */
  appendMs: number;
}

/** One partition, as the process that writes it (with `writerCheck`) or one that only reads it sees it. */
export class Partition {
  readonly prefix: Deno.KvKey;
  /** Where the last upkeep ended: what lies before needs no merging. */
  tidyOffset = 0;
  #range: StoredRange | null = null;
  #tail: Promise<void> = Promise.resolve();
  readonly #waiters = new Set<() => void>();

  constructor(
    private readonly kv: Kv,
    readonly topic: string,
    readonly number: number,
    private readonly writerCheck: Deno.AtomicCheck | null,
  ) {
    this.prefix = ["log", topic, number];
  }

  /** The range as it is now. */
  async range(): Promise<StoredRange> {
    if (this.#range !== null) return this.#range;
    if (this.writerCheck === null) return await this.#stored();
    using _lock = await this.lock();
    return await this.load();
  }

  /** The same for whoever holds the lock; deletes what unfinished writes left beyond the end. */
  async load(): Promise<StoredRange> {
    if (this.#range !== null) return this.#range;
    const range = await this.#stored();
    await using garbage = new AtomicWriter(this.kv, [this.writerCheck!]);
    const beyond = { start: [...this.prefix, range.endOffset], end: [...this.prefix, Infinity] };
    let isThere = false;
    for await (const { key } of this.kv.list(beyond, { batchSize: VALUES_PER_READ_MAX })) {
      await garbage.add(deletion(key));
      isThere = true;
    }
    if (isThere) await garbage.commit();
    this.move(range);
    return range;
  }

  /** Takes over a range that was stored. */
  move(range: StoredRange): void {
    this.#range = range;
    for (const wake of [...this.#waiters]) wake();
  }

  /** After a failure nobody knows what is stored: look again before the next use. */
  forget(): void {
    this.#range = null;
  }

  /** What stores a range. */
  storing(range: StoredRange): Mutation {
    return { key: ["range", this.topic, this.number], value: range, byteCount: 100 };
  }

  /** Sole right to write, until disposed of; first come, first served. */
  async lock(): Promise<Disposable> {
    const before = this.#tail;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#tail = promise;
    await before;
    return { [Symbol.dispose]: resolve };
  }

  /** Records of `[offset, endOffset)` up to `byteCountMax` bytes of keys and values, and where to go on. */
  async read(
    offset: number,
    endOffset: number,
    byteCountMax: number,
  ): Promise<{ records: LogRecord[]; nextOffset: number }> {
    const records: LogRecord[] = [];
    let byteCount = 0;
    let nextOffset = offset;
    while (nextOffset < endOffset && (byteCount < byteCountMax || records.length === 0)) {
      const wanted = Math.ceil((byteCountMax - byteCount) / VALUE_BYTES_MAX) + 1;
      const { chunks, exhausted } = await readChunks(this.kv, this.prefix, {
        from: nextOffset,
        before: endOffset,
        valueCountMax: Math.min(wanted, VALUES_PER_READ_MAX),
      });
      for (const chunk of chunks) {
        for (const record of decodeChunk(chunk.bytes)) {
          if (record.offset < nextOffset) continue;
          if (record.offset >= endOffset) return { records, nextOffset: endOffset };
          byteCount += (record.key?.length ?? 0) + (record.value?.length ?? 0);
          if (byteCount > byteCountMax && records.length > 0) {
            return { records, nextOffset: record.offset };
          }
          records.push(record);
        }
        nextOffset = Math.min(chunk.through + 1, endOffset);
      }
      if (exhausted) nextOffset = endOffset;
    }
    return { records, nextOffset };
  }

  /** Waits for the end to move beyond `endOffset`, but no longer than `durationMs`. */
  async wait(
    endOffset: number,
    durationMs: number,
    clock: Clock,
    signal?: AbortSignal,
  ): Promise<void> {
    if (this.#range !== null && this.#range.endOffset > endOffset) return;
    const woken = new AbortController();
    const wake = () => woken.abort();
    this.#waiters.add(wake);
    signal?.addEventListener("abort", wake, { once: true });
    await clock.sleep(durationMs, woken.signal);
    signal?.removeEventListener("abort", wake);
    this.#waiters.delete(wake);
  }

  async #stored(): Promise<StoredRange> {
    const { value } = await this.kv.get<StoredRange>(["range", this.topic, this.number]);
    return value ?? { startOffset: 0, endOffset: 0, appendMs: 0 };
  }
}
