/**
 * The Postgres store on a real server: the contract of all stores, several processes at once, and
 * what it says when the server is not what it should be.
 *
 * @module
 */
import { deepStrictEqual, match, notStrictEqual, ok, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import { Client } from "pg";
import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import { SCHEMA_VERSION } from "../../adapters/postgres/schema.ts";
import { type OpenOptions, openPostgresStore } from "../../adapters/postgres/statistics_store.ts";
import {
  RecordsRefusedError,
  type StatisticsRecord,
  type StatisticsStoreConfig,
  StoreUnavailableError,
} from "../../ports/statistics_store.ts";
import { exactStatisticsContract } from "../contract/exact_statistics_contract.ts";
import { marketFiltersContract } from "../contract/market_filters_contract.ts";
import { notificationFiltersContract } from "../contract/notification_filters_contract.ts";
import { notification } from "../contract/notifications_contract.ts";
import {
  type OpenStore,
  record,
  statisticsStoreContract,
  T0,
} from "../contract/statistics_store_contract.ts";
import { Authority } from "./certificates.ts";
import { waitUntil } from "./kafka_fixture.ts";
import { postgresTest, sharedPostgres, startPostgres } from "./postgres_server.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const CONFIG: StatisticsStoreConfig = {
  graceMs: 300_000,
  amendForMs: 6 * HOUR_MS,
  partitionCount: 6,
  keepMs: null,
};
const ALL = { fromMs: 0, toMs: T0 * 2, limit: 20_000 };

const PARTITIONS_SQL = `SELECT inhrelid::regclass::text FROM pg_inherits
  WHERE inhparent = 'statistics'::regclass ORDER BY 1`;

const postgres = await sharedPostgres();

/** A schema of the shared server that nobody else has, empty. */
async function newSchema() {
  const name = `t${crypto.randomUUID().slice(0, 8)}`;
  await postgres.query(`CREATE SCHEMA ${name}`);
  const url = `${postgres.url}?options=-c%20search_path%3D${name}`;
  const query = (sql: string) => postgres.query(`SET search_path = ${name}; ${sql}`);
  const open = (config = CONFIG, options: OpenOptions = {}) =>
    openPostgresStore(url, config, options);
  return { url, query, open };
}

const NAME = "Postgres statistics store";
const openAnew: OpenStore = async (config) => (await newSchema()).open(config);
statisticsStoreContract(NAME, openAnew, { register: postgresTest, runCount: 15 });
marketFiltersContract(NAME, openAnew, { register: postgresTest, runCount: 15 });
notificationFiltersContract(NAME, openAnew, { register: postgresTest, runCount: 8 });
exactStatisticsContract(NAME, openAnew, { register: postgresTest, runCount: 8 });

/** One window of each of so many markets, as published for the n-th time. */
function windows(hour: number, marketCount: number, time = 1, closed = false): StatisticsRecord[] {
  return Array.from({ length: marketCount }, (_, i) =>
    record({
      ...{ exchange: `exchange${i % 7}`, instrument: `m${i}`, hour, count: time, closed },
      ...{ meanHi: i + time / 3, revision: 2 * time + Number(closed) },
      streamMs: T0 + hour * HOUR_MS,
    }));
}

postgresTest(
  "Postgres store: writers that write the same windows at once, in any order and any split, end with the rows that memory has",
  async () => {
    const one = fc.record({
      instrument: fc.constantFrom("a", "b", "c", "d"),
      hour: fc.constantFrom(0, 1, 24 * 31, 24 * 61),
      count: fc.integer({ min: 1, max: 6 }),
      closed: fc.boolean(),
      origin: fc.constantFrom("live", "live", "import", "archive"),
      base: fc.constantFrom(null, "btc", "xbt"),
    }).map((fields) =>
      record({
        ...fields,
        // Of two live records of one revision a store may keep either.
        revision: 2 * fields.count + Number(fields.closed),
        meanHi: fields.origin === "live" ? fields.count : 99,
        closed: fields.origin !== "live" || fields.closed,
      })
    );
    const property = fc.asyncProperty(
      fc.array(one, { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 9 }),
      async (records, size) => {
        const expected = new MemoryStatisticsStore(CONFIG);
        await expected.writeStatistics(records);
        const { open } = await newSchema();
        await using first = await open();
        await using second = await open();
        const writes = [records, records.toReversed()].map(async (all, i) => {
          for (let at = 0; at < all.length; at += size) {
            await [first, second][i]!.writeStatistics(all.slice(at, at + size));
          }
        });
        await Promise.all(writes);
        const queries = [ALL, { ...ALL, order: "market" as const }, { ...ALL, base: ["btc"] }];
        for (const query of queries) {
          deepStrictEqual(await second.statistics(query), await expected.statistics(query));
        }
        deepStrictEqual(await first.latest({ limit: 9 }), await expected.latest({ limit: 9 }));
        deepStrictEqual(await first.markets({ limit: 9 }), await expected.markets({ limit: 9 }));
      },
    );
    await fc.assert(property, { numRuns: 12 });
  },
);

postgresTest(
  "Postgres store: writers that write the same notifications at once end with those that are resolved",
  async () => {
    const { open, query } = await newSchema();
    await using first = await open({ ...CONFIG, keepMs: DAY_MS });
    await using second = await open({ ...CONFIG, keepMs: DAY_MS });
    const of = (state: "firing" | "resolved") =>
      Array.from({ length: 200 }, (_, i) => notification({ state, exchange: `x${i}`, hour: 60 }));
    const [firing, resolved] = [of("firing"), of("resolved")];
    const old = notification({ hour: 1 });
    const writes = [
      [first, firing],
      [second, resolved.toReversed()],
      [first, resolved],
      [second, firing.toReversed()],
    ] as const;
    await first.writeNotifications([old]);
    await Promise.all([
      ...writes.map(([store, records]) => store.writeNotifications(records)),
      ...[1, 2, 3].map((time) => second.writeStatistics(windows(60, 50, time))),
    ]);
    const found = await second.notifications(ALL);
    deepStrictEqual(found, resolved.toSorted((a, b) => a.id < b.id ? -1 : 1));
    deepStrictEqual(await query("SELECT count(*)::int FROM notifications"), [[200]]);
  },
);

postgresTest(
  "Postgres store: processes that make the tables and a month at the same moment all succeed",
  async () => {
    const { open, query } = await newSchema();
    const stores = await Promise.all([1, 2, 3, 4].map(() => open()));
    await using stack = new AsyncDisposableStack();
    for (const store of stores) stack.use(store);
    await Promise.all(stores.map((store, i) => store.writeStatistics(windows(i, 50))));
    strictEqual((await stores[0]!.statistics(ALL)).length, 200);
    deepStrictEqual(await query(PARTITIONS_SQL), [["statistics_2024_01"]]);
    await stores[1]!.writeStatistics(windows(30 * 24, 1));
    deepStrictEqual(await query(PARTITIONS_SQL), [["statistics_2024_01"], ["statistics_2024_02"]]);
  },
);

postgresTest(
  "Postgres store: who only reads waits until a writer has made the tables, and needs no right to write",
  async () => {
    const { open, query, url } = await newSchema();
    const reader = open(CONFIG, { isReadOnly: true });
    const aborted = open(CONFIG, { isReadOnly: true, signal: AbortSignal.timeout(200) });
    await rejects(aborted, { name: "TimeoutError" });
    await using writer = await open();
    await writer.writeStatistics(windows(0, 3));
    await using waited = await reader;
    strictEqual((await waited.statistics(ALL)).length, 3);
    const login = `r${crypto.randomUUID().slice(0, 8)}`;
    await query(`CREATE ROLE ${login} LOGIN PASSWORD 'x'; GRANT USAGE ON SCHEMA
    ${url.slice(-9)} TO ${login}; GRANT SELECT ON ALL TABLES IN SCHEMA ${
      url.slice(-9)
    } TO ${login}`);
    const readerUrl = url.replace(/\/\/[^@]+@/, `//${login}:x@`);
    await using reading = await openPostgresStore(readerUrl, CONFIG, { isReadOnly: true });
    strictEqual((await reading.latest({ limit: 9 })).length, 3);
    await rejects(reading.writeStatistics(windows(1, 1)), /opened for reading alone/);
    await using writing = await openPostgresStore(readerUrl, CONFIG);
    await rejects(writing.writeStatistics(windows(1, 1)), (error) => {
      ok(error instanceof StoreUnavailableError, `${error}`);
      match(error.message, new RegExp(`user ${login} lacks a privilege`));
      return true;
    });
  },
);

postgresTest(
  "Postgres store: a database from before notifications keeps its rows and takes some",
  async () => {
    const { open, query } = await newSchema();
    {
      await using store = await open();
      await store.writeStatistics(windows(0, 3));
    }
    await query(
      "DROP TABLE notifications, day_statistics, unmerged_days; " +
        "UPDATE schema_version SET version = 2",
    );
    await using store = await open();
    strictEqual((await store.statistics(ALL)).length, 3);
    strictEqual(await store.writeNotifications([notification()]), 1);
    deepStrictEqual(await store.notifications(ALL), [notification()]);
  },
);

postgresTest("Postgres store: a newer schema is refused and left alone", async () => {
  const { open, query } = await newSchema();
  await (await open())[Symbol.asyncDispose]();
  await query("UPDATE schema_version SET version = 99");
  await rejects(
    open(),
    new RegExp(
      `schema version of database \\w+ is 99 and this program knows ${SCHEMA_VERSION}; run the newer`,
    ),
  );
  deepStrictEqual(await query("SELECT version FROM schema_version"), [[99]]);
});

postgresTest(
  "Postgres store: a wrong login, a missing database and a wrong URL are said at once, without the password",
  async () => {
    const at = (change: (url: URL) => void) => {
      const url = new URL(postgres.url);
      change(url);
      return url.href;
    };
    const cases: [string, RegExp][] = [
      [
        at((url) => url.password = "sesame"),
        /refused the login of user tracker; check the password/,
      ],
      [at((url) => url.pathname = "/nowhere"), /database nowhere does not exist; create it/],
      [at((url) => url.search = "?sslmode=require"), /does not speak TLS; let it, or set sslmode/],
      [at((url) => url.search = "?options=-c search_path%3Dnone"), /no schema to make tables in/],
    ];
    for (const [url, words] of cases) {
      await rejects(openPostgresStore(url, CONFIG), (error: Error) => {
        strictEqual(error.name, "OperatorError", `${error.stack}`);
        match(error.message, words);
        ok(!/sesame|pass-word/.test(Deno.inspect(error)), "no password, wherever one looks");
        return true;
      });
    }
  },
);

postgresTest(
  "Postgres store: what a trigger raises is a refusal, and the others are stored",
  async () => {
    const { open, query } = await newSchema();
    await using store = await open();
    await store.writeStatistics(windows(0, 1));
    await query(`CREATE FUNCTION no_doge() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN IF NEW.count = 13 THEN RAISE ''13 is unlucky''; END IF; RETURN NEW; END';
    CREATE TRIGGER no_doge BEFORE INSERT OR UPDATE ON statistics FOR EACH ROW EXECUTE FUNCTION no_doge()`);
    const [good, bad] = [record({ hour: 1, count: 12 }), record({ hour: 2, count: 13 })];
    await rejects(store.writeStatistics([good, bad]), (error) => {
      ok(error instanceof RecordsRefusedError, `${error}`);
      strictEqual(error.message, "Postgres refuses it: 13 is unlucky");
      return true;
    });
    strictEqual(await store.writeStatistics([good]), 1);
  },
);

postgresTest(
  "Postgres store: connections that are cut, and tables that are dropped, are not missed by the next call",
  async () => {
    const { open, query } = await newSchema();
    await using store = await open();
    await store.writeStatistics(windows(0, 2));
    await postgres.cutConnections();
    strictEqual(await store.writeStatistics(windows(1, 2)), 2);
    await postgres.cutConnections();
    strictEqual((await store.statistics(ALL)).length, 4);
    await query("DROP TABLE statistics_2024_01");
    strictEqual(await store.writeStatistics(windows(2, 2)), 2, "a new partition");
    const id = await store.storeId();
    await query(
      "DROP TABLE statistics, day_statistics, unmerged_days, markets, polls, stream_times, changes, " +
        "notifications, schema_version; DROP SEQUENCE market_ids",
    );
    deepStrictEqual(await store.sources(), []);
    strictEqual(await store.writeStatistics(windows(3, 2)), 2, "a new database");
    notStrictEqual(await store.storeId(), id);
  },
);

postgresTest(
  "Postgres store: what nobody waits for any more is cancelled at the server",
  async () => {
    const { open, query, url } = await newSchema();
    await using store = await open();
    await store.writeStatistics(windows(0, 2));
    const other = new Client({ connectionString: url });
    await other.connect();
    await other.query("BEGIN; LOCK TABLE statistics, markets");
    // Over a connection of its own: within a transaction what was seen first stays.
    const waiting = async () =>
      (await query(
        `SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%unmerged_days%'`,
      )).length;
    const gone = new AbortController();
    const days = { fromMs: 0, toMs: T0 * 2, limit: 20_000 };
    const reads = Array.from({ length: 8 }, () => store.days(days, gone.signal));
    await waitUntil("all reads wait", async () => await waiting() === 8);
    const reason = new Error("the client has gone");
    gone.abort(reason);
    await Promise.all(reads.map((read) => rejects(read, reason)));
    strictEqual(await waiting(), 0);
    await other.query("COMMIT");
    await other.end();
    strictEqual((await store.days(days)).length, 2);
  },
);

postgresTest(
  "Postgres store: a change that becomes visible late is not passed over by whoever follows",
  async () => {
    const { open, query, url } = await newSchema();
    await using store = await open();
    await store.writeStatistics(windows(0, 1));
    const { place } = (await store.changes(null, 9))!;
    const slow = new Client({ connectionString: url });
    await slow.connect();
    // What another writer does, as far as its commit.
    await slow.query(`BEGIN; UPDATE statistics SET revision = revision + 2;
      INSERT INTO changes SELECT pg_current_xact_id(), now(), array_agg(market), array_agg(start_ms)
        FROM statistics`);
    await store.writeStatistics(windows(1, 1));
    const meanwhile = (await store.changes(place, 9))!;
    deepStrictEqual(meanwhile.changes, [], "it waits for the transaction that began before");
    await slow.query("COMMIT");
    await slow.end();
    const told = (await store.changes(meanwhile.place, 9))!.changes.map(({ row }) => row.startMs);
    deepStrictEqual(told, [T0, T0 + HOUR_MS]);
    await query("UPDATE changes SET at = now() - interval '1 hour'");
    // Another process forgets with its first write.
    await using other = await open();
    await other.writeStatistics(windows(2, 1));
    strictEqual(await store.changes(place, 9), null, "too long ago");
    strictEqual((await store.changes((await store.changes(null, 9))!.place, 9))!.isFull, false);
  },
);

postgresTest(
  "Postgres store: what is open is published again where it lies, and no id is used up",
  async () => {
    const { open, query } = await newSchema();
    {
      await using store = await open();
      for (let time = 1; time <= 8; time++) await store.writeStatistics(windows(0, 2000, time));
    }
    // Its connections tell what they did when they end.
    const counts = `SELECT n_tup_upd::int, n_tup_hot_upd::int FROM pg_stat_user_tables
      WHERE relid = 'statistics_2024_01'::regclass`;
    await waitUntil("the server's counts", async () => (await query(counts))[0]![0] === 14_000);
    deepStrictEqual(await query(counts), [[14_000, 14_000]], "all of them HOT");
    deepStrictEqual(await query("SELECT last_value FROM market_ids"), [["2000"]]);
    const [[pages]] = await query("SELECT pg_relation_size('statistics_2024_01') / 8192") as [
      [string],
    ];
    ok(Number(pages) < 120, `${pages} pages`);
  },
);

postgresTest(
  "Postgres store: months that are over go whole, but for those that hold history",
  async () => {
    const { open, query } = await newSchema();
    await using store = await open({ ...CONFIG, keepMs: 10 * DAY_MS });
    const history = record({ hour: 31 * 24, origin: "import", closed: true, exchange: "old" });
    await store.writeStatistics([...windows(0, 9), ...windows(31 * 24, 9), history]);
    for (let time = 1; time <= 5; time++) {
      await store.writeStatistics(windows(100 * 24, 9, time));
    }
    const left = [["statistics_2024_02"], ["statistics_2024_04"]];
    deepStrictEqual(await query(PARTITIONS_SQL), left);
    const rows = await store.statistics(ALL);
    deepStrictEqual(rows.map(({ exchange }) => exchange).slice(0, 2), ["old", "exchange0"]);
    strictEqual(rows.length, 10);
    strictEqual((await store.markets({ limit: 20 })).length, 10);
  },
);

postgresTest(
  "Postgres store: a server that is away is said to be, and all goes on when it is back",
  async () => {
    await using server = await startPostgres();
    await using store = await openPostgresStore(server.url, CONFIG);
    await store.writeStatistics(windows(0, 3));
    await server.kill();
    for (const call of [store.writeStatistics(windows(1, 3)), store.latest({ limit: 1 })]) {
      await rejects(call, (error) => {
        ok(error instanceof StoreUnavailableError, `${error}`);
        match(
          error.message,
          /^DATABASE_URL: cannot reach [\d.]+:\d+ \(connection \w+\); is Postgres up\?$/,
        );
        return true;
      });
    }
    const opening = openPostgresStore(server.url, CONFIG);
    await server.restart();
    strictEqual(await store.writeStatistics(windows(1, 3)), 3);
    await using late = await opening;
    strictEqual((await late.statistics(ALL)).length, 6, "what was written outlived the crash");
  },
);

postgresTest("Postgres store: closing does not wait for a server that is frozen", async () => {
  await using server = await startPostgres();
  const store = await openPostgresStore(server.url, CONFIG);
  await store.writeStatistics(windows(0, 1));
  await server.signal("SIGSTOP");
  const write = rejects(store.writeStatistics(windows(1, 1)), StoreUnavailableError);
  // It gets its connection in the next turn.
  await new Promise((resolve) => setTimeout(resolve));
  const startMs = performance.now();
  await store[Symbol.asyncDispose]();
  await write;
  ok(performance.now() - startMs < 4_000);
  await server.signal("SIGCONT");
});

postgresTest("Postgres store: sslmode and sslrootcert are what psql takes them for", async () => {
  const directory = await Deno.makeTempDir();
  await using server = await startPostgres();
  const host = new URL(server.url).hostname;
  const [authority, stranger] = await Promise.all(
    ["authority", "stranger"].map((name) => Authority.make(directory, name)),
  );
  const [named, other] = await Promise.all([
    authority!.issue("named", { alternativeNames: `IP:${host}` }),
    authority!.issue("other", { alternativeNames: "DNS:elsewhere.invalid" }),
  ]);
  const serve = async ({ certificate, key }: typeof named) => {
    for (const [file, path] of [["server.crt", certificate], ["server.key", key]]) {
      const pem = (await Deno.readTextFile(path!)).trim();
      await server.query(`DO 'BEGIN EXECUTE $x$
        COPY (SELECT unnest(string_to_array($y$${pem}$y$, chr(10))))
        TO PROGRAM $z$ umask 077; cat > ${file} $z$ $x$; END'`);
    }
    await server.query("ALTER SYSTEM SET ssl = on");
    await server.query("SELECT pg_reload_conf()");
    await waitUntil("TLS", () => opens("require").then((problem) => problem === null));
  };
  const opens = async (mode: string, root?: Authority): Promise<string | null> => {
    const search = `?sslmode=${mode}${root ? `&sslrootcert=${root.certificate}` : ""}`;
    try {
      await using _store = await openPostgresStore(server.url + search, CONFIG);
      const [[encrypted]] = await server.query(
        "SELECT bool_or(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) " +
          "WHERE application_name = 'data-tracker'",
      ) as [[boolean]];
      strictEqual(encrypted, mode !== "disable" && mode !== "allow", mode);
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  };
  await serve(named);
  for (const mode of ["disable", "allow", "prefer"]) strictEqual(await opens(mode), null);
  for (const mode of ["require", "verify-ca", "verify-full"]) {
    strictEqual(await opens(mode, authority), null, mode);
    match(await opens(mode, stranger) ?? "", /certificate/, mode);
  }
  match(await opens("verify-full") ?? "", /certificate/);
  await serve(other);
  strictEqual(await opens("verify-ca", authority), null);
  match(await opens("verify-full", authority) ?? "", /does not match|altnames|not valid for name/);
  match(
    await opens(`require&sslrootcert=${directory}/none.pem`) ?? "",
    /sslrootcert=.*none.pem cannot be read; name a PEM file/,
  );
  await Deno.remove(directory, { recursive: true });
});
