/**
 * What a process opens: what its roles use, and nothing else.
 *
 * @module
 */
import { databaseOf, type DatabasePlace } from "./database_url.ts";
import type { Config } from "./effective.ts";

/** What the roles of one process use. */
export interface Needs {
  log: boolean;
  windows: boolean;
  /** What the monitor knows. */
  watched: boolean;
  state: boolean;
  /** `read`: another process writes it. */
  store: "write" | "read" | null;
  /** Where the store is. */
  database: DatabasePlace;
  /** Whether anything of this is in the data directory. */
  dataDirectory: boolean;
}

/**
 * What this configuration needs.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert";
 * import { parseConfig } from "../config.ts";
 * import { needsOf } from "./needs.ts";
 * const needs = needsOf(parseConfig({ ROLES: "aggregator", KAFKA_BROKERS: "kafka:9092" }));
 * deepStrictEqual([needs.log, needs.windows, needs.store], [true, true, null]);
 * ```
 */
export function needsOf(
  { engine, roles, databaseUrl, dataDirectory }: Pick<
    Config,
    "engine" | "roles" | "databaseUrl" | "dataDirectory"
  >,
): Needs {
  const isShared = databaseUrl !== null;
  const isApiAlone = roles.every((role) => role === "api");
  const windows = roles.includes("aggregator");
  const watched = roles.includes("monitor");
  const state = roles.includes("sampler");
  const reads = roles.includes("api") && !roles.includes("writer") && isShared;
  const store = reads ? "read" : roles.some((r) => r === "writer" || r === "api") ? "write" : null;
  // The embedded log is another process's where the store is shared with it.
  const log = engine === "kafka" || !(isApiAlone && isShared);
  return {
    log,
    windows,
    watched,
    state,
    store,
    database: isShared
      ? databaseOf(databaseUrl)
      : { kind: "sqlite", path: `${dataDirectory.replace(/[\\/]+$/, "")}/statistics.db` },
    dataDirectory: windows || watched || state || (log && engine === "embedded") ||
      (store !== null && !isShared),
  };
}
