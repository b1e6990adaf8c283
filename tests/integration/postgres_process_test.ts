/**
 * Processes on Postgres, under their own permissions: what they do while it is away, and what they
 * tell whoever started them with a URL that leads nowhere.
 *
 * @module
 */
import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert";
import { postgresTest as test, startPostgres } from "./postgres_server.ts";
import { freePort } from "./postgres_session.ts";
import { eventually, RoleProcess, withFolder } from "./role_process.ts";

/** A shutdown may take this long, in ms. */
const SHUTDOWN_MAX_MS = 8_000;
/** What no line may be, whatever is away. */
const UNWANTED = /Warning|"stack"|pass-word|"level":"(ERROR|FATAL)"/;

const COUNTING = {
  SOURCES: "simulated",
  SIMULATED_MARKETS: "24",
  INTERVAL: "1s",
  FLUSH_INTERVAL: "1s",
};

/** A process's answer. */
async function ask(process: RoleProcess, path: string) {
  const response = await fetch(`${await process.url()}${path}`);
  return { response, text: await response.text() };
}

/** How many ticks of one market the API has. */
async function countOf(api: RoleProcess): Promise<number> {
  const { response, text } = await ask(api, "/v1/statistics/latest?limit=1");
  return response.ok ? JSON.parse(text).data[0]?.count ?? 0 : 0;
}

test("counting goes on while Postgres is away, the API says so, and then has everything once", async () => {
  await using postgres = await startPostgres();
  await withFolder(async (folder) => {
    const shared = { DATABASE_URL: postgres.url };
    await using api = new RoleProcess({ ...shared, ROLES: "api" });
    await api.logged(/Waiting for the statistics store: .*a writer has not yet made the tables/);
    const settings = { ...COUNTING, ...shared, ROLES: "sampler,aggregator,writer" };
    await using counting = new RoleProcess({ ...settings, DATA_DIR: folder });
    await counting.ready();
    await api.ready();
    await eventually("statistics", async () => await countOf(api) > 1 ? true : null);

    await postgres.kill();
    await counting.logged(/The store is away: DATABASE_URL: cannot reach .* is Postgres up\?/);
    const { response, text } = await ask(api, "/v1/statistics/latest?limit=1");
    strictEqual(response.status, 503, text);
    strictEqual(response.headers.get("content-type"), "application/problem+json");
    ok(Number(response.headers.get("retry-after")) > 0);
    strictEqual((await ask(api, "/healthz")).response.status, 200);
    for (const [process, role] of [[api, "api"], [counting, "writer"]] as const) {
      const { response, text } = await ask(process, "/readyz");
      strictEqual(response.status, 503);
      match(JSON.parse(text).roles[role].problems[0], /^DATABASE_URL: cannot reach [^(]+\(/);
    }
    const away = /data_tracker_writer_store_away_seconds (?!0\n)/;
    const metrics = async () => (await ask(counting, "/metrics")).text;
    await eventually("the outage", async () => away.test(await metrics()) ? true : null);

    await postgres.restart();
    await counting.logged(/The store is there again, after \d+ s/);
    await counting.ready();
    await api.ready();
    await eventually("all ticks", async () => {
      const { log } = counting;
      strictEqual(log.match(/The store is away/g)?.length, 1, log);
      return await countOf(api) > 5 ? true : null;
    });
    const { code, durationMs } = await counting.stop();
    strictEqual(code, 0, counting.log);
    ok(durationMs < SHUTDOWN_MAX_MS);
    match(counting.log, /"Stopped"[^\n]*\n$/);
    // What it had sampled but not counted when it was told to stop is counted when it runs again.
    const later = { ...settings, ROLES: "aggregator,writer" };
    await using rest = new RoleProcess({ ...later, DATA_DIR: folder });
    await rest.ready();
    const differing = "SELECT FROM statistics GROUP BY start_ms HAVING min(count) <> max(count)";
    await eventually("every market to have every tick of its window", async () => {
      return (await postgres.query(differing)).length === 0 ? true : null;
    });
    const twice = "SELECT FROM statistics WHERE count <> tick_count";
    deepStrictEqual(await postgres.query(twice), [], "no tick is counted twice");
    strictEqual((await rest.stop()).code, 0, rest.log);

    await postgres.signal("SIGSTOP");
    const startMs = performance.now();
    match((await ask(api, "/readyz")).text, /the store has not answered within \d+ ms/);
    ok(performance.now() - startMs < 3_000, "whoever asks for the health has not given up");
    strictEqual((await api.stop()).code, 0, api.log);
    await postgres.signal("SIGCONT");
    for (const { log } of [api, counting]) doesNotMatch(log, UNWANTED);
  });
});

test("a start without Postgres fails at once, or waits as long as it is told to, alive and not ready", async () => {
  await using postgres = await startPostgres();
  await withFolder(async (folder) => {
    const settings = { ...COUNTING, DATABASE_URL: postgres.url, DATA_DIR: folder };
    const roles = ["sampler,aggregator,writer", "api"];
    await postgres.stop();
    for (const ROLES of roles) {
      await using hasty = new RoleProcess({ ...settings, ROLES });
      strictEqual((await hasty.ended()).code, 1, hasty.log);
      match(hasty.log, /DATABASE_URL: cannot reach \S+ \(connection refused\); is Postgres up\?"/);
      doesNotMatch(hasty.log, /"stack"|pass-word/);
    }
    await using stack = new AsyncDisposableStack();
    const patient = roles.map((ROLES) =>
      stack.use(new RoleProcess({ ...settings, ROLES, STARTUP_PATIENCE: "5m" }))
    );
    for (const process of patient) {
      await process.logged(/Waiting for the statistics store: DATABASE_URL: cannot reach/);
    }
    // An API says where it is when it answers for itself.
    const [counting] = patient;
    strictEqual((await ask(counting!, "/healthz")).response.status, 200);
    match((await ask(counting!, "/readyz")).text, /it is starting/);
    await postgres.restart();
    for (const process of patient) await process.ready();
    for (const process of patient) {
      strictEqual((await process.stop()).code, 0, process.log);
      doesNotMatch(process.log, UNWANTED);
    }

    const wrong = new URL(postgres.url);
    wrong.password = "wrong";
    await using refused = new RoleProcess({
      ...{ ...settings, DATABASE_URL: wrong.href, ROLES: "api", STARTUP_PATIENCE: "5m" },
    });
    strictEqual((await refused.ended()).code, 1, "patience does not mend a password");
    match(refused.log, /refused the login of user \w+; check the password/);
  });
});

test("a process that waits for Postgres ends at once when it is told to", async () => {
  const DATABASE_URL = `postgres://tracker:pass-word@127.0.0.1:${freePort()}/tracker`;
  await using process = new RoleProcess({ ROLES: "api", DATABASE_URL, STARTUP_PATIENCE: "5m" });
  await process.logged(/Waiting for the statistics store/);
  const { code, durationMs } = await process.stop();
  strictEqual(code, 0, process.log);
  ok(durationMs < SHUTDOWN_MAX_MS);
  doesNotMatch(process.log, UNWANTED);
});
