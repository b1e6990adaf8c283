/**
 * Sorts rows by market, time and price, whatever their number: what memory does not hold goes to a
 * file. So an import gives the same statistics to the last bit, in whatever order its files and
 * lines come.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { Row } from "./rows.ts";

/** Rows held in memory, at 16 to 32 bytes each. */
const ROWS_MAX = 1_000_000;
/** A market's rows of one day are sorted in memory together; windows never cross midnight. */
const DAY_MS = 86_400_000;
const DAYS_MAX = 2 ** 22;

/** Some rows of one market, in order: all of one UTC day. */
export interface SortedRows {
  exchange: string;
  instrument: string;
  /** Pairs of time (ms since the epoch) and price. */
  pairs: Float64Array;
}

/** See the module. */
export class SampleSorter implements Disposable {
  readonly #markets: { exchange: string; instrument: string }[] = [];
  readonly #ids = new Map<string, number>();
  readonly #file: DatabaseSync;
  /** By market and day. */
  #held = new Map<number, Pairs>();
  #heldCount = 0;

  /**
   * @param path Where to put what memory does not hold; the file is gone when this is disposed of.
   * @param rowsMax Rows held in memory at most.
   */
  constructor(private readonly path: string, private readonly rowsMax = ROWS_MAX) {
    this.#file = new DatabaseSync(path);
    // A scratch file: whoever crashes imports again.
    this.#file.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
      CREATE TABLE held (place INTEGER NOT NULL, pairs BLOB NOT NULL)`);
  }

  /** Takes a row. */
  add({ exchange, instrument, timestampMs, price }: Row): void {
    const market = `${exchange}:${instrument}`;
    let id = this.#ids.get(market);
    if (id === undefined) {
      id = this.#markets.push({ exchange, instrument }) - 1;
      this.#ids.set(market, id);
    }
    const place = id * DAYS_MAX + Math.floor(timestampMs / DAY_MS);
    let pairs = this.#held.get(place);
    if (pairs === undefined) this.#held.set(place, pairs = new Pairs());
    // −0 and 0 are the same price, and must not be told apart by their order.
    pairs.add(timestampMs, price + 0);
    if (++this.#heldCount >= this.rowsMax) this.#putAway();
  }

  /** All rows, sorted, a market's day at a time. */
  *sorted(): Generator<SortedRows> {
    this.#putAway();
    this.#file.exec("CREATE INDEX held_places ON held (place)");
    const parts = this.#file.prepare("SELECT place, pairs FROM held ORDER BY place").iterate();
    let last = -1;
    let all: Uint8Array[] = [];
    for (const row of parts) {
      const { place, pairs } = row as { place: number; pairs: Uint8Array };
      if (place !== last && all.length > 0) {
        yield this.#sortedRows(last, all);
        all = [];
      }
      last = place;
      all.push(pairs);
    }
    if (all.length > 0) yield this.#sortedRows(last, all);
  }

  [Symbol.dispose](): void {
    this.#file.close();
    Deno.removeSync(this.path);
  }

  #sortedRows(place: number, parts: readonly Uint8Array[]): SortedRows {
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const market = this.#markets[Math.floor(place / DAYS_MAX)]!;
    return { ...market, pairs: sortPairs(new Float64Array(bytes.buffer)) };
  }

  #putAway(): void {
    const insert = this.#file.prepare("INSERT INTO held VALUES (?, ?)");
    this.#file.exec("BEGIN");
    for (const [place, pairs] of this.#held) insert.run(place, pairs.bytes());
    this.#file.exec("COMMIT");
    this.#held = new Map();
    this.#heldCount = 0;
  }
}

/** A growing list of pairs of doubles. */
class Pairs {
  #doubles = new Float64Array(16);
  #length = 0;

  add(first: number, second: number): void {
    if (this.#length === this.#doubles.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#doubles);
      this.#doubles = larger;
    }
    this.#doubles[this.#length++] = first;
    this.#doubles[this.#length++] = second;
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#doubles.buffer, 0, 8 * this.#length);
  }
}

/** By the first of a pair, then the second; mostly they are in order already. */
function sortPairs(pairs: Float64Array): Float64Array {
  const compare = (a: number, b: number) => pairs[a]! - pairs[b]! || pairs[a + 1]! - pairs[b + 1]!;
  let isSorted = true;
  for (let i = 2; i < pairs.length && isSorted; i += 2) isSorted = compare(i - 2, i) <= 0;
  if (isSorted) return pairs;
  const order = Array.from({ length: pairs.length / 2 }, (_, i) => 2 * i).sort(compare);
  return pairs.map((_, i) => pairs[order[i >> 1]! + (i & 1)]!);
}
