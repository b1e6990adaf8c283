/**
 * Connections to Postgres: few, with a limit on everything they wait for, and one way to use them:
 * a transaction, tried again where another's was in its way.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { Socket } from "node:net";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";
import { Client, type ClientBase, Pool, type PoolClient, type PoolConfig } from "pg";
import { Counter, Gauge, type Registry } from "prom-client";
import { OperatorError } from "../../errors.ts";
import { systemClock } from "../system_clock.ts";
import type { DatabaseAddress, SslMode } from "./database_url.ts";
import { explain, isConflict, isLost, isSaid, isTlsMatter } from "./errors.ts";

/** Connections of one process: reads of an API side by side; a server has a hundred for all. */
const CONNECTION_COUNT_MAX = 8;
/** How long a connection may take, in ms. */
const CONNECT_TIMEOUT_MS = 5_000;
/** How long the server works at one statement, in ms: many times what the longest takes. */
const STATEMENT_TIMEOUT_MS = 20_000;
/** How long a statement's answer is waited for, in ms: a server that is frozen ends nothing itself. */
const ANSWER_TIMEOUT_MS = 25_000;
/** How long another's lock is waited for, in ms: longer than a frozen process keeps one. */
const LOCK_TIMEOUT_MS = 18_000;
/** How long the server lets a transaction rest, in ms: its process is frozen or gone, and others wait. */
const REST_TIMEOUT_MS = 10_000;
/** Silence on a connection before the system looks whether the other side is there, in ms. */
const KEEPALIVE_DELAY_MS = 10_000;
/** How long closing waits for what is running, in ms: less than a shutdown may take. */
const CLOSE_TIMEOUT_MS = 2_000;
/** A transaction is tried so often, and this long apart on average, in ms. */
const [TRY_COUNT_MAX, TRY_INTERVAL_MS] = [8, 20];

/** Compiling takes longer than any statement here gains by it; a page of days is sorted in memory. What the address says overrides them. */
const SESSION_OPTIONS = "-c jit=off -c work_mem=16MB";

const logger = getLogger(["data-tracker", "postgres"]);

/** A value of a parameter. */
export type SqlValue = number | string | boolean | null | readonly (string | null)[];

/** Runs a statement; its rows as arrays, which are read fastest, and how many it changed. */
export type Query = (
  sql: string,
  values?: readonly SqlValue[],
) => Promise<{ rows: unknown[][]; changedCount: number }>;

/** What is done with one connection. */
type Work<T> = (client: ClientBase, query: Query) => Promise<T>;

/** How a transaction runs. */
export interface TransactionOptions {
  /** The statements it begins with, which have no parameters. */
  begin?: string;
  /** Where it aborts, what the server is at is cancelled. */
  signal?: AbortSignal;
}

/** Types by their OID. All whole numbers that are stored are below 2^53, and doubles come in the digits that read back the same. */
const PARSERS: Record<number, (text: string) => unknown> = {
  16: (text) => text === "t", // bool
  20: Number, // int8
  21: Number, // int2
  23: Number, // int4
  114: JSON.parse, // json
  701: Number, // float8
};
const TYPES = {
  getTypeParser: (oid: number) => PARSERS[oid] ?? String,
} as NonNullable<PoolConfig["types"]>;

/** The ways to connect that a mode allows, each tried where the one before is not what the server speaks. */
function tlsOf(mode: SslMode, ca: string | null): (ConnectionOptions | false)[] {
  const trusted = ca === null ? {} : { ca };
  const anyone = { rejectUnauthorized: false };
  const signed = { ...trusted, checkServerIdentity: () => undefined };
  const modes: Record<SslMode, (ConnectionOptions | false)[]> = {
    "disable": [false],
    "allow": [false, anyone],
    "prefer": [anyone, false],
    // As libpq: authorities that are given are there to be asked.
    "require": [ca === null ? anyone : signed],
    "verify-ca": [signed],
    "verify-full": [{ ...trusted, checkServerIdentity }],
  };
  return modes[mode];
}

/** One database. */
export class Database implements AsyncDisposable {
  readonly #tls: (ConnectionOptions | false)[];
  readonly #sockets = new Set<Socket>();
  readonly #retries: Counter | null;
  #pool: Pool;

  private constructor(readonly address: DatabaseAddress, ca: string | null, registry?: Registry) {
    this.#tls = tlsOf(address.sslMode, ca);
    this.#pool = this.#openPool();
    this.#retries = registry === undefined ? null : new Counter({
      name: "data_tracker_postgres_retries_total",
      help: "Transactions tried again, after a conflict with another's or a lost connection",
      registers: [registry],
    });
    if (registry === undefined) return;
    const connectionCount = () => this.#pool.totalCount;
    new Gauge({
      name: "data_tracker_postgres_connections",
      help: "Connections to Postgres that are open",
      registers: [registry],
      collect() {
        this.set(connectionCount());
      },
    });
  }

  /**
   * Gets ready; nothing is connected yet.
   *
   * @throws {OperatorError} Where sslrootcert cannot be read.
   */
  static async open(address: DatabaseAddress, registry?: Registry): Promise<Database> {
    const path = address.sslRootCertificate;
    try {
      const ca = path === null ? null : await Deno.readTextFile(path);
      return new Database(address, ca, registry);
    } catch (cause) {
      throw new OperatorError(
        `DATABASE_URL: sslrootcert=${path} cannot be read; name a PEM file with certificates`,
        { cause },
      );
    }
  }

  /**
   * Runs `work` in one transaction. It is run again where another's transaction was in its way, and
   * once where the connection was lost: let it do the same again, and be harmless if it was done.
   *
   * @throws {StoreUnavailableError | RecordsRefusedError} As the port's; the signal's reason, where it
   * aborts.
   */
  transaction<T>(
    work: (query: Query) => Promise<T>,
    { begin = "BEGIN", signal }: TransactionOptions = {},
  ): Promise<T> {
    return this.#retried(signal, async (client, query) => {
      try {
        await client.query(begin);
        const result = await work(query);
        await client.query("COMMIT");
        return result;
      } catch (error) {
        // Where it is not the server's word the connection is thrown away, and the transaction with it.
        if (isSaid(error as Error)) await client.query("ROLLBACK");
        throw error;
      }
    });
  }

  /** Runs one statement, as {@link transaction} does. */
  run(
    sql: string,
    values?: readonly SqlValue[],
    signal?: AbortSignal,
  ): ReturnType<Query> {
    return this.#retried(signal, (_, query) => query(sql, values));
  }

  async #retried<T>(signal: AbortSignal | undefined, work: Work<T>): Promise<T> {
    for (let tryCount = 1, wasLost = false;; tryCount++) {
      try {
        return await this.#connected(signal, work);
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        const lost = isLost(error as Error);
        const isAgain = lost ? !wasLost : isConflict(error as Error);
        if (!isAgain || tryCount === TRY_COUNT_MAX) throw explain(error, this.address);
        wasLost ||= lost;
        this.#retries?.inc();
      }
      await systemClock.sleep(TRY_INTERVAL_MS * tryCount * (0.5 + Math.random()));
    }
  }

  async #connected<T>(signal: AbortSignal | undefined, work: Work<T>): Promise<T> {
    signal?.throwIfAborted();
    const client = await this.#connect();
    let broken = true;
    let cancelling: Promise<void> | undefined;
    const cancel = () => cancelling = this.#cancel(client);
    signal?.addEventListener("abort", cancel);
    try {
      const result = await work(client, async (text, values = []) => {
        signal?.throwIfAborted();
        const { rows, rowCount } = await client.query({
          text,
          values: values as unknown[],
          rowMode: "array",
        });
        return { rows, changedCount: rowCount ?? 0 };
      });
      broken = false;
      return result;
    } catch (error) {
      broken = !isSaid(error as Error);
      throw error;
    } finally {
      signal?.removeEventListener("abort", cancel);
      // Never one that is cancelled back to others: it could be their statement that ends.
      await cancelling;
      client.release(broken || cancelling !== undefined);
    }
  }

  /** Ends the statement that a connection is at, by another: the server would go on with it for nobody. */
  async #cancel(client: PoolClient): Promise<void> {
    const other = new Client(this.#connectionOptions());
    other.on("error", () => {});
    try {
      await other.connect();
      const { processID } = client as unknown as { processID: number };
      await other.query("SELECT pg_cancel_backend($1)", [processID]);
    } catch {
      // It ends at its own time limit.
    } finally {
      await other.end().catch(() => {});
    }
  }

  async #connect(): Promise<PoolClient> {
    for (;;) {
      const pool = this.#pool;
      try {
        return await pool.connect();
      } catch (error) {
        if (this.#tls.length === 1 || !isTlsMatter(error as Error)) throw error;
        // Several may come here at once.
        if (pool === this.#pool) {
          this.#tls.shift();
          this.#pool = this.#openPool();
          await pool.end();
        }
      }
    }
  }

  #connectionOptions(): PoolConfig {
    const { host, port, user, password, database, applicationName, options } = this.address;
    return {
      ...{ host, port, user, password, database, application_name: applicationName },
      options: `${SESSION_OPTIONS} ${options ?? ""}`,
      ssl: this.#tls[0]!,
      // pg asks the environment for what it is not told.
      ...{ client_encoding: "UTF8", sslnegotiation: "postgres" as const },
      types: TYPES,
      max: CONNECTION_COUNT_MAX,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      lock_timeout: LOCK_TIMEOUT_MS,
      idle_in_transaction_session_timeout: REST_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_DELAY_MS,
      stream: () => this.#openSocket(),
    };
  }

  #openPool(): Pool {
    const pool = new Pool(this.#connectionOptions());
    // What comes between two statements is said again by the next one; the first may come with the
    // very answer that makes a connection ready.
    pool.on("connect", (client) => client.on("error", () => {}));
    pool.on("error", (error) => {
      const { message: problem } = explain(error, this.address);
      logger.debug("Lost a connection that was not in use: {problem}", { problem });
    });
    return pool;
  }

  #openSocket(): Socket {
    const socket = new Socket();
    this.#sockets.add(socket);
    return socket.once("close", () => this.#sockets.delete(socket));
  }

  /** Closes the connections, after what is running; a server that says nothing is not waited for. */
  async [Symbol.asyncDispose](): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => timer = setTimeout(resolve, CLOSE_TIMEOUT_MS));
    const sockets = () =>
      Promise.all(
        [...this.#sockets].map((socket) => new Promise((resolve) => socket.once("close", resolve))),
      );
    const closed = this.#pool.end().catch(() => {}).then(sockets);
    await Promise.race([closed, patience]);
    clearTimeout(timer);
    for (const socket of this.#sockets) socket.destroy();
    await sockets();
  }
}
