import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import {
  type StatisticsQuery,
  StoreBusyError,
  StoreUnavailableError,
} from "../../ports/statistics_store.ts";
import { parseConfig } from "../../config.ts";
import { permissionArguments, permissionsOf } from "../../config/permissions.ts";
import { record, T0 } from "../../tests/contract/statistics_store_contract.ts";
import { SqliteReader } from "./reader.ts";
import { SqliteStatisticsStore } from "./statistics_store.ts";

const CONFIG = { graceMs: 300_000, amendForMs: 21_600_000, partitionCount: 6, keepMs: null };
const ALL: StatisticsQuery = { fromMs: 0, toMs: T0 * 2, limit: 20_000 };

/** Runs `body` with the path of a store that is not there yet, in a folder with a space. */
async function withPath(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "my data " });
  try {
    await body(`${folder}/statistics.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** A thread's modules may be type-checked first where tests run, which takes a while. */
const PATIENT = { readTimeMaxMs: 60_000 };

/** Enough windows that all of them take a while to read. */
const MANY = Array.from(
  { length: 5000 },
  (_, i) => record({ instrument: `m${i % 100}`, hour: Math.floor(i / 100), closed: true }),
);

Deno.test("SQLite reader: writing on the main thread goes on while a heavy read is under way", () =>
  withPath(async (path) => {
    using store = new SqliteStatisticsStore(path, CONFIG);
    await store.writeStatistics(MANY);
    using reader = new SqliteReader(path, CONFIG, { ...PATIENT, threadCountMax: 1 });
    const done: string[] = [];
    const reads = Array.from({ length: 3 }, async () => {
      strictEqual((await reader.statistics(ALL)).length, 5000);
      done.push("read");
    });
    await store.writeStatistics([record({ exchange: "zzz", hour: 999_999 })]);
    done.push("written");
    await Promise.all(reads);
    strictEqual(done.indexOf("written"), 0, "it did not wait for a single one of the reads");
  }));

Deno.test("SQLite reader: a file that is not there yet, or is another by now, is read as it is", () =>
  withPath(async (path) => {
    using reader = new SqliteReader(path, CONFIG, PATIENT);
    await rejects(reader.markets({ limit: 1 }), (error: Error) => {
      ok(error instanceof StoreUnavailableError);
      return error.message.includes("not there yet");
    });
    const exchanges = async () => (await reader.markets({ limit: 9 })).map((m) => m.exchange);
    for (const exchange of ["first", "second"]) {
      {
        using store = new SqliteStatisticsStore(path, CONFIG);
        await store.writeStatistics([record({ exchange })]);
        deepStrictEqual(await exchanges(), [exchange]);
      }
      await Deno.rename(path, `${path}.${exchange}`);
    }
    await rejects(reader.markets({ limit: 1 }), StoreUnavailableError);
  }));

Deno.test("SQLite reader: a read that nobody waits for any more gives its thread back", () =>
  withPath(async (path) => {
    using store = new SqliteStatisticsStore(path, CONFIG);
    await store.writeStatistics(MANY);
    using reader = new SqliteReader(path, CONFIG, { ...PATIENT, threadCountMax: 1 });
    await reader.markets({ limit: 1 });
    const gone = new AbortController();
    const days = { fromMs: 0, toMs: T0 * 2, limit: 20_000 };
    const reads = [reader.days(days, gone.signal), reader.statistics(ALL, gone.signal)];
    const reason = new Error("the client has gone");
    gone.abort(reason);
    for (const read of reads) await rejects(read, reason);
    await rejects(reader.days(days, gone.signal), reason);
    strictEqual((await reader.days(days)).length, 300);
  }));

Deno.test("SQLite reader: so many reads may wait, and so long", () =>
  withPath(async (path) => {
    using store = new SqliteStatisticsStore(path, CONFIG);
    await store.writeStatistics(MANY);
    using crowded = new SqliteReader(path, CONFIG, {
      ...PATIENT,
      threadCountMax: 1,
      waitingCountMax: 1,
    });
    const reads = [1, 2, 3].map(() => crowded.statistics(ALL));
    await rejects(reads[2]!, StoreBusyError);
    strictEqual((await reads[1]!).length, 5000);
    using hasty = new SqliteReader(path, CONFIG, { threadCountMax: 1, readTimeMaxMs: 0 });
    await rejects(hasty.statistics(ALL), /a read was not done in 0 ms/);
    await rejects(hasty.statistics({ ...ALL, order: "market" }), StoreBusyError);
  }));

Deno.test("SQLite reader: a thread whose read was given up is free for the next ones", () =>
  withPath(async (path) => {
    using store = new SqliteStatisticsStore(path, CONFIG);
    await store.writeStatistics(MANY);
    const limits = { threadCountMax: 1, readTimeMaxMs: 400 };
    using reader = new SqliteReader(path, CONFIG, limits);
    const reads = Array.from({ length: 60 }, () => reader.statistics(ALL));
    const outcomes = await Promise.allSettled(reads);
    ok(outcomes.some(({ status }) => status === "rejected"), "there were too many for the time");
    for (;;) {
      const markets = await reader.markets({ limit: 1 }).catch(() => null);
      if (markets?.length === 1) break;
    }
  }));

Deno.test("SQLite reader: what is wrong is said as in the store itself", () =>
  withPath(async (path) => {
    await Deno.writeTextFile(path, "no database, but long enough to be taken for one".repeat(100));
    using reader = new SqliteReader(path, CONFIG, PATIENT);
    await rejects(reader.markets({ limit: 1 }), /it is damaged or no database/);
    using store = new SqliteStatisticsStore(`${path}2`, CONFIG);
    await store.writeStatistics([record({})]);
    using other = new SqliteReader(`${path}2`, CONFIG, PATIENT);
    await rejects(other.markets({ limit: 0 }), RangeError);
  }));

Deno.test("SQLite reader: closing ends what is under way and what waits, at once", () =>
  withPath(async (path) => {
    using store = new SqliteStatisticsStore(path, CONFIG);
    await store.writeStatistics(MANY);
    const reader = new SqliteReader(path, CONFIG, PATIENT);
    const reads = [1, 2, 3, 4].map(() => reader.statistics(ALL));
    reader[Symbol.dispose]();
    for (const read of reads) await rejects(read, /it is being closed/);
    await rejects(reader.markets({ limit: 1 }), /it is closed/);
  }));

Deno.test("SQLite reader: works under the permissions of a configuration, its folder named with a space", () =>
  withPath(async (path) => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    const config = parseConfig({ SOURCES: "simulated", DATA_DIR: folder });
    const module = (name: string) => JSON.stringify(new URL(name, import.meta.url).href);
    const code = `
      import { SqliteReader } from ${module("./reader.ts")};
      import { SqliteStatisticsStore } from ${module("./statistics_store.ts")};
      const config = ${JSON.stringify(CONFIG)};
      using store = new SqliteStatisticsStore(Deno.args[0], config);
      await store.writeStatistics([JSON.parse(Deno.args[1])]);
      using reader = new SqliteReader(Deno.args[0], config);
      console.log((await reader.markets({ limit: 9 })).length);`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-check", "--quiet", ...permissionArguments(permissionsOf(config, null))],
        `--config=${new URL("../../deno.json", import.meta.url).pathname}`,
        ...[`data:application/typescript,${encodeURIComponent(code)}`, path],
        JSON.stringify(record({})),
      ],
      env: { NO_COLOR: "1" },
    }).output();
    strictEqual(new TextDecoder().decode(stdout), "1\n", new TextDecoder().decode(stderr));
  }));
