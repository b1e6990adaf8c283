/**
 * A role's state in a Deno KV file, a key for each value. Every atomic is checked on the partition's
 * claim.
 *
 * Keys: `["claim", partition]`, `["row", partition]`, `[codec.name, partition, …codec.placeOf(key)]`.
 * Deno KV writes neighbouring keys several times faster than scattered ones: callers that write many
 * values do well to put them in the order of their places.
 *
 * @module
 */
import { createHash } from "node:crypto";
import {
  ClaimLostError,
  type PartitionRow,
  type PartitionState,
  type StateWrite,
} from "../../ports/partition_state.ts";
import {
  ATOMIC_BYTES_MAX,
  AtomicWriter,
  CheckFailedError,
  deletion,
  type Mutation,
  setBytes,
} from "./atomic_writer.ts";
import { KEYS_PER_READ_MAX, type Kv, VALUE_BYTES_MAX } from "./kv_file.ts";

/** Beyond this an atomic gets no faster, and its keys, at {@link KEY_BYTES_MAX} each, would be too many. */
const WRITE_COUNT_MAX = 400;

/** Longer names, in UTF-16 units, stand in keys as their hash. */
const NAME_IN_KEY_LENGTH_MAX = 50;
/** No less than what a value's key takes. */
const KEY_BYTES_MAX = 200;

/** What {@link PartitionRow} takes beside the values in one atomic: itself a value. */
const ROW_BYTES_MAX = VALUE_BYTES_MAX;

/** Values of a page of a scan, at most about 1.2 MB. */
const SCAN_COUNT_MAX = 100;

/** How values are kept. */
export interface StateCodec<Value, Key> {
  /** The first part of their keys. */
  name: string;
  keyOf(value: Value): Key;
  /** The end of their keys; long names by {@link namePart}. */
  placeOf(key: Key): Deno.KvKey;
  encode(value: Value): Uint8Array;
  decode(bytes: Uint8Array): Value;
}

/** A name as it may stand in a key. */
export function namePart(name: string): string {
  return name.length <= NAME_IN_KEY_LENGTH_MAX
    ? name
    : createHash("sha256").update(name).digest("hex");
}

/** How many values of at most `byteCountMax` bytes fit into one atomic, with the row. */
export function writeCountMaxOf(byteCountMax: number): number {
  const room = Math.floor((ATOMIC_BYTES_MAX - ROW_BYTES_MAX) / (byteCountMax + KEY_BYTES_MAX));
  return Math.max(1, Math.min(WRITE_COUNT_MAX, room));
}

/** Takes a partition over, and returns what every later atomic is checked on. */
export async function claimPartition(kv: Kv, partition: number): Promise<Deno.AtomicCheck> {
  const key = ["claim", partition];
  const claim = { key, value: crypto.randomUUID(), byteCount: 64 };
  return { key, versionstamp: await new AtomicWriter(kv, []).commit([claim]) };
}

/** One partition's values under one claim. */
export class ClaimedState<Value, Key> implements PartitionState<Value, Key> {
  constructor(
    private readonly kv: Kv,
    private readonly codec: StateCodec<Value, Key>,
    private readonly partition: number,
    private readonly claim: Deno.AtomicCheck,
    readonly writeCountMax: number,
  ) {}

  async row(): Promise<PartitionRow | null> {
    const [row] = await this.#get<PartitionRow>([["row", this.partition]]);
    return row!;
  }

  async read(keys: readonly Key[]): Promise<(Value | null)[]> {
    const batches: Promise<(Uint8Array | null)[]>[] = [];
    const perRead = KEYS_PER_READ_MAX - 1; // The claim is read along.
    for (let i = 0; i < keys.length; i += perRead) {
      batches.push(this.#get(keys.slice(i, i + perRead).map((key) => this.#placeOf(key))));
    }
    return (await Promise.all(batches)).flat().map((bytes) => bytes && this.codec.decode(bytes));
  }

  scan(): AsyncIterable<readonly Value[]> {
    return this.scanUnder([]);
  }

  /** The values whose places begin so. */
  protected async *scanUnder(placePrefix: Deno.KvKey): AsyncIterable<readonly Value[]> {
    const prefix = [this.codec.name, this.partition, ...placePrefix];
    let cursor = "";
    for (;;) {
      const page: Value[] = [];
      const options = {
        limit: SCAN_COUNT_MAX,
        batchSize: SCAN_COUNT_MAX,
        ...(cursor !== "" && { cursor }),
      };
      const entries = this.kv.list<Uint8Array>({ prefix }, options);
      for await (const { value } of entries) page.push(this.codec.decode(value));
      await this.#get([]);
      if (page.length > 0) yield page;
      if (page.length < SCAN_COUNT_MAX) return;
      ({ cursor } = entries);
    }
  }

  async write({ row, put = [], delete: keys = [] }: StateWrite<Value, Key>): Promise<void> {
    const count = put.length + keys.length;
    if (count > this.writeCountMax) {
      throw new RangeError(`${count} values in one write; at most ${this.writeCountMax}`);
    }
    const mutations: Mutation[] = keys.map((key) => deletion(this.#placeOf(key)));
    for (const value of put) {
      mutations.push(setBytes(this.#placeOf(this.codec.keyOf(value)), this.codec.encode(value)));
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

  #placeOf(key: Key): Deno.KvKey {
    return [this.codec.name, this.partition, ...this.codec.placeOf(key)];
  }

  #lost(cause?: unknown): ClaimLostError {
    const name = `${this.codec.name[0]!.toUpperCase()}${this.codec.name.slice(1)}s`;
    return new ClaimLostError(`${name} of partition ${this.partition}: a later claim exists`, {
      cause,
    });
  }
}
