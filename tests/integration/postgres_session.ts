/**
 * What a test asks of its Postgres besides the store: statements as the superuser, by a connection
 * each, so that none is left open and none is missed after a crash.
 *
 * @module
 */
import { Client } from "pg";

/** Systems give outgoing connections ports above these, so that none takes a stopped server's. */
const [PORT_MIN, PORT_MAX] = [10_000, 29_999];
/** A start takes a second alone, several times that beside other tests; after a crash the log is read first. */
const START_TIMEOUT_MS = 60_000;

/** A machine that does much else may take its time, in ms; a frozen server never answers. */
const CONNECT_TIMEOUT_MS = 20_000;

/** The login of test servers. */
export const LOGIN = { user: "tracker", password: "pass-word", database: "tracker" };

/** The URL of a server at a port. */
export function urlAt(host: string, port: number): string {
  return `postgres://${LOGIN.user}:${LOGIN.password}@${host}:${port}/${LOGIN.database}`;
}

/** A port that is free. */
export function freePort(): number {
  for (;;) {
    const port = PORT_MIN + Math.floor(Math.random() * (PORT_MAX - PORT_MIN + 1));
    try {
      Deno.listen({ hostname: "0.0.0.0", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
}

/** Runs statements on a connection of their own. */
export async function query(url: string, sql: string): Promise<unknown[][]> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  // What it says between two calls has no call to reject.
  client.on("error", () => {});
  try {
    await client.connect();
    const results = await client.query({ text: sql, rowMode: "array" });
    return [results].flat().at(-1)!.rows;
  } finally {
    await client.end().catch(() => {});
  }
}

/** Ends all other connections that a server's clients have. */
export async function cutConnections(url: string): Promise<void> {
  await query(
    url,
    `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'`,
  );
}

/**
 * Waits until a server answers.
 *
 * @param whyEnded Tells why it never will; `null` while it may.
 */
export async function untilAnswering(
  url: string,
  whyEnded: () => Promise<string | null>,
): Promise<void> {
  for (const deadlineMs = Date.now() + START_TIMEOUT_MS;;) {
    try {
      await query(url, "SELECT 1");
      return;
    } catch (cause) {
      const why = await whyEnded() ?? (Date.now() > deadlineMs ? "it does not answer" : null);
      if (why !== null) throw new Error(`Postgres did not start: ${why}`, { cause });
    }
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
