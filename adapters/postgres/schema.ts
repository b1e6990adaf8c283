/**
 * The tables of the Postgres store.
 *
 * Windows are partitioned by the UTC month of their start, so that a month that nobody needs goes at
 * once. Neither index has what a publication changes, and each page has room for a second version of
 * its rows: an open window that is published again and again is changed where it lies (HOT), in no
 * index, and what it was before goes without a vacuum.
 *
 * @module
 */
import { OperatorError } from "../../errors.ts";
import type { Database, Query } from "./database.ts";
import { isTableMissing, NotMadeYetError } from "./errors.ts";

/** Advisory locks of the database: any numbers that nobody else has. */
export const LOCKS = {
  schema: 7_411_001,
  partitions: 7_411_002,
  writes: 7_411_003,
  changes: 7_411_004,
};

/** Per cent of a page that new rows fill. All rows of one page are published in one transaction, so each needs room for two. */
const FILL_FACTOR = 48;

/** The n-th brings a database of schema version n to n + 1. Times in ms since the epoch. */
const MIGRATIONS = [
  `
  CREATE SEQUENCE market_ids AS integer;
  CREATE TABLE markets (
    id integer PRIMARY KEY,
    exchange text COLLATE "C" NOT NULL,
    instrument text COLLATE "C" NOT NULL,
    base text COLLATE "C",
    quote text COLLATE "C",
    named_ms bigint NOT NULL,
    first_ms bigint NOT NULL,
    last_ms bigint NOT NULL,
    UNIQUE (exchange, instrument)
  ) WITH (fillfactor = 70);
  CREATE TABLE statistics (
    start_ms bigint NOT NULL,
    end_ms bigint NOT NULL,
    count bigint NOT NULL,
    mean_hi float8 NOT NULL,
    mean_lo float8 NOT NULL,
    m2_hi float8 NOT NULL,
    m2_lo float8 NOT NULL,
    min float8 NOT NULL,
    max float8 NOT NULL,
    open float8 NOT NULL,
    open_ms bigint NOT NULL,
    close float8 NOT NULL,
    close_ms bigint NOT NULL,
    interval_ms bigint,
    revision bigint NOT NULL,
    market integer NOT NULL,
    tick_count integer NOT NULL,
    is_closed boolean NOT NULL,
    amended boolean NOT NULL,
    origin text COLLATE "C" NOT NULL,
    PRIMARY KEY (market, start_ms)
  ) PARTITION BY RANGE (start_ms);
  CREATE INDEX statistics_by_start ON statistics (start_ms);
  CREATE INDEX statistics_of_history ON statistics (start_ms) WHERE origin <> 'live';
  CREATE TABLE stream_times (
    partition_count integer NOT NULL,
    partition integer NOT NULL,
    last_ms bigint NOT NULL,
    whole_ms bigint,
    PRIMARY KEY (partition_count, partition)
  );
  CREATE TABLE polls (
    source text COLLATE "C" NOT NULL,
    tick_ms bigint NOT NULL,
    outcome text NOT NULL,
    poll json NOT NULL,
    PRIMARY KEY (source, tick_ms)
  );
  CREATE INDEX successful_polls ON polls (source, tick_ms) WHERE outcome = 'ok';
  CREATE TABLE schema_version (
    version integer NOT NULL,
    store_id text NOT NULL DEFAULT gen_random_uuid()
  );
  INSERT INTO schema_version VALUES (1);
`,
  `
  CREATE TABLE changes (
    xid xid8 PRIMARY KEY,
    at timestamptz NOT NULL,
    markets integer[] NOT NULL,
    starts bigint[] NOT NULL
  );
  INSERT INTO changes VALUES (pg_current_xact_id(), now(), '{}', '{}');
`,
  `
  CREATE TABLE notifications (
    id text COLLATE "C" PRIMARY KEY,
    started_ms bigint NOT NULL,
    state text COLLATE "C" NOT NULL,
    rule text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    exchange text COLLATE "C",
    instrument text COLLATE "C",
    base text COLLATE "C",
    quote text COLLATE "C",
    source text COLLATE "C",
    notification json NOT NULL
  );
  CREATE INDEX notifications_by_start ON notifications (started_ms, id);
  CREATE INDEX notifications_by_market ON notifications (exchange, instrument, started_ms, id);
  CREATE INDEX firing_notifications ON notifications (started_ms, id) WHERE state = 'firing';
`,
];

/** The schema version that this program writes. */
export const SCHEMA_VERSION = MIGRATIONS.length;

/** In SQL: begins a transaction that writes; those that delete markets wait for it. */
export const BEGIN_WRITE = `BEGIN; SELECT pg_advisory_xact_lock_shared(${LOCKS.writes})`;
/** In SQL: begins a transaction beside which nobody writes. It gives way soon where it would keep readers waiting. */
export const BEGIN_ALONE =
  `BEGIN; SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(${LOCKS.writes})`;

/**
 * Brings a database up to date, or for who only reads looks whether it is.
 *
 * @throws {NotMadeYetError} Where no writer has made the tables yet, or not as this program reads them.
 * @throws {OperatorError} Where the schema is newer than this program's.
 */
export async function prepare(database: Database, isReadOnly: boolean): Promise<void> {
  if (await versionOf(database) === SCHEMA_VERSION) return;
  if (isReadOnly) {
    const { host, port, database: name } = database.address;
    throw new NotMadeYetError(
      `DATABASE_URL: ${host}:${port}: a writer has not yet made the tables in database ${name}`,
    );
  }
  await database.transaction(async (query) => {
    // Another process may have been at the same.
    const version = await versionOf(database);
    if (version === SCHEMA_VERSION) return;
    for (const sql of MIGRATIONS.slice(version)) await query(sql);
    await query(`UPDATE schema_version SET version = ${SCHEMA_VERSION}`);
  }, `BEGIN; SELECT pg_advisory_xact_lock(${LOCKS.schema})`);
}

/** The schema version of a database; 0: it has none of the tables. */
async function versionOf(database: Database): Promise<number> {
  let version: number;
  try {
    const { rows: [row] } = await database.run("SELECT version FROM schema_version");
    version = row![0] as number;
  } catch (error) {
    if (isTableMissing((error as Error).cause as Error)) return 0;
    throw error;
  }
  refuseNewer(version, database);
  return version;
}

/** @throws {OperatorError} Where a newer program has brought the tables further than this one knows them. */
export function refuseNewer(version: number, database: Database): void {
  if (version <= SCHEMA_VERSION) return;
  throw new OperatorError(
    `DATABASE_URL: the schema version of database ${database.address.database} is ${version} and ` +
      `this program knows ${SCHEMA_VERSION}; run the newer program, or name another database`,
  );
}

/** The first instant of a time's UTC month. */
export function monthOf(timeMs: number): number {
  const date = new Date(timeMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth());
}

/** The first instant of the month that follows. */
export function nextMonth(monthMs: number): number {
  const date = new Date(monthMs);
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1);
}

/** A month's partition, as `statistics_2024_01`. */
function partitionNameOf(monthMs: number): string {
  const [year, month] = new Date(monthMs).toISOString().split("-").slice(-3) as [string, string];
  return `statistics_${year.replace(/^\+0*/, "")}_${month}`;
}

/** Makes a month's partition where it is not there. Others may be making the same; it is there when their transaction or this one ends. */
export async function makePartition(query: Query, monthMs: number): Promise<void> {
  const name = partitionNameOf(monthMs);
  await query(`SELECT pg_advisory_xact_lock(${LOCKS.partitions})`);
  const { rows: [row] } = await query("SELECT to_regclass($1)::text", [name]);
  if (row![0] !== null) return;
  // Attached, not made as a partition: that would keep readers out.
  await query(`CREATE TABLE ${name} (LIKE statistics) WITH (fillfactor = ${FILL_FACTOR})`);
  await query(
    `ALTER TABLE statistics ATTACH PARTITION ${name}
       FOR VALUES FROM (${monthMs}) TO (${nextMonth(monthMs)})`,
  );
}

/** Drops the partitions that end before a time and hold no history that was imported; how many. Call it alone ({@link BEGIN_ALONE}). */
export async function dropPartitions(query: Query, beforeMs: number): Promise<number> {
  const { rows } = await query(
    "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'statistics'::regclass",
  );
  let count = 0;
  for (const [name] of rows as [string][]) {
    const [, year, month] = /(\d+)_(\d\d)$/.exec(name)!;
    const monthMs = Date.UTC(Number(year), Number(month) - 1);
    if (nextMonth(monthMs) > beforeMs) continue;
    const history = await query(`SELECT FROM ${name} WHERE origin <> 'live' LIMIT 1`);
    if (history.rows.length > 0) continue;
    await query(`DROP TABLE ${name}`);
    count++;
  }
  return count;
}
