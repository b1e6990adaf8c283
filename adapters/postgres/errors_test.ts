import { match, ok, strictEqual } from "node:assert";
import { OperatorError } from "../../errors.ts";
import { RecordsRefusedError, StoreUnavailableError } from "../../ports/statistics_store.ts";
import { parseDatabaseUrl } from "./database_url.ts";
import { explain, misconfigurationOf } from "./errors.ts";

const ADDRESS = parseDatabaseUrl("postgres://me:sesame@db/tracker");

/** An error of the server's. */
function said(code: string, message = "as the server says"): Error {
  return Object.assign(new Error(message), { code, severity: "ERROR" });
}

function explained(error: Error): Error {
  const result = explain(error, ADDRESS);
  ok(!result.message.includes("sesame"));
  return result;
}

Deno.test("explain() blames the records for data, integrity, limits and triggers alone", () => {
  for (const code of ["22003", "22021", "22P02", "23505", "23514", "54000", "P0001"]) {
    const error = explained(Object.assign(said(code, "bad"), { detail: "row 3" }));
    ok(error instanceof RecordsRefusedError, code);
    strictEqual(error.message, "Postgres refuses it: bad (row 3)");
  }
  const unavailable =
    "08006 40001 53100 53300 55P03 57014 57P01 57P03 58030 25006 28P01 3D000 42P01";
  for (const code of unavailable.split(" ")) {
    ok(explained(said(code)) instanceof StoreUnavailableError, code);
  }
  const internal = explained(said("XX000", "cache lookup failed"));
  ok(internal.constructor === Error, "of that nobody knows what it means");
  match(internal.message, /cache lookup failed/);
});

Deno.test("explain() says in an operator's words what keeps the store away", () => {
  const cases: [Error, string][] = [
    [
      Object.assign(
        new AggregateError([
          Object.assign(new Error("connect"), { code: "ECONNREFUSED" }),
        ]),
      ),
      "DATABASE_URL: cannot reach db:5432 (connection refused); is Postgres up?",
    ],
    [
      new Error("timeout exceeded when trying to connect"),
      "DATABASE_URL: cannot reach db:5432 (no answer); is Postgres up?",
    ],
    [
      new Error("Query read timeout"),
      "DATABASE_URL: cannot reach db:5432 (no answer); is Postgres up?",
    ],
    [
      new Error("Connection terminated unexpectedly"),
      "DATABASE_URL: cannot reach db:5432 (connection lost); is Postgres up?",
    ],
    [
      new Error("The server does not support SSL connections"),
      "DATABASE_URL: db:5432: the server does not speak TLS; let it, or set sslmode=disable",
    ],
    [
      said("28P01", "password authentication failed"),
      "DATABASE_URL: db:5432: refused the login of user me; check the password " +
      "(password authentication failed)",
    ],
  ];
  for (const [error, words] of cases) strictEqual(explained(error).message, words);
});

Deno.test("misconfigurationOf() tells what waiting does not mend", () => {
  for (const code of ["28P01", "28000", "3D000", "42501"]) {
    ok(misconfigurationOf(explained(said(code))) instanceof OperatorError, code);
  }
  for (const code of ["57P03", "53300", "08006"]) {
    strictEqual(misconfigurationOf(explained(said(code))), null, code);
  }
});
