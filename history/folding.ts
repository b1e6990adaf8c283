/**
 * Folds samples of any order into windows by the same code that counts live ones, in bounded memory:
 * what does not fit goes to a file and comes back when it is needed.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import { decodeStatistics, encodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import type { StatisticsRecord } from "../ports/statistics_store.ts";
import { marketOf, type Sample, sampleTimeMs } from "../stats/sample.ts";
import {
  countSample,
  isDuplicate,
  openWindow,
  revisionOf,
  windowStartMs,
  type WindowState,
} from "../stats/window.ts";
import { windowKeyOf } from "../topology.ts";

/** Windows in memory at most: some 100 MB. */
const WINDOWS_MAX = 200_000;
/** Windows handed on at a time. */
const PAGE = 5_000;

/** How to fold. */
export interface FoldingOptions {
  windowSizeMs: number;
  /** Where windows go that do not fit into memory: a file that is not there yet. */
  spillPath: string;
  /** Windows in memory at most. */
  windowCountMax?: number;
}

/** The windows of one import. */
export class Folding implements Disposable {
  readonly #windows = new Map<string, WindowState>();
  readonly #windowCountMax: number;
  #spill: Spill | null = null;
  #offset = 0;
  counted = 0;
  duplicate = 0;

  constructor(private readonly options: FoldingOptions) {
    this.#windowCountMax = options.windowCountMax ?? WINDOWS_MAX;
  }

  /** Counts a sample, unless its tick was counted before. */
  count(sample: Sample): void {
    const key = windowKeyOf(
      marketOf(sample),
      windowStartMs(sampleTimeMs(sample), this.options.windowSizeMs),
    );
    let window = this.#windows.get(key) ?? this.#spill?.read(key);
    if (window !== undefined && isDuplicate(window, sample)) {
      this.duplicate++;
      return;
    }
    window ??= openWindow(sample, this.options.windowSizeMs, "import");
    countSample(window, sample, this.#offset++);
    this.counted++;
    // Put anew, so that the map's order is that of use.
    this.#windows.delete(key);
    this.#windows.set(key, window);
    if (this.#windows.size > this.#windowCountMax) this.#spillHalf();
  }

  /** All windows, closed, each once. */
  *windows(): Iterable<StatisticsRecord[]> {
    if (this.#spill !== null) {
      this.#spill.write(this.#windows);
      this.#windows.clear();
      yield* this.#spill.pages();
      return;
    }
    let page: StatisticsRecord[] = [];
    for (const window of this.#windows.values()) {
      page.push(recordOf(window));
      if (page.length < PAGE) continue;
      yield page;
      page = [];
    }
    if (page.length > 0) yield page;
  }

  [Symbol.dispose](): void {
    this.#spill?.[Symbol.dispose]();
  }

  #spillHalf(): void {
    this.#spill ??= new Spill(this.options.spillPath);
    const oldest = new Map([...this.#windows].slice(0, this.#windows.size >> 1));
    this.#spill.write(oldest);
    for (const key of oldest.keys()) this.#windows.delete(key);
  }
}

function recordOf(window: WindowState): StatisticsRecord {
  window.closed = true;
  return { window, revision: revisionOf(window), streamMs: 0 };
}

/** Windows in a file. A crash leaves the file behind, and the next import begins with an empty one. */
class Spill implements Disposable {
  readonly #db: DatabaseSync;

  constructor(private readonly path: string) {
    removeIfThere(path);
    this.#db = new DatabaseSync(path);
    this.#db.exec("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF");
    this.#db.exec("CREATE TABLE windows (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID");
  }

  write(windows: Iterable<[string, WindowState]>): void {
    const put = this.#db.prepare("INSERT OR REPLACE INTO windows VALUES (?, ?)");
    this.#db.exec("BEGIN");
    for (const [key, window] of windows) put.run(key, encodeStatistics(window, 0));
    this.#db.exec("COMMIT");
  }

  read(key: string): WindowState | undefined {
    const row = this.#db.prepare("SELECT value FROM windows WHERE key = ?").get(key);
    return row === undefined ? undefined : decodeStatistics(row.value as Uint8Array).window;
  }

  *pages(): Iterable<StatisticsRecord[]> {
    const next = this.#db.prepare(
      "SELECT key, value FROM windows WHERE key > ? ORDER BY key LIMIT ?",
    );
    for (let after = "";;) {
      const rows = next.all(after, PAGE);
      if (rows.length === 0) return;
      yield rows.map((row) => recordOf(decodeStatistics(row.value as Uint8Array).window));
      after = rows.at(-1)!.key as string;
    }
  }

  [Symbol.dispose](): void {
    this.#db.close();
    removeIfThere(this.path);
  }
}

function removeIfThere(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
