/**
 * Reads the record batches of a fetch's answer, a bounded part at a time: what is packed stays packed
 * until it is wanted.
 *
 * @module
 */
import type { LogRecord } from "../../ports/topic_log.ts";
import { OpenBatch, VarintReader } from "./open_batch.ts";
import { AT, ATTRIBUTE, HEADER_SIZE, PREFIX_SIZE } from "./record_batch.ts";

const CONTROL_ABORT = 0;

/** An aborted transaction: its producer, and where its records begin. */
export interface AbortedTransaction {
  producerId: bigint;
  firstOffset: number;
}

/** Reads batches, of which the last may be cut short. */
export class BatchReader {
  /** Where to go on after what was read: beyond a record, or whole batches without any. */
  nextOffset: number;
  readonly #bytes: Buffer;
  /** Where the next batch begins. */
  #at = 0;
  /** One that is read in parts. */
  #open: OpenBatch | null = null;
  /** Those not met yet, in their order. */
  readonly #aborted: AbortedTransaction[];
  readonly #aborting = new Set<bigint>();

  /**
   * @param offset Records before it are left out: a batch is fetched whole.
   * @param aborted The aborted transactions of the answer's range.
   */
  constructor(bytes: Buffer, offset: number, aborted: readonly AbortedTransaction[]) {
    this.#bytes = bytes;
    this.nextOffset = offset;
    this.#aborted = [...aborted].sort((a, b) => a.firstOffset - b.firstOffset);
  }

  /**
   * Reads on, through at most so many bytes of keys and values; one record comes all the same.
   * Whether it read to the end, {@link isAtEnd} says then.
   *
   * @throws {Error} At a batch that cannot be read, once all records before it have been.
   */
  read(byteCountMax: number): LogRecord[] {
    const records: LogRecord[] = [];
    let room = byteCountMax;
    while (true) {
      try {
        this.#open ??= this.#next();
        if (this.#open === null) return records;
        room = this.#open.read(records, this.nextOffset, room);
      } catch (error) {
        // It is not known where it stands in a broken one: begin there again, and fail again.
        this.#open = null;
        if (records.length === 0) throw error;
      }
      if (this.#open === null || room < 0) {
        const { offset } = records.at(-1)!;
        this.nextOffset = Math.max(this.nextOffset, offset + 1);
        return records;
      }
      this.#pass(this.#open.lastOffset, this.#open.end);
      this.#open = null;
    }
  }

  /** Whether there was no more than what was read last. */
  get isAtEnd(): boolean {
    return this.#open === null && !this.#hasNext();
  }

  #hasNext(): boolean {
    const left = this.#bytes.length - this.#at;
    return left >= HEADER_SIZE &&
      left >= PREFIX_SIZE + this.#bytes.readInt32BE(this.#at + AT.size);
  }

  /** Opens the next batch whose records count; passes over marks and what was aborted. */
  #next(): OpenBatch | null {
    while (this.#hasNext()) {
      const end = this.#at + PREFIX_SIZE + this.#bytes.readInt32BE(this.#at + AT.size);
      const batch = this.#bytes.subarray(this.#at, end);
      const lastOffset = Number(batch.readBigInt64BE(AT.baseOffset)) +
        batch.readInt32BE(AT.lastOffsetDelta);
      const attributes = batch.readInt16BE(AT.attributes);
      const producerId = batch.readBigInt64BE(AT.producerId);
      while (this.#aborted.length > 0 && this.#aborted[0]!.firstOffset <= lastOffset) {
        this.#aborting.add(this.#aborted.shift()!.producerId);
      }
      if (attributes & ATTRIBUTE.control) {
        if (controlTypeOf(batch) === CONTROL_ABORT) this.#aborting.delete(producerId);
      } else if (!(attributes & ATTRIBUTE.transactional && this.#aborting.has(producerId))) {
        return new OpenBatch(batch, lastOffset, end);
      }
      this.#pass(lastOffset, end);
    }
    return null;
  }

  #pass(lastOffset: number, end: number): void {
    this.nextOffset = Math.max(this.nextOffset, lastOffset + 1);
    this.#at = end;
  }
}

/** Of a control batch: its one record's key is a version and a type, 16 bits each. */
function controlTypeOf(batch: Buffer): number | null {
  if (batch.readInt32BE(AT.recordCount) === 0) return null;
  const record = new VarintReader(batch, HEADER_SIZE);
  record.varint();
  record.at++;
  for (const _ of ["time", "offset", "key length"]) record.varint();
  return batch.readInt16BE(record.at + 2);
}
