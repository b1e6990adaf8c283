/**
 * What a reader and its threads say to each other.
 *
 * @module
 */
import type { CoverageQueries } from "../../ports/coverage_queries.ts";
import type { NotificationQueries } from "../../ports/notification_queries.ts";
import type { StatisticsChanges } from "../../ports/statistics_changes.ts";
import {
  type StatisticsQueries,
  type StatisticsStoreConfig,
  StoreUnavailableError,
} from "../../ports/statistics_store.ts";

/** A read that a thread can be asked for. */
export type ReadName = keyof (
  & StatisticsQueries
  & StatisticsChanges
  & CoverageQueries
  & NotificationQueries
);

/** What a thread is told first. */
export interface Opening {
  path: string;
  config: StatisticsStoreConfig;
  /** Memory of both: the number of the last question that was given up. */
  givenUp: SharedArrayBuffer;
}

/** One read. */
export interface Question {
  number: number;
  read: ReadName;
  parameters: readonly unknown[];
}

/** What came of it. */
export type Answer = { result: unknown } | { failure: { kind: string; message: string } };

/** What errors mean lives in their class, which does not pass between threads. */
const KINDS: Readonly<Record<string, new (message: string) => Error>> = {
  RangeError,
  StoreUnavailableError,
};

/** An error for the way. */
export function failureOf(error: unknown): { kind: string; message: string } {
  const { name, message, stack } = error as Error;
  // Of an error that is nobody's fault but the program's, where it came from is told as well.
  return { kind: name, message: name in KINDS ? message : stack ?? message };
}

/** The same error on the other side. */
export function errorOf({ kind, message }: { kind: string; message: string }): Error {
  return new (KINDS[kind] ?? Error)(message);
}
