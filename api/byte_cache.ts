/**
 * Answers kept as bytes, so that asking again costs no reading, checking and writing.
 *
 * @module
 */

/** An answer as it was sent. */
export interface KeptAnswer {
  /** Sent in less time than bytes, which Deno copies first. */
  text: string;
  /** Its length in UTF-8. */
  length: number;
  /** Its headers that are not those of every answer. */
  headers: Readonly<Record<string, string>>;
  /** The pattern of the route that gave it. */
  route: string;
}

/** How much to keep. */
export interface ByteCacheConfig {
  byteCountMax: number;
  /** How long an answer is given again, in ms. */
  keepMs: number;
}

/** What an entry takes beside its bytes and its key, roughly. */
const ENTRY_BYTES = 500;

/** The answers asked for last, by key, bounded in bytes. Pure: time is given. */
export class ByteCache {
  /** In the order in which they were last asked for. */
  readonly #entries = new Map<string, KeptAnswer & { untilMs: number; byteCount: number }>();
  #byteCount = 0;

  constructor(private readonly config: ByteCacheConfig) {}

  get byteCount(): number {
    return this.#byteCount;
  }

  /** The answer under `key`, where one is kept that is not too old. */
  get(key: string, nowMs: number): KeptAnswer | null {
    const entry = this.#entries.get(key);
    if (entry === undefined) return null;
    this.#entries.delete(key);
    if (nowMs >= entry.untilMs) {
      this.#byteCount -= entry.byteCount;
      return null;
    }
    this.#entries.set(key, entry);
    return entry;
  }

  /** Keeps an answer, in the place of those that nobody has asked for for longest. One that would take more than a sixteenth of the room is not kept. */
  set(key: string, answer: KeptAnswer, nowMs: number): void {
    const { byteCountMax, keepMs } = this.config;
    const byteCount = answer.length + 2 * key.length + ENTRY_BYTES;
    this.#remove(key);
    if (byteCount > byteCountMax / 16) return;
    this.#entries.set(key, { ...answer, untilMs: nowMs + keepMs, byteCount });
    this.#byteCount += byteCount;
    for (const oldest of this.#entries.keys()) {
      if (this.#byteCount <= byteCountMax) break;
      this.#remove(oldest);
    }
  }

  #remove(key: string): void {
    this.#byteCount -= this.#entries.get(key)?.byteCount ?? 0;
    this.#entries.delete(key);
  }
}
