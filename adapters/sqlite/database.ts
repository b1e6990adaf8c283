/**
 * The SQLite file of the store: its connections and their statements.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { explained } from "./errors.ts";
import { migrate, SCHEMA_VERSION, versionOf } from "./schema.ts";

/** Longest wait inside SQLite for another process's lock, in ms. It blocks this thread, so it is short; whoever writes tries again. */
const BUSY_WAIT_MS = 50;
/** The same for a read: only a file that is being opened or closed keeps readers out. */
const BUSY_WAIT_READ_MS = 1000;
/** The write-ahead log is cut back to this size, in bytes. */
const WAL_BYTES_MAX = 64 * 1024 * 1024;

/** The connections to one file. */
export interface Connections {
  /** `null` where the file was opened for reading alone. */
  writer: DatabaseSync | null;
  /** Read-only: in WAL mode its snapshots and the writers' transactions do not wait for each other. */
  reader: DatabaseSync;
}

/** The file is not ready for who would only read: no process has made it yet, or brought it to this program's schema. */
export class NotMadeYetError extends Error {
  override name = "NotMadeYetError";
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
      transaction(writer, () => migrate(path, writer));
      return { writer, reader: openReader(path) };
    } catch (error) {
      writer.close();
      throw error;
    }
  });
}

/**
 * Opens the file for reading alone: nothing is made or changed, and no permission to write it is needed.
 *
 * @throws {NotMadeYetError} Where it is not there yet, or of an older schema.
 * @throws {Error} As {@link openDatabase}.
 */
export function openDatabaseToRead(path: string): Connections {
  return explained(path, () => {
    if (!existsSync(path)) throw new NotMadeYetError(`statistics store ${path}: not there yet`);
    const reader = openReader(path);
    try {
      const version = versionOf(path, reader);
      if (version < SCHEMA_VERSION) {
        throw new NotMadeYetError(
          `statistics store ${path}: its schema version is ${version}, and ${SCHEMA_VERSION} is needed`,
        );
      }
      return { writer: null, reader };
    } catch (error) {
      reader.close();
      throw error;
    }
  });
}

function openReader(path: string): DatabaseSync {
  const reader = new DatabaseSync(path, { readOnly: true, timeout: BUSY_WAIT_READ_MS });
  reader.exec("PRAGMA cache_size = -8000");
  return reader;
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

/** Statements kept prepared: those of a store, and the forms of what its readers ask for most. */
const PREPARED_MAX = 200;

/** Statements of one connection, each prepared once while it is used. Rows are arrays, which are read fastest. */
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
    } else this.#prepared.delete(sql);
    // The one that was used last stands last.
    this.#prepared.set(sql, statement);
    if (this.#prepared.size > PREPARED_MAX) {
      this.#prepared.delete(this.#prepared.keys().next().value!);
    }
    return statement;
  }
}
