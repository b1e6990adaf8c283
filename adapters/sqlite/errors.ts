/**
 * What SQLite's errors mean.
 *
 * @module
 */
import { RecordsRefusedError, StoreUnavailableError } from "../../ports/statistics_store.ts";

const LOCKED = /is locked/;
/** What is wrong with a record: Deno tells SQLite's codes of some errors only. */
const REFUSED = /constraint failed|datatype mismatch|cannot store|too big/;

/** Whether another process's lock was in the way. */
export function isLocked(error: unknown): boolean {
  return isSqliteError(error) && LOCKED.test((error as Error).message);
}

function isSqliteError(error: unknown): boolean {
  return (error as { code?: unknown } | null)?.code === "ERR_SQLITE_ERROR";
}

/** What SQLite says, and what an operator can do about it. */
const HINTS: readonly [RegExp, string][] = [
  [/disk is full/, "the disk is full; free some space"],
  [LOCKED, "another process is using it and does not let go; stop that one"],
  [/readonly database/, "it cannot be written; check the owner and permissions of the file"],
  [/unable to open/, "it cannot be opened; does its folder exist, and may this user write there?"],
  [/not a database|malformed/, "it is damaged or no database; restore it or move it away"],
  [/Requires \w+ access/, "no permission; `deno task permissions` prints the flags to run with"],
  [/disk I\/O error/, "the disk failed to read or write; check the disk"],
];

/**
 * Runs `work`; an error of SQLite's is thrown anew in words for an operator, with the original as its cause.
 *
 * @throws {StoreUnavailableError | RecordsRefusedError} As the port's.
 */
export function explained<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!isSqliteError(cause)) throw cause;
    const { message } = cause as Error;
    const place = `statistics store ${path}`;
    if (REFUSED.test(message)) {
      throw new RecordsRefusedError(`${place}: SQLite refuses it: ${message}`, { cause });
    }
    const hint = HINTS.find(([pattern]) => pattern.test(message))?.[1];
    if (hint === undefined) throw new Error(`${place}: SQLite: ${message}`, { cause });
    throw new StoreUnavailableError(`${place}: ${hint}`, { cause });
  }
}
