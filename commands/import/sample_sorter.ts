/**
 * Sorts rows by market, time and price, whatever their number: what memory does not hold goes to a
 * file, a sorted run at a time, and is merged when it is read back. So an import gives the same
 * statistics to the last bit, in whatever order its files and lines come.
 *
 * @module
 */
import type { Row } from "./rows.ts";

/** Rows held in memory, at 16 to 32 bytes each. */
const ROWS_MAX = 2_000_000;
/** Doubles read at once from a run. */
const READ_DOUBLES = 8192;
const ROOM_MIN = 16;

/** A market's rows: the times and prices of one place in a run, or in memory. */
interface Cursor {
  timeMs: number;
  price: number;
  /** Goes to the next row of the market; false where there is none. */
  advance(): boolean;
}

/** The rows of one market, in order. */
export interface MarketRows {
  exchange: string;
  instrument: string;
  rows: Iterable<Readonly<{ timeMs: number; price: number }>>;
}

/** See the module. Dispose of it when it was read. */
export class SampleSorter implements Disposable {
  readonly #markets: { exchange: string; instrument: string }[] = [];
  readonly #ids = new Map<string, number>();
  #series: Series[] = [];
  #rowsHeld = 0;
  #file: RunFile | null = null;
  readonly #runs: number[] = [];

  /**
   * @param filePath Where to put what memory does not hold; made when needed, gone when disposed of.
   * @param rowsMax Rows held in memory at most.
   */
  constructor(private readonly filePath: string, private readonly rowsMax = ROWS_MAX) {}

  /** How many markets have rows. */
  get marketCount(): number {
    return this.#markets.length;
  }

  /** Takes a row. */
  add({ exchange, instrument, timestampMs, price }: Row): void {
    const market = `${exchange}:${instrument}`;
    let id = this.#ids.get(market);
    if (id === undefined) {
      id = this.#markets.push({ exchange, instrument }) - 1;
      this.#ids.set(market, id);
    }
    (this.#series[id] ??= new Series()).add(timestampMs, price + 0);
    if (++this.#rowsHeld >= this.rowsMax) this.#spill();
  }

  /** All rows, market by market; each market's must be read before the next market is asked for. */
  *markets(): Generator<MarketRows> {
    const runs = this.#runs.map((at) => new RunCursor(this.#file!, at));
    for (const [id, { exchange, instrument }] of this.#markets.entries()) {
      const cursors: Cursor[] = runs.filter((run) => run.enter(id));
      const held = this.#series[id];
      if (held !== undefined) cursors.push(held.sorted());
      yield { exchange, instrument, rows: merged(cursors) };
      delete this.#series[id];
    }
  }

  [Symbol.dispose](): void {
    this.#file?.close();
    this.#file = null;
  }

  #spill(): void {
    this.#file ??= new RunFile(this.filePath);
    this.#runs.push(this.#file.length);
    for (const [id, series] of this.#series.entries()) {
      if (series !== undefined) this.#file.write(series.sorted().encode(id));
    }
    this.#file.write(new Float64Array([-1, 0]));
    this.#series = [];
    this.#rowsHeld = 0;
  }
}

/** Of the cursors' rows always the least, by time and then by price. */
function* merged(cursors: Cursor[]): Generator<Cursor> {
  const open = cursors.filter((cursor) => cursor.advance());
  while (open.length > 0) {
    let least = 0;
    for (let i = 1; i < open.length; i++) {
      const difference = open[i]!.timeMs - open[least]!.timeMs ||
        open[i]!.price - open[least]!.price;
      if (difference < 0) least = i;
    }
    yield open[least]!;
    if (!open[least]!.advance()) open.splice(least, 1);
  }
}

/** One market's rows in memory. */
class Series implements Cursor {
  timeMs = -Infinity;
  price = 0;
  /** Pairs of time and price. */
  #pairs = new Float64Array(2 * ROOM_MIN);
  #count = 0;
  #isSorted = true;
  #next = 0;

  add(timeMs: number, price: number): void {
    const at = 2 * this.#count++;
    if (at === this.#pairs.length) {
      const larger = new Float64Array(2 * at);
      larger.set(this.#pairs);
      this.#pairs = larger;
    }
    this.#pairs[at] = timeMs;
    this.#pairs[at + 1] = price;
    if (timeMs < this.timeMs || (timeMs === this.timeMs && price < this.price)) {
      this.#isSorted = false;
    }
    this.timeMs = timeMs;
    this.price = price;
  }

  /** Sorts what mostly is in order already. */
  sorted(): this {
    if (this.#isSorted) return this;
    const pairs = this.#pairs;
    const order = Array.from({ length: this.#count }, (_, i) => 2 * i)
      .sort((a, b) => pairs[a]! - pairs[b]! || pairs[a + 1]! - pairs[b + 1]!);
    this.#pairs = Float64Array.from(
      { length: 2 * this.#count },
      (_, i) => pairs[order[i >> 1]! + (i & 1)]!,
    );
    this.#isSorted = true;
    return this;
  }

  advance(): boolean {
    if (this.#next === this.#count) return false;
    this.timeMs = this.#pairs[2 * this.#next]!;
    this.price = this.#pairs[2 * this.#next++ + 1]!;
    return true;
  }

  /** As a run has it: the market, the number of rows, the rows. */
  encode(id: number): Float64Array {
    const doubles = new Float64Array(2 + 2 * this.#count);
    doubles.set([id, this.#count]);
    doubles.set(this.#pairs.subarray(0, 2 * this.#count), 2);
    return doubles;
  }
}

/** The file of the runs: doubles one after the other. */
class RunFile {
  readonly #file: Deno.FsFile;
  #isUnlinked = true;
  /** In doubles. */
  length = 0;

  constructor(private readonly path: string) {
    this.#file = Deno.openSync(path, { create: true, read: true, write: true, truncate: true });
    try {
      // Without a name it is gone as soon as this process is, however that ends.
      Deno.removeSync(path);
    } catch {
      this.#isUnlinked = false;
    }
  }

  write(doubles: Float64Array): void {
    const bytes = new Uint8Array(doubles.buffer, doubles.byteOffset, doubles.byteLength);
    for (let at = 0; at < bytes.length;) at += this.#file.writeSync(bytes.subarray(at));
    this.length += doubles.length;
  }

  read(at: number, into: Float64Array): number {
    this.#file.seekSync(8 * at, Deno.SeekMode.Start);
    const bytes = new Uint8Array(into.buffer);
    let count = 0;
    for (let got: number | null = 0; got !== null && count < bytes.length; count += got ?? 0) {
      got = this.#file.readSync(bytes.subarray(count));
    }
    return count / 8;
  }

  close(): void {
    this.#file.close();
    if (!this.#isUnlinked) Deno.removeSync(this.path);
  }
}

/** A place in a run, from its first market to its last. */
class RunCursor implements Cursor {
  timeMs = 0;
  price = 0;
  readonly #buffer = new Float64Array(READ_DOUBLES);
  #held = 0;
  #used = 0;
  #marketId: number;
  #rowsLeft: number;

  constructor(private readonly file: RunFile, private at: number) {
    this.#marketId = this.#read();
    this.#rowsLeft = this.#read();
  }

  /** Whether the run's next rows are the market's. */
  enter(id: number): boolean {
    return this.#marketId === id;
  }

  advance(): boolean {
    if (this.#rowsLeft === 0) {
      this.#marketId = this.#read();
      this.#rowsLeft = this.#read();
      return false;
    }
    this.#rowsLeft--;
    this.timeMs = this.#read();
    this.price = this.#read();
    return true;
  }

  #read(): number {
    if (this.#used === this.#held) {
      this.#held = this.file.read(this.at, this.#buffer);
      if (this.#held === 0) return -1;
      this.at += this.#held;
      this.#used = 0;
    }
    return this.#buffer[this.#used++]!;
  }
}
