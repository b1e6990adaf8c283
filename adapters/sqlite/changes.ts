/**
 * What has changed of late, in the order of storing: each live row bears the number of its last
 * change, and a table has the numbers and whose they are. SQLite has one writer at a time, so numbers
 * become visible in their order, without a hole.
 *
 * @module
 */
import type { ChangePage, StatisticsChange } from "../../ports/statistics_changes.ts";
import { checkLimit, type StreamTimes } from "../statistics_rows.ts";
import type { Statements } from "./database.ts";
import { atWindow, perTable, readRow, ROW_COLUMNS, WINDOW_TABLES } from "./window_rows.ts";

/** Changes that are kept: 3 MB; of 2,000 markets published every 30 s those of 50 minutes. */
export const CHANGES_KEPT = 200_000;

/** A number of a place has so many digits, so that places sort as texts. */
const DIGITS = 16;

/** A change's own row: where the row has changed again since, its number is another. */
const CHANGED_SQL = perTable((table) =>
  `SELECT ${ROW_COLUMNS}, c.seq FROM changes AS c CROSS JOIN markets AS m ON m.id = c.market
     CROSS JOIN ${table} AS s ON ${atWindow("c.start", "c.market")} AND s.changed = c.seq
     WHERE c.seq > ? ORDER BY c.seq LIMIT ?`
);

/** Numbers the changes of one transaction. Make it and use it within that transaction. */
export class ChangeNotes {
  readonly #firstSeq: number;
  #seq: number;

  constructor(private readonly db: Statements) {
    [this.#seq] = db.get("SELECT ifnull(max(seq), 0) FROM changes") as [number];
    this.#firstSeq = this.#seq;
  }

  /** Notes that a live row changes; the number it is to bear. */
  note(market: number, startMs: number): number {
    this.db.run("INSERT INTO changes VALUES (?, ?, ?)", [++this.#seq, market, startMs]);
    return this.#seq;
  }

  /** Forgets the oldest; the last one always stays, so that no number comes twice. */
  trim(): void {
    if (this.#seq === this.#firstSeq) return;
    this.db.run("DELETE FROM changes WHERE seq <= ?", [this.#seq - CHANGES_KEPT]);
  }
}

/** As the port's `changes`. */
export function readChanges(
  db: Statements,
  streams: StreamTimes,
  after: string | null,
  limit: number,
): ChangePage | null {
  checkLimit(limit);
  const [id] = db.get("SELECT substr(id, 1, 8) FROM store") as [string];
  const placeOf = (seq: number) => `${id}-${`${seq}`.padStart(DIGITS, "0")}`;
  const [firstSeq, lastSeq] = db.get("SELECT min(seq), max(seq) FROM changes") as
    | [number, number]
    | [null, null];
  const presentSeq = lastSeq ?? 0;
  if (after === null) return { changes: [], place: placeOf(presentSeq), isFull: false };
  const afterSeq = Number(after.slice(id.length + 1));
  if (placeOf(afterSeq) !== after || afterSeq > presentSeq) return null;
  if (firstSeq !== null && afterSeq < firstSeq - 1) return null;
  const found = WINDOW_TABLES.flatMap((table) => db.all(CHANGED_SQL[table], [afterSeq, limit]));
  const changes = found.sort((a, b) => (a.at(-1) as number) - (b.at(-1) as number))
    .slice(0, limit).map((values): StatisticsChange => {
      const stored = readRow(values);
      return {
        place: placeOf(values.at(-1) as number),
        row: { ...stored, state: streams.stateOf(stored) },
      };
    });
  const isFull = changes.length === limit;
  return { changes, place: isFull ? changes.at(-1)!.place : placeOf(presentSeq), isFull };
}
