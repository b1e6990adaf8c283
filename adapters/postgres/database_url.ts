/**
 * What `DATABASE_URL` says, in the words that psql and libpq use.
 *
 * @module
 */
import { OperatorError } from "../../errors.ts";

/** As libpq's: how much TLS is wanted. */
export const SSL_MODES = [
  "disable",
  "allow",
  "prefer",
  "require",
  "verify-ca",
  "verify-full",
] as const;

/** One of {@link SSL_MODES}. */
export type SslMode = typeof SSL_MODES[number];

/** A database and the login to it. */
export interface DatabaseAddress {
  host: string;
  port: number;
  user: string;
  /** Nobody's business: it is in no message. */
  password: string;
  database: string;
  sslMode: SslMode;
  /** Path of a PEM file with the authorities that sign the server's certificate; `null`: those that Deno knows. */
  sslRootCertificate: string | null;
  applicationName: string;
  /** Settings for the server, as `-c search_path=tracker`; `null`: its own. */
  options: string | null;
}

const PORT = 5432;
const KNOWN = ["sslmode", "sslrootcert", "application_name", "options"];

/**
 * Reads a URL.
 *
 * @throws {OperatorError} Where it cannot be meant; the message holds no password.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert";
 *
 * const { host, port, database, sslMode } = parseDatabaseUrl("postgres://me:pw@db/tracker?sslmode=require");
 * deepStrictEqual([host, port, database, sslMode], ["db", 5432, "tracker", "require"]);
 * ```
 */
export function parseDatabaseUrl(text: string): DatabaseAddress {
  const url = URL.parse(text);
  if (url === null || !/^postgres(ql)?:$/.test(url.protocol) || url.hostname === "") {
    throw problem("it is no URL of one Postgres server");
  }
  const parameters = url.searchParams;
  const unknown = [...parameters.keys()].find((name) => !KNOWN.includes(name));
  if (unknown !== undefined) {
    throw problem(`its parameter ${unknown} is not known; those known are ${KNOWN.join(", ")}`);
  }
  const [user, password, path] = [url.username, url.password, url.pathname.slice(1)].map(decoded);
  if (user === "") throw problem("it names no user");
  const sslMode = (parameters.get("sslmode") ?? "prefer") as SslMode;
  if (!SSL_MODES.includes(sslMode)) {
    throw problem(`sslmode=${sslMode} must be one of ${SSL_MODES.join(", ")}`);
  }
  return {
    // Brackets are the URL's, not the address's.
    host: decoded(url.hostname).replace(/^\[(.*)\]$/, "$1"),
    port: Number(url.port || PORT),
    user: user!,
    password: password!,
    database: path || user!,
    sslMode,
    sslRootCertificate: parameters.get("sslrootcert"),
    applicationName: parameters.get("application_name") ?? "data-tracker",
    options: parameters.get("options"),
  };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw problem("a % in it must be written %25");
  }
}

function problem(what: string): OperatorError {
  return new OperatorError(`DATABASE_URL: ${what}; write postgres://user:password@host:5432/name`);
}
