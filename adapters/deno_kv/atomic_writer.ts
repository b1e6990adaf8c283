/**
 * Many mutations in as few atomics as Deno KV's limits allow, each checked on the same keys.
 *
 * @module
 */
import type { Kv } from "./kv_file.ts";

/** Deno KV takes 1,000 mutations, 819,200 bytes of keys and values and 81,920 bytes of keys in one atomic. */
const MUTATIONS_MAX = 1000;
export const ATOMIC_BYTES_MAX = 815_000;
const KEY_BYTES_MAX = 81_000;

/** Atomics under way at once: the next is made ready while one is written. */
const IN_FLIGHT_MAX = 2;

/** One change of one key. */
export interface Mutation {
  key: Deno.KvKey;
  /** `null` deletes. */
  value: unknown;
  /** No less than what the value takes when stored, in bytes. */
  byteCount: number;
}

/** A checked key was changed by somebody else: the atomic did not happen. */
export class CheckFailedError extends Error {
  override name = "CheckFailedError";
  constructor() {
    super(
      "Another process has taken this Deno KV file over and writes it now; stop one of the two",
    );
  }
}

/** Sets a key to bytes. */
export function setBytes(key: Deno.KvKey, value: Uint8Array): Mutation {
  return { key, value, byteCount: value.length };
}

/** Deletes a key. */
export function deletion(key: Deno.KvKey): Mutation {
  return { key, value: null, byteCount: 0 };
}

/** Writes what is added by and by; what {@link commit} adds is written last and in one atomic. */
export class AtomicWriter implements AsyncDisposable {
  #open: Mutation[] = [];
  #byteCount = 0;
  #keyByteCount = 0;
  #inFlight: Promise<string>[] = [];

  constructor(private readonly kv: Kv, private readonly checks: readonly Deno.AtomicCheck[]) {}

  /** Adds a mutation; it may be written at any time from now on. @throws Where an earlier atomic failed. */
  async add(mutation: Mutation): Promise<void> {
    if (!this.#fits([mutation])) await this.#send();
    this.#put(mutation);
  }

  /**
   * Writes `last` in one atomic after everything else.
   *
   * @returns That atomic's versionstamp.
   * @throws {CheckFailedError} Where a checked key was changed.
   * @throws {RangeError} Where `last` is more than an atomic holds.
   */
  async commit(last: readonly Mutation[] = []): Promise<string> {
    if (!this.#fits(last)) {
      await this.#send();
      if (!this.#fits(last)) throw new RangeError(`${last.length} changes are too many at once`);
    }
    await this.#settle();
    for (const mutation of last) this.#put(mutation);
    return await this.#write(this.#open);
  }

  /** Waits until nothing is under way, so that no later write can be overtaken. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#inFlight.splice(0));
  }

  /** The same. @throws The first error of what was under way. */
  async #settle(): Promise<void> {
    const results = await Promise.allSettled(this.#inFlight.splice(0));
    for (const result of results) if (result.status === "rejected") throw result.reason;
  }

  #fits(mutations: readonly Mutation[]): boolean {
    let byteCount = this.#byteCount;
    let keyByteCount = this.#keyByteCount;
    for (const { key, byteCount: valueByteCount } of mutations) {
      keyByteCount += keyBytesOf(key);
      byteCount += keyBytesOf(key) + valueByteCount;
    }
    return this.#open.length + mutations.length <= MUTATIONS_MAX &&
      byteCount <= ATOMIC_BYTES_MAX && keyByteCount <= KEY_BYTES_MAX;
  }

  #put(mutation: Mutation): void {
    this.#open.push(mutation);
    this.#keyByteCount += keyBytesOf(mutation.key);
    this.#byteCount += keyBytesOf(mutation.key) + mutation.byteCount;
  }

  async #send(): Promise<void> {
    const mutations = this.#open;
    this.#open = [];
    this.#byteCount = this.#keyByteCount = 0;
    if (this.#inFlight.length >= IN_FLIGHT_MAX) await this.#settle();
    const written = this.#write(mutations);
    written.catch(() => {}); // Told by #settle().
    this.#inFlight.push(written);
  }

  async #write(mutations: readonly Mutation[]): Promise<string> {
    const atomic = this.kv.atomic().check(...this.checks);
    for (const { key, value } of mutations) {
      if (value === null) atomic.delete(key);
      else atomic.set(key, value);
    }
    const result = await atomic.commit();
    if (!result.ok) throw new CheckFailedError();
    return result.versionstamp;
  }
}

/** No less than what a key takes when stored, in bytes. */
function keyBytesOf(key: Deno.KvKey): number {
  let byteCount = 0;
  for (const part of key) byteCount += typeof part === "string" ? 3 * part.length + 2 : 10;
  return byteCount;
}
