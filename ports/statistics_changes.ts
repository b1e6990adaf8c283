/**
 * What has changed in a statistics store, for whoever follows it live.
 *
 * @module
 */
import type { StatisticsRow } from "./statistics_store.ts";

/** A live row that changed, as it is when it is read. */
export interface StatisticsChange {
  /**
   * Its place among all changes of this store. Places of one store begin with the same eight
   * characters, which another's do not, and sort as texts in the order of storing.
   */
  place: string;
  row: StatisticsRow;
}

/** Changes that follow one another. */
export interface ChangePage {
  changes: readonly StatisticsChange[];
  /** Go on after this: the last change's place, or that of the present where nothing is left. */
  place: string;
  /** Whether more may follow at once. */
  isFull: boolean;
}

/** The half of whoever follows what is written. */
export interface StatisticsChanges {
  /**
   * Live rows that were stored or changed after a place, in the order of storing, each once: a row
   * that changed several times comes at its last place. Reading on from place to place brings every
   * row's last change exactly once, however many write: a change that is not visible yet is never
   * passed over. History that is imported is not told, nor that a row was sealed, which no write does.
   *
   * @param after `null`: nothing is read, and the place is that of the present.
   * @param limit At most this many, from 1 to `READ_LIMIT_MAX`.
   * @returns `null` where it cannot be told what came after that place: it is too long ago (SQLite
   * keeps the last 200,000 changes, Postgres those of ten minutes), of another store, or no place.
   */
  changes(after: string | null, limit: number): Promise<ChangePage | null>;
}
