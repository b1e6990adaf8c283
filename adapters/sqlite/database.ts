/**
 * The SQLite file of the embedded store: its connections, its schema, and what its errors mean.
 *
 * Layout: a closed window is a row of `statistics`, clustered by (day, market, start), which serves
 * one market's day, all markets' day and the writer alike. A window that is still open is published
 * again and again; kept among the others, every publication of 14,500 markets would rewrite as many
 * pages (60 MB). So open windows have a small table of their own, and move when they close.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";

/** Longest wait for another process's transaction, in ms. It blocks this process, so it is short; whoever writes tries again. */
const BUSY_WAIT_MS = 1000;
/** The write-ahead log is cut back to this size, in bytes. */
const WAL_BYTES_MAX = 64 * 1024 * 1024;

const windowColumns = `
  day INTEGER NOT NULL,
  market INTEGER NOT NULL,
  start INTEGER NOT NULL,
  size_ms INTEGER NOT NULL,
  origin TEXT,
  count INTEGER NOT NULL,
  mean_hi REAL NOT NULL,
  mean_lo REAL NOT NULL,
  m2_hi REAL NOT NULL,
  m2_lo REAL NOT NULL,
  min REAL NOT NULL,
  max REAL NOT NULL,
  open REAL NOT NULL,
  open_after_ms INTEGER NOT NULL,
  close REAL NOT NULL,
  close_after_ms INTEGER NOT NULL,
  tick_count INTEGER NOT NULL,
  interval_ms INTEGER,
  revision INTEGER NOT NULL,
  amended INTEGER NOT NULL,
  closed INTEGER NOT NULL`;

/**
 * The n-th brings a file of schema version n to n + 1. Times in ms since the epoch; `origin` NULL is
 * live; `starts` and `days` have every window's, so that reads can go from one to the next.
 */
const MIGRATIONS = [`
  CREATE TABLE markets (
    id INTEGER PRIMARY KEY,
    exchange TEXT NOT NULL,
    instrument TEXT NOT NULL,
    base TEXT,
    quote TEXT,
    named_ms INTEGER NOT NULL,
    first_ms INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    UNIQUE (exchange, instrument)
  ) STRICT;
  CREATE INDEX markets_by_instrument ON markets (instrument, exchange);
  CREATE INDEX markets_by_base ON markets (base, exchange, instrument);
  CREATE INDEX markets_by_quote ON markets (quote, exchange, instrument);
  CREATE TABLE statistics (${windowColumns}, PRIMARY KEY (day, market, start)) STRICT, WITHOUT ROWID;
  CREATE TABLE open_statistics (${windowColumns}, PRIMARY KEY (start, market)) STRICT, WITHOUT ROWID;
  CREATE TABLE starts (
    start INTEGER PRIMARY KEY,
    has_live INTEGER NOT NULL,
    has_closed INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX live_starts ON starts (start) WHERE has_live = 1;
  CREATE INDEX closed_starts ON starts (start) WHERE has_closed = 1;
  CREATE TABLE days (day INTEGER PRIMARY KEY) STRICT;
  CREATE TABLE stream_times (
    partition_count INTEGER NOT NULL,
    partition INTEGER NOT NULL,
    last_ms INTEGER NOT NULL,
    whole_ms INTEGER,
    PRIMARY KEY (partition_count, partition)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE polls (
    source TEXT NOT NULL,
    tick_ms INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    poll TEXT NOT NULL,
    PRIMARY KEY (source, tick_ms)
  ) STRICT, WITHOUT ROWID;
`];

/** The schema version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** The two connections to one file. */
export interface Connections {
  writer: DatabaseSync;
  /** Read-only: in WAL mode its snapshots and the writer's transactions do not wait for each other. */
  reader: DatabaseSync;
}

/**
 * Opens the file, makes it where it is missing, and brings its schema up to date.
 *
 * @throws {Error} Where the file cannot be opened or written, is no database, or is of a newer schema.
 */
export function openDatabase(path: string): Connections {
  return explained(path, () => {
    const writer = new DatabaseSync(path, { timeout: BUSY_WAIT_MS });
    try {
      // FULL: the log's position moves after a write, so a write must outlast a power cut.
      writer.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
        PRAGMA cache_size = -8000; PRAGMA journal_size_limit = ${WAL_BYTES_MAX}`);
      migrate(path, writer);
      const reader = new DatabaseSync(path, { readOnly: true, timeout: BUSY_WAIT_MS });
      reader.exec("PRAGMA cache_size = -8000");
      return { writer, reader };
    } catch (error) {
      writer.close();
      throw error;
    }
  });
}

function migrate(path: string, db: DatabaseSync): void {
  transaction(db, () => {
    const { user_version: version } = db.prepare("PRAGMA user_version").get() as {
      user_version: number;
    };
    if (version > SCHEMA_VERSION) {
      throw new Error(
        `statistics store ${path}: its schema version is ${version} and this program knows ${SCHEMA_VERSION}; run the newer program, or use another DATA_DIR`,
      );
    }
    if (version === SCHEMA_VERSION) return;
    for (const sql of MIGRATIONS.slice(version)) db.exec(sql);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
  });
}

/** Runs `work` in one transaction: all of it or nothing. `DEFERRED` is for work that only reads. */
export function transaction<T>(
  db: DatabaseSync,
  work: () => T,
  mode: "IMMEDIATE" | "DEFERRED" = "IMMEDIATE",
): T {
  db.exec(`BEGIN ${mode}`);
  try {
    const result = work();
    db.exec("COMMIT");
    return result;
  } catch (error) {
    try {
      db.exec("ROLLBACK");
    } catch {
      // SQLite rolls back by itself after some errors (a full disk): then there is nothing to roll back.
    }
    throw error;
  }
}

/** A value of a column. */
export type SqlValue = number | string | null;

/** Statements of one connection, each prepared once; so their texts must be few. Rows are arrays, which are read fastest. */
export class Statements {
  readonly #prepared = new Map<string, StatementSync>();

  constructor(private readonly db: DatabaseSync) {}

  /** All rows. */
  all(sql: string, values: readonly SqlValue[] = []): SqlValue[][] {
    return this.#prepare(sql).all(...values) as unknown as SqlValue[][];
  }

  /** The first row, if there is one. */
  get(sql: string, values: readonly SqlValue[] = []): SqlValue[] | undefined {
    return this.#prepare(sql).get(...values) as unknown as SqlValue[] | undefined;
  }

  /** How many rows changed. */
  run(sql: string, values: readonly SqlValue[] = []): number {
    return Number(this.#prepare(sql).run(...values).changes);
  }

  #prepare(sql: string): StatementSync {
    let statement = this.#prepared.get(sql);
    if (statement === undefined) {
      statement = this.db.prepare(sql);
      // Node's types of this version do not know it yet.
      (statement as StatementSync & { setReturnArrays(on: boolean): void }).setReturnArrays(true);
      this.#prepared.set(sql, statement);
    }
    return statement;
  }
}

/** What SQLite says, and what an operator can do about it. */
const HINTS: readonly [RegExp, string][] = [
  [/disk is full/, "the disk is full; free some space"],
  [/is locked/, "another process is using it; stop that one, or use another DATA_DIR"],
  [/readonly database/, "it cannot be written; check the owner and permissions of the file"],
  [/unable to open/, "it cannot be opened; does its folder exist, and may this user write there?"],
  [/not a database|malformed/, "it is damaged or no database; restore it or move it away"],
  [/Requires \w+ access/, "no permission; `deno task permissions` prints the flags to run with"],
  [/disk I\/O error/, "the disk failed to read or write; check the disk"],
];

/** Runs `work`; an error of SQLite's is thrown anew in words for an operator, with the original as its cause. */
export function explained<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if ((cause as { code?: unknown } | null)?.code !== "ERR_SQLITE_ERROR") throw cause;
    const { message } = cause as Error;
    const hint = HINTS.find(([pattern]) => pattern.test(message))?.[1] ?? "SQLite refused";
    throw new Error(`statistics store ${path}: ${hint}`, { cause });
  }
}
