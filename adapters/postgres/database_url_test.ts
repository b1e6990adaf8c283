import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert";
import { parseDatabaseUrl } from "./database_url.ts";

Deno.test("parseDatabaseUrl() reads what psql would", () => {
  deepStrictEqual(
    parseDatabaseUrl(
      "postgresql://me%40home:p%2Fw@[::1]:6432/my%20db?sslmode=verify-full&sslrootcert=/ca.pem" +
        "&application_name=a&options=-c%20search_path%3Dx",
    ),
    {
      host: "::1",
      port: 6432,
      user: "me@home",
      password: "p/w",
      database: "my db",
      sslMode: "verify-full",
      sslRootCertificate: "/ca.pem",
      applicationName: "a",
      options: "-c search_path=x",
    },
  );
});

Deno.test("parseDatabaseUrl() fills in what psql does: port, database, sslmode", () => {
  const { port, database, sslMode, password } = parseDatabaseUrl("postgres://me@db");
  deepStrictEqual([port, database, sslMode, password], [5432, "me", "prefer", ""]);
});

Deno.test("parseDatabaseUrl() refuses what cannot be meant, and never shows the password", () => {
  const cases: [string, RegExp][] = [
    ["mysql://me:sesame@db/x", /no URL of one Postgres server/],
    ["postgres://me:sesame@a:1,b:2/x", /no URL of one Postgres server/],
    ["postgres:///x?host=/tmp", /no URL of one Postgres server/],
    ["postgres://db/x", /names no user/],
    ["postgres://me:sesame%@db/x", /% in it must be written %25/],
    ["postgres://me:sesame@db/x?sslmode=on", /sslmode=on must be one of disable, allow/],
    ["postgres://me:sesame@db/x?ssl=true", /parameter ssl is not known; those known are sslmode/],
  ];
  for (const [url, words] of cases) {
    throws(() => parseDatabaseUrl(url), (error: Error) => {
      strictEqual(error.name, "OperatorError");
      match(error.message, words);
      ok(!error.message.includes("sesame"), error.message);
      return true;
    });
  }
});
