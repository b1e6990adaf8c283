/**
 * The tables of the SQLite store.
 *
 * A closed window is a row of `statistics`, clustered by (day, market, start), which serves
 * one market's day, all markets' day and the writer alike. A window that is still open is published
 * again and again; kept among the others, every publication of 14,500 markets would rewrite as many
 * pages (60 MB). So open windows have a small table of their own, and move when they close.
 *
 * @module
 */
import type { DatabaseSync } from "node:sqlite";

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
 * live; `starts` and `days` have every window's, so that reads can go from one to the next. A row's
 * `changed` is the number in `changes` of what it last was.
 */
const MIGRATIONS = [
  `
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
`,
  `
  CREATE TABLE store (id TEXT NOT NULL) STRICT;
  INSERT INTO store VALUES (lower(hex(randomblob(16))));
`,
  `
  ALTER TABLE statistics ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE open_statistics ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
  CREATE TABLE changes (
    seq INTEGER PRIMARY KEY,
    market INTEGER NOT NULL,
    start INTEGER NOT NULL
  ) STRICT;
`,
  `
  CREATE TABLE notifications (
    id TEXT PRIMARY KEY,
    started_ms INTEGER NOT NULL,
    state TEXT NOT NULL,
    rule TEXT NOT NULL,
    kind TEXT NOT NULL,
    exchange TEXT,
    instrument TEXT,
    base TEXT,
    quote TEXT,
    source TEXT,
    notification TEXT NOT NULL
  ) STRICT;
  CREATE INDEX notifications_by_start ON notifications (started_ms, id);
  CREATE INDEX notifications_by_market ON notifications (exchange, instrument, started_ms, id);
  CREATE INDEX firing_notifications ON notifications (started_ms, id) WHERE state = 'firing';
`,
];

/** The schema version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** The schema version of a file. @throws {Error} Where it is newer than this program's. */
export function versionOf(path: string, db: DatabaseSync): number {
  const { user_version: version } = db.prepare("PRAGMA user_version").get() as {
    user_version: number;
  };
  if (version <= SCHEMA_VERSION) return version;
  throw new Error(
    `statistics store ${path}: its schema version is ${version} and this program knows ${SCHEMA_VERSION}; run the newer program, or use another DATA_DIR or DATABASE_URL`,
  );
}

/** Brings a file up to date. Call it within a transaction: another process may be at the same. */
export function migrate(path: string, db: DatabaseSync): void {
  const version = versionOf(path, db);
  if (version === SCHEMA_VERSION) return;
  for (const sql of MIGRATIONS.slice(version)) db.exec(sql);
  db.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}
