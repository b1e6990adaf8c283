/**
 * The aggregator's windows in a Deno KV file, a key each. Every atomic is checked on the partition's claim.
 *
 * Keys: `["claim", partition]`, `["row", partition]`, `["window", partition, startMs, market]`. Deno
 * KV writes neighbouring keys several times faster than scattered ones: callers that write many
 * windows do well to put them in the order of start and market.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  ClaimLostError,
  type PartitionRow,
  type PartitionWindows,
  type WindowKey,
  type WindowStore,
  type WindowWrite,
} from "../../ports/window_store.ts";
import { marketOfWindow, type WindowState } from "../../stats/window.ts";
import {
  ATOMIC_BYTES_MAX,
  AtomicWriter,
  CheckFailedError,
  deletion,
  type Mutation,
  setBytes,
} from "./atomic_writer.ts";
import { KEYS_PER_READ_MAX, type Kv, VALUE_BYTES_MAX } from "./kv_file.ts";
import { decodeWindow, encodeWindow, windowBytesMax } from "./window_codec.ts";

/** The newest layout of the file that this program knows. */
export const WINDOW_STORE_SCHEMA_VERSION = 1;

/** Beyond this an atomic gets no faster, and its keys, at {@link KEY_BYTES_MAX} each, would be too many. */
const WRITE_COUNT_MAX = 400;

/** Longer market names, in UTF-16 units, stand in keys as their hash. */
const MARKET_IN_KEY_LENGTH_MAX = 50;
/** No less than what a window's key takes. */
const KEY_BYTES_MAX = 200;

/** What {@link PartitionRow} takes beside the windows in one atomic: itself a value. */
const ROW_BYTES_MAX = VALUE_BYTES_MAX;

/** Windows of a page of a scan, at most about 1.2 MB. */
const SCAN_COUNT_MAX = 100;

/** The program's windows. */
export interface WindowStoreConfig {
  /** Up to some five days: their ticks, one a second, must fit into a Deno KV value. */
  windowSizeMs: number;
}

/**
 * Opens the store.
 *
 * @param kv From {@link openKvFile} with {@link WINDOW_STORE_SCHEMA_VERSION}; stays the caller's to close.
 * @throws {RangeError} Where windows are too long for the store.
 */
export async function openWindowStore(kv: Kv, config: WindowStoreConfig): Promise<WindowStore> {
  const key = ["windowSizeMs"];
  // Windows of an earlier, greater size may still be there.
  const { value } = await kv.get<number>(key);
  const windowSizeMs = Math.max(config.windowSizeMs, value ?? 0);
  const byteCountMax = windowBytesMax(windowSizeMs);
  if (byteCountMax > VALUE_BYTES_MAX) {
    throw new RangeError(`WINDOW of ${windowSizeMs} ms: too long, its ticks would not fit`);
  }
  await new AtomicWriter(kv, []).commit([{ key, value: windowSizeMs, byteCount: 16 }]);
  const room = Math.floor((ATOMIC_BYTES_MAX - ROW_BYTES_MAX) / (byteCountMax + KEY_BYTES_MAX));
  return new DenoKvWindowStore(kv, Math.min(WRITE_COUNT_MAX, room));
}

class DenoKvWindowStore implements WindowStore {
  constructor(private readonly kv: Kv, private readonly writeCountMax: number) {}

  async claim(partition: number): Promise<PartitionWindows> {
    const key = ["claim", partition];
    const claim = { key, value: crypto.randomUUID(), byteCount: 64 };
    const versionstamp = await new AtomicWriter(this.kv, []).commit([claim]);
    return new ClaimedWindows(this.kv, partition, { key, versionstamp }, this.writeCountMax);
  }
}

class ClaimedWindows implements PartitionWindows {
  constructor(
    private readonly kv: Kv,
    private readonly partition: number,
    private readonly claim: Deno.AtomicCheck,
    readonly writeCountMax: number,
  ) {}

  async row(): Promise<PartitionRow | null> {
    const [row] = await this.#get<PartitionRow>([["row", this.partition]]);
    return row!;
  }

  async read(keys: readonly WindowKey[]): Promise<(WindowState | null)[]> {
    const batches: Promise<(Uint8Array | null)[]>[] = [];
    const perRead = KEYS_PER_READ_MAX - 1; // The claim is read along.
    for (let i = 0; i < keys.length; i += perRead) {
      batches.push(this.#get(keys.slice(i, i + perRead).map((key) => this.#keyOf(key))));
    }
    return (await Promise.all(batches)).flat().map((bytes) => bytes && decodeWindow(bytes));
  }

  async *scan(startMs?: number): AsyncIterable<readonly WindowState[]> {
    const prefix = ["window", this.partition, ...(startMs === undefined ? [] : [startMs])];
    let cursor = "";
    for (;;) {
      const page: WindowState[] = [];
      const options = {
        limit: SCAN_COUNT_MAX,
        batchSize: SCAN_COUNT_MAX,
        ...(cursor !== "" && { cursor }),
      };
      const entries = this.kv.list<Uint8Array>({ prefix }, options);
      for await (const { value } of entries) page.push(decodeWindow(value));
      await this.#get([]);
      if (page.length > 0) yield page;
      if (page.length < SCAN_COUNT_MAX) return;
      ({ cursor } = entries);
    }
  }

  async write({ row, put = [], delete: keys = [] }: WindowWrite): Promise<void> {
    if (put.length + keys.length > this.writeCountMax) {
      throw new RangeError(
        `${put.length + keys.length} windows in one write; at most ${this.writeCountMax}`,
      );
    }
    const mutations: Mutation[] = keys.map((key) => deletion(this.#keyOf(key)));
    for (const window of put) {
      const key = this.#keyOf({ market: marketOfWindow(window), startMs: window.startMs });
      mutations.push(setBytes(key, encodeWindow(window)));
    }
    if (row !== undefined) {
      const { torn, checkpointId, state } = row;
      const byteCount = 2 * (checkpointId.length + state.length) + 100;
      mutations.push({
        key: ["row", this.partition],
        value: { torn, checkpointId, state },
        byteCount: Math.min(byteCount, ROW_BYTES_MAX),
      });
    }
    try {
      await new AtomicWriter(this.kv, [this.claim]).commit(mutations);
    } catch (error) {
      throw error instanceof CheckFailedError ? this.#lost(error) : error;
    }
  }

  /** Values of one moment, the claim still ours. */
  async #get<T>(keys: readonly Deno.KvKey[]): Promise<(T | null)[]> {
    const [claim, ...entries] = await this.kv.getMany([this.claim.key, ...keys]);
    if (claim!.versionstamp !== this.claim.versionstamp) throw this.#lost();
    return entries.map(({ value }) => value as T | null);
  }

  #keyOf({ market, startMs }: WindowKey): Deno.KvKey {
    const name = market.length <= MARKET_IN_KEY_LENGTH_MAX
      ? market
      : createHash("sha256").update(market).digest("hex");
    return ["window", this.partition, startMs, name];
  }

  #lost(cause?: unknown): ClaimLostError {
    return new ClaimLostError(`Windows of partition ${this.partition}: a later claim exists`, {
      cause,
    });
  }
}
