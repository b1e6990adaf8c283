/**
 * What `DATABASE_URL` names.
 *
 * @module
 */
import { parseDatabaseUrl } from "../adapters/postgres/database_url.ts";
import { OperatorError } from "../errors.ts";

/** The forms that {@link databaseOf} takes, in words. */
export const DATABASE_URL_FORMS =
  "postgres://user:password@host:5432/name, or sqlite: and the path of a file that the processes " +
  "of one machine share, like sqlite:/srv/statistics.db or sqlite:./shared/statistics.db";

/** Where a store is. */
export type DatabasePlace =
  | {
    kind: "sqlite";
    /** Absolute, or relative to where the process runs. */
    path: string;
  }
  | {
    kind: "postgres";
    /** As permissions name it: an IPv6 address has brackets. */
    hostPort: string;
    /** The path of the PEM file that `sslrootcert` names. */
    sslRootCertificate: string | null;
    password: string;
  };

/**
 * Reads a URL.
 *
 * @throws {OperatorError} Where it cannot be meant; the message holds neither the URL nor its password.
 *
 * @example
 * ```ts
 * import { strictEqual, throws } from "node:assert";
 * import { databaseOf } from "./database_url.ts";
 * const place = databaseOf("postgres://tracker:sesame@db/statistics");
 * strictEqual(place.kind === "postgres" && place.hostPort, "db:5432");
 * strictEqual(databaseOf("sqlite:./shared/statistics.db").kind, "sqlite");
 * // Some programs read three slashes as a relative path, some as an absolute one.
 * throws(() => databaseOf("sqlite:///srv/statistics.db"), /must be/);
 * ```
 */
export function databaseOf(url: string): DatabasePlace {
  if (/^postgres(ql)?:/.test(url)) {
    const { host, port, sslRootCertificate, password } = parseDatabaseUrl(url);
    const hostPort = `${host.includes(":") ? `[${host}]` : host}:${port}`;
    return { kind: "postgres", hostPort, sslRootCertificate, password };
  }
  const path = /^sqlite:(?!\/\/)(.*[^/])$/.exec(url)?.[1];
  if (path === undefined || path === ":memory:") {
    throw new OperatorError(`DATABASE_URL: must be ${DATABASE_URL_FORMS}`);
  }
  return { kind: "sqlite", path };
}

/** Whether it names Postgres, rightly or not. */
export function isPostgresUrl(url: unknown): boolean {
  return typeof url === "string" && /^postgres(ql)?:/.test(url);
}

/** The URL as it may be shown: without its password, or nothing of it where that cannot be told. */
export function shownDatabaseUrl(url: string): string {
  if (url.startsWith("sqlite:")) return url;
  try {
    databaseOf(url);
  } catch {
    return "(hidden)";
  }
  const shown = new URL(url);
  if (shown.password !== "") shown.password = "(hidden)";
  return shown.href;
}
