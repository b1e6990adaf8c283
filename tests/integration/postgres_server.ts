/**
 * A real Postgres for tests: a container by Testcontainers where a Docker engine answers, else a
 * process of what this machine has. `TEST_POSTGRES=docker` or `native` wants the one or the other.
 *
 * @module
 */

/** A running server. */
export interface PostgresServer extends AsyncDisposable {
  /** `postgres://user:password@host:port/database`, for `DATABASE_URL`; the database was empty at the start. */
  readonly url: string;
  /** Ends it as an operator would. */
  stop(): Promise<void>;
  /** Ends it at once, as a crash does (SIGKILL). */
  kill(): Promise<void>;
  /** Starts it again, on the same data and port, and waits until it answers. */
  restart(): Promise<void>;
  /** Freezes all its processes, or lets them go on. */
  signal(signal: "SIGSTOP" | "SIGCONT"): Promise<void>;
  /** Ends all connections of others, as a failing network or `pg_terminate_backend` does. */
  cutConnections(): Promise<void>;
  /** The rows of a statement, run as the superuser; of several in one text, those of the last. */
  query(sql: string): Promise<unknown[][]>;
}

/** Each tells why it cannot be had by throwing. */
const WAYS: Record<string, () => Promise<() => Promise<PostgresServer>>> = {
  async docker() {
    const { prepareContainers, startContainer } = await import("./postgres_container.ts");
    await prepareContainers();
    return startContainer;
  },
  async native() {
    const { prepareNative, startNative } = await import("./postgres_native.ts");
    await prepareNative();
    return startNative;
  },
};

const isCi = Deno.env.get("CI") === "true";
const { start, problem } = await choose(Deno.env.get("TEST_POSTGRES"));

/** The first way that can be had; where there is none, why. */
async function choose(
  wanted: string | undefined,
): Promise<{ start?: () => Promise<PostgresServer>; problem: string }> {
  if (wanted && !(wanted in WAYS)) {
    throw new Error(`TEST_POSTGRES=${wanted}: must be docker or native, or unset for either`);
  }
  const problems: string[] = [];
  for (const [name, prepare] of Object.entries(WAYS)) {
    if (wanted && name !== wanted) continue;
    try {
      return { start: await prepare(), problem: "" };
    } catch (error) {
      problems.push(`${name}: ${(error as Error).message.trim()}`);
    }
  }
  return { problem: `no Postgres can be had (${problems.join("; ")})` };
}

/**
 * Starts a server on a free port with no data, which goes when it is disposed of. Its login has a
 * password and is a superuser's; the server writes through to the disk as one in service does.
 *
 * @throws Where no Postgres can be had.
 */
export function startPostgres(): Promise<PostgresServer> {
  return start?.() ?? refuse();
}

/** Whether tests that need Postgres are skipped: where none can be had, but for CI, where they fail. */
export const isSkipped = !start && !isCi;

/** A server for all tests of a file, which ends after them. Its tests are `postgresTest`s. */
export async function sharedPostgres(): Promise<PostgresServer> {
  if (isSkipped) return NOWHERE;
  const postgres = await startPostgres();
  Deno.test.afterAll(async () => await postgres[Symbol.asyncDispose]());
  return postgres;
}

const NOWHERE: PostgresServer = {
  url: "postgres://user:password@nowhere.invalid/none",
  stop: refuse,
  kill: refuse,
  restart: refuse,
  signal: refuse,
  cutConnections: refuse,
  query: refuse,
  [Symbol.asyncDispose]: refuse,
};

function refuse(): Promise<never> {
  return Promise.reject(new Error(problem));
}

/** A test that needs Postgres: skipped with a word where none can be had, failed there with `CI=true`. */
export function postgresTest(name: string, run: (t: Deno.TestContext) => Promise<void>): void {
  if (isSkipped) Deno.test.ignore(`${name} (skipped: ${problem})`, run);
  else Deno.test(name, run);
}
