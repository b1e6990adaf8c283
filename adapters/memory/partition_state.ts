/**
 * A role's state in memory, for tests and simulations. It keeps copies, as a disk would.
 *
 * @module
 */
import {
  ClaimLostError,
  type PartitionRow,
  type PartitionState,
  type PartitionStateStore,
  type StateWrite,
} from "../../ports/partition_state.ts";

interface Kept<Value> {
  claim: number;
  row: PartitionRow | null;
  values: Map<string, Value>;
}

/** How values are kept. */
export interface MemoryCodec<Value, Key> {
  keyOf(value: Value): Key;
  /** Tells keys apart. */
  textOf(key: Key): string;
  /** A copy that shares nothing with the value. */
  copy(value: Value): Value;
}

/** One process's disk. */
export class MemoryStateStore<Value, Key> implements PartitionStateStore<Value, Key> {
  readonly #partitions = new Map<number, Kept<Value>>();

  constructor(
    private readonly codec: MemoryCodec<Value, Key>,
    private readonly writeCountMax = 200,
  ) {}

  // deno-lint-ignore require-await -- the port is asynchronous
  async claim(partition: number): Promise<MemoryState<Value, Key>> {
    let kept = this.#partitions.get(partition);
    if (kept === undefined) {
      this.#partitions.set(partition, kept = { claim: 0, row: null, values: new Map() });
    }
    return new MemoryState(this.codec, partition, kept, ++kept.claim, this.writeCountMax);
  }
}

/** One partition's values under one claim. */
export class MemoryState<Value, Key> implements PartitionState<Value, Key> {
  constructor(
    private readonly codec: MemoryCodec<Value, Key>,
    private readonly partition: number,
    private readonly kept: Kept<Value>,
    private readonly claim: number,
    readonly writeCountMax: number,
  ) {}

  // deno-lint-ignore require-await -- as above; errors must reject
  async row(): Promise<PartitionRow | null> {
    this.#check();
    return this.kept.row === null ? null : { ...this.kept.row };
  }

  // deno-lint-ignore require-await -- as above
  async read(keys: readonly Key[]): Promise<(Value | null)[]> {
    this.#check();
    return keys.map((key) => {
      const value = this.kept.values.get(this.codec.textOf(key));
      return value === undefined ? null : this.codec.copy(value);
    });
  }

  scan(): AsyncIterable<readonly Value[]> {
    return this.scanWhere(() => true);
  }

  /** The values that pass. */
  async *scanWhere(passes: (value: Value) => boolean): AsyncIterable<readonly Value[]> {
    this.#check();
    const all = [...this.kept.values.values()].filter(passes);
    for (let i = 0; i < all.length; i += this.writeCountMax) {
      this.#check();
      const page = all.slice(i, i + this.writeCountMax);
      yield await Promise.resolve(page.map((value) => this.codec.copy(value)));
    }
  }

  // deno-lint-ignore require-await -- as above
  async write({ row, put = [], delete: keys = [] }: StateWrite<Value, Key>): Promise<void> {
    this.#check();
    const count = put.length + keys.length;
    if (count > this.writeCountMax) {
      throw new RangeError(`${count} values in one write: at most ${this.writeCountMax}`);
    }
    const { codec, kept } = this;
    for (const key of keys) kept.values.delete(codec.textOf(key));
    for (const value of put) kept.values.set(codec.textOf(codec.keyOf(value)), codec.copy(value));
    if (row !== undefined) kept.row = { ...row };
  }

  #check(): void {
    if (this.kept.claim !== this.claim) {
      throw new ClaimLostError(`State of partition ${this.partition}: a later claim exists`);
    }
  }
}
