/**
 * Sorts rows, whatever their number: what memory does not hold goes to a file. So an import gives
 * the same statistics to the last bit, in whatever order its files and lines come.
 *
 * @module
 */
import { DatabaseSync } from "node:sqlite";
import type { Row } from "./rows.ts";

/** Rows held in memory, at 24 to 48 bytes each. */
const ROWS_MAX = 1_000_000;
/** What lies in one place is sorted in memory together: a market's day, or an hour of all markets. */
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** More than any time has days. */
const DAYS_MAX = 2 ** 22;

/** `market`: by market, time and price. `time`: by time, market and price. */
export type SortOrder = "market" | "time";

/** See the module. */
export class SampleSorter implements Disposable {
  readonly #markets: { exchange: string; instrument: string }[] = [];
  readonly #ids = new Map<string, number>();
  readonly #file: DatabaseSync;
  #held = new Map<number, Triples>();
  #heldCount = 0;

  /**
   * @param path Where to put what memory does not hold; the file is gone when this is disposed of.
   * @param rowsMax Rows held in memory at most.
   */
  constructor(
    private readonly path: string,
    private readonly order: SortOrder,
    private readonly rowsMax = ROWS_MAX,
  ) {
    this.#file = new DatabaseSync(path);
    // A scratch file: whoever crashes imports again.
    this.#file.exec(`PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
      CREATE TABLE held (place INTEGER NOT NULL, triples BLOB NOT NULL)`);
  }

  /** Takes a row. */
  add({ exchange, instrument, timestampMs, price }: Row): void {
    const market = `${exchange}:${instrument}`;
    let id = this.#ids.get(market);
    if (id === undefined) {
      id = this.#markets.push({ exchange, instrument }) - 1;
      this.#ids.set(market, id);
    }
    const place = this.order === "time"
      ? Math.floor(timestampMs / HOUR_MS)
      : id * DAYS_MAX + Math.floor(timestampMs / DAY_MS);
    let triples = this.#held.get(place);
    if (triples === undefined) this.#held.set(place, triples = new Triples());
    // −0 and 0 are the same price, and must not be told apart by their order.
    triples.add(timestampMs, id, price + 0);
    if (++this.#heldCount >= this.rowsMax) this.#putAway();
  }

  /** All rows in order. */
  *sorted(): Generator<Row> {
    this.#putAway();
    this.#file.exec("CREATE INDEX held_places ON held (place)");
    const all = this.#file.prepare("SELECT place, triples FROM held ORDER BY place").iterate();
    let last = -1;
    let parts: Uint8Array[] = [];
    for (const row of all) {
      const { place, triples } = row as { place: number; triples: Uint8Array };
      if (place !== last) {
        yield* this.#rowsOf(parts);
        parts = [];
      }
      last = place;
      parts.push(triples);
    }
    yield* this.#rowsOf(parts);
  }

  [Symbol.dispose](): void {
    this.#file.close();
    Deno.removeSync(this.path);
  }

  *#rowsOf(parts: readonly Uint8Array[]): Generator<Row> {
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    const triples = new Float64Array(bytes.buffer);
    for (const i of sortedPlaces(triples)) {
      const { exchange, instrument } = this.#markets[triples[i + 1]!]!;
      yield { exchange, instrument, timestampMs: triples[i]!, price: triples[i + 2]! };
    }
  }

  #putAway(): void {
    const insert = this.#file.prepare("INSERT INTO held VALUES (?, ?)");
    this.#file.exec("BEGIN");
    for (const [place, triples] of this.#held) insert.run(place, triples.bytes());
    this.#file.exec("COMMIT");
    this.#held = new Map();
    this.#heldCount = 0;
  }
}

/** A growing list of time, market and price. */
class Triples {
  #doubles = new Float64Array(24);
  #length = 0;

  add(timestampMs: number, id: number, price: number): void {
    if (this.#length === this.#doubles.length) {
      const larger = new Float64Array(2 * this.#length);
      larger.set(this.#doubles);
      this.#doubles = larger;
    }
    this.#doubles[this.#length++] = timestampMs;
    this.#doubles[this.#length++] = id;
    this.#doubles[this.#length++] = price;
  }

  bytes(): Uint8Array {
    return new Uint8Array(this.#doubles.buffer, 0, 8 * this.#length);
  }
}

/** Where the triples start, in order; mostly they stand in it already. */
function sortedPlaces(triples: Float64Array): number[] {
  const places = Array.from({ length: triples.length / 3 }, (_, i) => 3 * i);
  return places.sort((a, b) =>
    triples[a]! - triples[b]! || triples[a + 1]! - triples[b + 1]! ||
    triples[a + 2]! - triples[b + 2]!
  );
}
