/**
 * The writer's half of the SQLite store: what one transaction does.
 *
 * @module
 */
import {
  type PollRecord,
  POLLS_KEEP_MS,
  type StatisticsRecord,
  type StatisticsStoreConfig,
} from "../../ports/statistics_store.ts";
import type { Notification } from "../../stats/notification.ts";
import {
  rank,
  type Ranked,
  sortsFirst,
  type StoredRow,
  storedRowOf,
  StreamTimes,
} from "../statistics_rows.ts";
import { ChangeNotes } from "./changes.ts";
import type { Statements } from "./database.ts";
import { expireNotifications, upsertNotifications } from "./notifications.ts";
import {
  AT_KEY,
  atWindow,
  dayOf,
  keyParameters,
  perTable,
  readRow,
  REPLACE_SQL,
  ROW_COLUMNS,
  rowParameters,
  tableOf,
  WINDOW_TABLES,
  type WindowTable,
} from "./window_rows.ts";

/** Expired rows deleted with one write: more than it can bring, so that deleting keeps up. */
const EXPIRED_ROWS_MAX = 5000;

/** Finds a market, and whether it has this base and quote. */
const MARKET_SQL = `SELECT id, first_ms, last_ms, named_ms, base IS ? AND quote IS ?
  FROM markets WHERE exchange = ? AND instrument = ?`;

/** What {@link MARKET_SQL} finds. */
type Market = [id: number, firstMs: number, lastMs: number, namedMs: number, isNamedSo: number];

const STANDING_SQL = perTable((table) =>
  `SELECT origin, count, revision FROM ${table} AS s WHERE ${AT_KEY}`
);

/** Reads the partitions' stream times. */
export function readStreamTimes(db: Statements, config: StatisticsStoreConfig): StreamTimes {
  const rows = db.all(
    "SELECT partition, last_ms, whole_ms FROM stream_times WHERE partition_count = ?",
    [config.partitionCount],
  ) as [partition: number, lastMs: number, wholeMs: number | null][];
  const times = rows.map(([partition, lastMs, wholeMs]) =>
    [partition, { lastMs, wholeMs: wholeMs ?? -Infinity }] as const
  );
  return new StreamTimes(config, new Map(times));
}

/** The statements that change the store. Call each method within a transaction. */
export class StatisticsWrites {
  constructor(
    private readonly db: Statements,
    private readonly config: StatisticsStoreConfig,
  ) {}

  /** Upserts windows; how many rows changed. */
  upsert(records: readonly StatisticsRecord[]): number {
    const streams = readStreamTimes(this.db, this.config);
    for (const record of records) streams.note(record);
    for (const [partition, { lastMs, wholeMs }] of streams.times) {
      this.db.run(
        "INSERT OR REPLACE INTO stream_times VALUES (?, ?, ?, ?)",
        [this.config.partitionCount, partition, lastMs, wholeMs === -Infinity ? null : wholeMs],
      );
    }
    const expiredBeforeMs = streams.expiredBeforeMs();
    const starts = new Map<number, { hasLive: boolean; hasClosed: boolean }>();
    const notes = new ChangeNotes(this.db);
    let changedCount = 0;
    for (const record of records) {
      const row = storedRowOf(record);
      if (row.origin === "live" && row.startMs < expiredBeforeMs) continue;
      if (!this.#upsertRow(row, notes)) continue;
      const start = starts.get(row.startMs) ?? { hasLive: false, hasClosed: false };
      if (row.origin === "live") start.hasLive = true;
      if (tableOf(row) === "statistics") start.hasClosed = true;
      starts.set(row.startMs, start);
      changedCount++;
    }
    for (const [start, { hasLive, hasClosed }] of starts) {
      this.db.run(
        `INSERT INTO starts VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET
           has_live = max(has_live, excluded.has_live),
           has_closed = max(has_closed, excluded.has_closed)`,
        [start, Number(hasLive), Number(hasClosed)],
      );
      this.db.run("INSERT OR IGNORE INTO days VALUES (?)", [dayOf(start)]);
    }
    notes.trim();
    if (expiredBeforeMs > 0) {
      this.#expire(expiredBeforeMs);
      expireNotifications(this.db, expiredBeforeMs);
    }
    return changedCount;
  }

  /** Upserts polls and deletes old ones. */
  upsertPolls(records: readonly PollRecord[]): void {
    for (const poll of records) {
      this.db.run(
        "INSERT OR REPLACE INTO polls VALUES (?, ?, ?, ?)",
        [poll.source, poll.tickMs, poll.outcome, JSON.stringify(poll)],
      );
    }
    for (const source of new Set(records.map((poll) => poll.source))) {
      this.db.run(
        `DELETE FROM polls WHERE source = ?1
           AND tick_ms < (SELECT max(tick_ms) FROM polls WHERE source = ?1) - ?2
           AND tick_ms IS NOT (SELECT tick_ms FROM polls WHERE source = ?1 AND outcome = 'ok'
             ORDER BY tick_ms DESC LIMIT 1)`,
        [source, POLLS_KEEP_MS],
      );
    }
  }

  /** Upserts notifications; how many rows changed. */
  upsertNotifications(records: readonly Notification[]): number {
    const streams = readStreamTimes(this.db, this.config);
    return upsertNotifications(this.db, records, streams.expiredBeforeMs());
  }

  #upsertRow(row: StoredRow, notes: ChangeNotes): boolean {
    const [marketId, firstMs, lastMs] = this.#market(row);
    const key = keyParameters(row.startMs, marketId);
    const table = tableOf(row);
    const standing = this.#standing(key);
    if (standing !== null) {
      const outranks = rank(row, standing);
      if (!(outranks === "tie" ? sortsFirst(row, this.#row(standing.table, key)) : outranks)) {
        return false;
      }
      if (standing.table !== table) {
        this.db.run(`DELETE FROM ${standing.table} AS s WHERE ${AT_KEY}`, key);
      }
    }
    const changed = row.origin === "live" ? notes.note(marketId, row.startMs) : 0;
    this.db.run(REPLACE_SQL[table], rowParameters(row, marketId, changed));
    if (row.startMs < firstMs || row.startMs > lastMs) {
      this.db.run(
        "UPDATE markets SET first_ms = ?, last_ms = ? WHERE id = ?",
        [Math.min(firstMs, row.startMs), Math.max(lastMs, row.startMs), marketId],
      );
    }
    return true;
  }

  /** The market of a row, made where it is new, its base and quote brought up to date. */
  #market({ exchange, instrument, startMs, base, quote }: StoredRow): Market {
    const known = this.db.get(MARKET_SQL, [base, quote, exchange, instrument]) as
      | Market
      | undefined;
    const isNamed = base !== null || quote !== null;
    if (known === undefined) {
      this.db.run(
        `INSERT INTO markets (exchange, instrument, base, quote, named_ms, first_ms, last_ms)
           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6)`,
        [exchange, instrument, base, quote, isNamed ? startMs : -1, startMs],
      );
      return this.db.get(MARKET_SQL, [base, quote, exchange, instrument]) as Market;
    }
    const [id, , , namedMs, isNamedSo] = known;
    if (isNamed && (startMs > namedMs || (startMs === namedMs && isNamedSo === 0))) {
      // Of two names in one window the greater stands: any order of writes ends the same.
      this.db.run(
        `UPDATE markets SET base = ?1, quote = ?2, named_ms = ?3 WHERE id = ?4
           AND (?3, ifnull(?1, ''), ifnull(?2, '')) > (named_ms, ifnull(base, ''), ifnull(quote, ''))`,
        [base, quote, startMs, id],
      );
    }
    return known;
  }

  /** The window's row, as far as {@link rank} needs it, and its table. */
  #standing(key: readonly number[]): Ranked & { table: WindowTable } | null {
    for (const table of WINDOW_TABLES) {
      const values = this.db.get(STANDING_SQL[table], key) as
        | [string | null, number, number]
        | undefined;
      if (values === undefined) continue;
      const [origin, count, revision] = values;
      return { table, origin: origin ?? "live", count, revision };
    }
    return null;
  }

  #row(table: WindowTable, key: readonly number[]): StoredRow {
    return readRow(
      this.db.get(
        `SELECT ${ROW_COLUMNS} FROM ${table} AS s JOIN markets AS m ON m.id = s.market WHERE ${AT_KEY}`,
        key,
      )!,
    );
  }

  /** Deletes up to {@link EXPIRED_ROWS_MAX} live rows of the first day that has any before `beforeMs`. */
  #expire(beforeMs: number): void {
    const [startMs] = this.db.get(
      "SELECT min(start) FROM starts WHERE has_live = 1 AND start < ?",
      [beforeMs],
    ) as [number | null];
    if (startMs === null) return;
    const day = dayOf(startMs);
    let deletedCount = 0;
    for (const table of WINDOW_TABLES) {
      deletedCount += this.db.run(
        `DELETE FROM ${table} WHERE (day, market, start) IN (
           SELECT day, market, start FROM ${table} WHERE day = ? AND origin IS NULL LIMIT ?)`,
        [day, EXPIRED_ROWS_MAX],
      );
    }
    if (deletedCount < EXPIRED_ROWS_MAX) this.#endDay(day);
  }

  /** Forgets the day's starts and the markets that have no rows left. */
  #endDay(day: number): void {
    const inDay = "start >= ?1 * 86400000 AND start < (?1 + 1) * 86400000";
    this.db.run(`UPDATE starts SET has_live = 0 WHERE ${inDay}`, [day]);
    this.db.run(
      `DELETE FROM starts WHERE ${inDay}
         AND start NOT IN (SELECT start FROM statistics WHERE day = ?1)`,
      [day],
    );
    this.db.run(
      "DELETE FROM days WHERE day = ? AND NOT EXISTS (SELECT 1 FROM statistics WHERE day = days.day)",
      [day],
    );
    const here = WINDOW_TABLES.map((table) =>
      `EXISTS (SELECT 1 FROM ${table} AS s WHERE ${atWindow("t.start", "markets.id")})`
    ).join(" OR ");
    const end = (direction: "ASC" | "DESC") =>
      `ifnull((SELECT t.start FROM starts AS t WHERE t.start BETWEEN first_ms AND last_ms
         AND (${here}) ORDER BY t.start ${direction} LIMIT 1), -1)`;
    this.db.run(
      `UPDATE markets SET first_ms = ${end("ASC")}, last_ms = ${end("DESC")}
         WHERE first_ms < (? + 1) * 86400000`,
      [day],
    );
    this.db.run("DELETE FROM markets WHERE first_ms = -1");
  }
}
