/**
 * What Postgres and the way to it mean by their errors: what passes by itself, what the records are
 * to blame for, and what an operator can do.
 *
 * @module
 */
import { OperatorError } from "../../errors.ts";
import { RecordsRefusedError, StoreUnavailableError } from "../../ports/statistics_store.ts";
import type { DatabaseAddress } from "./database_url.ts";

/** What errors of the server, of the socket and of pg have in common. */
interface PostgresError extends Error {
  /** SQLSTATE where the server speaks, else the system's (`ECONNREFUSED`). */
  code?: string;
  /** Only what the server says has one. */
  severity?: string;
  detail?: string;
  constraint?: string;
  /** Of a name with several addresses, one each. */
  errors?: PostgresError[];
}

/** A schema that another process has still to make, or to bring up to date. */
export class NotMadeYetError extends StoreUnavailableError {
  override name = "NotMadeYetError";
}

/** What is wrong with the configuration: waiting does not help. */
const MISCONFIGURED = /^(28|3D|42501|3F000)/;
/** Data, integrity, a limit that a value goes beyond, and what a trigger raises. */
const REFUSED = /^(22|23|54|P0001)/;
/** Connection, transaction, resources, an operator's doing, the system, the login, what is missing. */
const UNAVAILABLE = /^(08|40|53|55|57|58|25|28|3D|3F|42)/;

const ADVICE: Record<string, (address: DatabaseAddress) => string> = {
  "28P01": ({ user }) => `refused the login of user ${user}; check the password`,
  "28000": ({ user }) =>
    `refused the login of user ${user}; does this role exist, and does pg_hba.conf let it in?`,
  "3D000": ({ database }) => `database ${database} does not exist; create it`,
  "3F000": () =>
    "there is no schema to make tables in; create the one that search_path names first",
  "42501": ({ user }) => `user ${user} lacks a privilege`,
  "53100": () => "the server's disk is full; free some space",
  "53200": () => "the server is out of memory",
  "53300": () => "the server has no connection left; raise its max_connections",
  "57014": () => "the server took too long and gave a statement up",
  "57P01": () => "the server is shutting down",
  "57P02": () => "the server has crashed and starts again",
  "57P03": () => "the server is starting, or shutting down",
  "55P03": () => "another process holds a lock and does not let go",
  "25006": () => "it can only be read; name the primary, not a standby",
};

/** What the system says of a connection. */
const REASONS: Record<string, string> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection lost",
  EPIPE: "connection lost",
  ENOTFOUND: "no such host",
  EAI_AGAIN: "its name cannot be looked up now",
  ETIMEDOUT: "no answer",
  EHOSTUNREACH: "no way to the host",
  ENETUNREACH: "no way to the network",
};

const LOST = /^Connection terminated(?! due)|^Client has encountered a connection error/;
const SILENT = /time-?out|timeout expired/i;
const NO_TLS = "The server does not support SSL connections";
const UNTRUSTED = /certificate|altnames/i;

/** Whether the same transaction may well succeed at once: another's was in its way. */
export function isConflict(error: PostgresError): boolean {
  return error.code === "40001" || error.code === "40P01";
}

/** Whether a connection that was there is gone. */
export function isLost(error: PostgresError): boolean {
  return LOST.test(error.message) || ["ECONNRESET", "EPIPE", "57P01"].includes(error.code ?? "");
}

/** Whether rows have no partition to go to: somebody has dropped it. */
export function isPartitionMissing({ code, constraint }: PostgresError): boolean {
  return code === "23514" && constraint === undefined;
}

/** Whether the tables are gone, or were never made. */
export function isTableMissing({ code }: PostgresError): boolean {
  return code === "42P01";
}

/** Whether the server wants plain connections, or encrypted ones, and was asked for the others. */
export function isTlsMatter({ code, message }: PostgresError): boolean {
  return message === NO_TLS || (code === "28000" && /no encryption|SSL (off|on)/.test(message));
}

/** Whether the server itself said it: then the connection is as good as before. */
export function isSaid(error: PostgresError): boolean {
  return error.severity === "ERROR";
}

/**
 * The error to throw to the program: in its words, with the original as its cause, never with the
 * password.
 */
export function explain(thrown: unknown, address: DatabaseAddress): Error {
  if (!(thrown instanceof Error)) return new Error(String(thrown));
  const error = ((thrown as PostgresError).errors?.[0] ?? thrown) as PostgresError;
  const { code = "", message } = error;
  const options = { cause: error };
  const place = `${address.host}:${address.port}`;
  if (error.severity !== undefined) {
    if (REFUSED.test(code)) {
      const detail = error.detail === undefined ? "" : ` (${error.detail})`;
      return new RecordsRefusedError(`Postgres refuses it: ${message}${detail}`, options);
    }
    if (!UNAVAILABLE.test(code)) return new Error(`Postgres: ${message}`, options);
    const advice = ADVICE[code]?.(address);
    const words = advice === undefined ? message : `${advice} (${message})`;
    return new StoreUnavailableError(`DATABASE_URL: ${place}: ${words}`, options);
  }
  if (error.name === "NotCapable") {
    const advice = "no permission; `deno task permissions` prints the flags to run with";
    return new OperatorError(`DATABASE_URL: ${place}: ${advice}`, options);
  }
  if (error instanceof StoreUnavailableError || error instanceof OperatorError) return error;
  if (error instanceof TypeError || error instanceof RangeError) return error;
  if (message === NO_TLS) {
    const advice = "the server does not speak TLS; let it, or set sslmode=disable";
    return new StoreUnavailableError(`DATABASE_URL: ${place}: ${advice}`, options);
  }
  if (UNTRUSTED.test(message)) {
    const advice = "its certificate is not trusted; name its authority with sslrootcert";
    return new StoreUnavailableError(`DATABASE_URL: ${place}: ${advice} (${message})`, options);
  }
  const reason = REASONS[code] ??
    (LOST.test(message) ? "connection lost" : SILENT.test(message) ? "no answer" : message);
  return new StoreUnavailableError(
    `DATABASE_URL: cannot reach ${place} (${reason}); is Postgres up?`,
    options,
  );
}

/** The error of opening a store that waiting does not mend, for an operator; `null` where it may. */
export function misconfigurationOf(error: unknown): OperatorError | null {
  if (error instanceof OperatorError) return error;
  if (!(error instanceof StoreUnavailableError)) return null;
  const { code = "", message } = (error.cause ?? {}) as PostgresError;
  const isFinal = MISCONFIGURED.test(code) || message === NO_TLS || UNTRUSTED.test(message);
  return isFinal ? new OperatorError(error.message, { cause: error.cause }) : null;
}
