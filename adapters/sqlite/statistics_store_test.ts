import { deepStrictEqual, match, ok, rejects, strictEqual, throws } from "node:assert";
import { DatabaseSync } from "node:sqlite";
import { type StatisticsRecord, StoreUnavailableError } from "../../ports/statistics_store.ts";
import { notification } from "../../tests/contract/notifications_contract.ts";
import { record, T0 } from "../../tests/contract/statistics_store_contract.ts";
import { CHANGES_KEPT } from "./changes.ts";
import { explained } from "./errors.ts";
import { SCHEMA_VERSION } from "./schema.ts";
import { SqliteStatisticsStore } from "./statistics_store.ts";

const CONFIG = { graceMs: 300_000, amendForMs: 21_600_000, partitionCount: 6, keepMs: null };
const HOUR_MS = 3_600_000;
const ALL = { fromMs: 0, toMs: T0 * 2, limit: 20_000 };

/** Runs `body` with the path of a store that is not there yet. */
async function withPath(body: (path: string) => Promise<void> | void): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/statistics.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Windows of `marketCount` markets that start at one hour, with prices as they are. */
function windows(hour: number, marketCount: number, closed = true): StatisticsRecord[] {
  return Array.from({ length: marketCount }, (_, i) => {
    const price = Math.round(1e6 / (i + 1) + hour * 7.3) / 100;
    const fields = { exchange: `exchange${i % 7}`, instrument: `m${i}`, hour, closed };
    const one = record({ ...fields, count: 60, tickCount: 60, streamMs: T0 + hour * HOUR_MS });
    const moments = {
      meanHi: price / 3,
      meanLo: price / 3e17,
      m2Hi: price / 7,
      m2Lo: price / 7e17,
    };
    Object.assign(one.window, moments, { min: price - 0.5, max: price + 0.5, openPrice: price });
    return { ...one, revision: 2e7 + hour * 60 + i };
  });
}

Deno.test("SQLite store: what was written is there after the file is opened again", () =>
  withPath(async (path) => {
    let before;
    {
      using store = new SqliteStatisticsStore(path, CONFIG);
      await store.writeStatistics([...windows(0, 3), ...windows(1, 3, false)]);
      before = await store.statistics(ALL);
      strictEqual(before.length, 6);
    }
    using again = new SqliteStatisticsStore(path, CONFIG);
    using beside = new SqliteStatisticsStore(path, CONFIG);
    deepStrictEqual(await again.statistics(ALL), before);
    await again.writeStatistics(windows(2, 1));
    strictEqual((await beside.statistics(ALL)).length, 7, "another connection sees it at once");
  }));

Deno.test("SQLite store: a file of a newer schema is refused and left alone", () =>
  withPath((path) => {
    new SqliteStatisticsStore(path, CONFIG)[Symbol.dispose]();
    using db = new DatabaseSync(path);
    db.exec(`PRAGMA user_version = ${SCHEMA_VERSION + 1}`);
    throws(() => new SqliteStatisticsStore(path, CONFIG), (error: Error) => {
      ok(error.message.includes(path));
      match(error.message, /schema version is 6 and this program knows 5; run the newer program/);
      return true;
    });
  }));

Deno.test("SQLite store: days are merged once they are over, those of an older file, too", () =>
  withPath(async (path) => {
    const rowsOf = (table: string) => {
      using db = new DatabaseSync(path, { readOnly: true });
      return db.prepare(`SELECT * FROM ${table}`).all().length;
    };
    const query = { fromMs: 0, toMs: T0 * 2, limit: 20_000 };
    let before;
    {
      using store = new SqliteStatisticsStore(path, CONFIG);
      for (const hour of [0, 1, 23, 24]) await store.writeStatistics(windows(hour, 300));
      strictEqual(await store.mergeDays(), false, "the hour after the day has to begin");
      await store.writeStatistics(windows(25, 300, false));
      before = await store.days(query);
      strictEqual(await store.mergeDays(), false, "so few are one step");
      deepStrictEqual([rowsOf("day_statistics"), rowsOf("unmerged_days")], [300, 300]);
      deepStrictEqual(await store.days(query), before);
    }
    {
      using db = new DatabaseSync(path);
      db.exec("DROP TABLE day_statistics; DROP TABLE unmerged_days; PRAGMA user_version = 4");
    }
    using store = new SqliteStatisticsStore(path, CONFIG);
    deepStrictEqual([rowsOf("day_statistics"), rowsOf("unmerged_days")], [0, 600]);
    deepStrictEqual(await store.days(query), before);
    while (await store.mergeDays());
    deepStrictEqual([rowsOf("day_statistics"), rowsOf("unmerged_days")], [300, 300]);
    deepStrictEqual(await store.days(query), before);
  }));

Deno.test("SQLite store: what cannot be opened is said in an operator's words", () =>
  withPath(async (path) => {
    throws(
      () => new SqliteStatisticsStore(`${path}/nowhere/a.db`, CONFIG),
      /does its folder exist/,
    );
    await Deno.writeTextFile(path, "no database, but long enough to be taken for one".repeat(100));
    throws(() => new SqliteStatisticsStore(path, CONFIG), /it is damaged or no database/);
  }));

Deno.test("SQLite store: while another process writes it says so, and it writes afterwards", () =>
  withPath(async (path) => {
    using store = new SqliteStatisticsStore(path, CONFIG);
    using other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE");
    await rejects(store.writeStatistics(windows(0, 1)), /another process is using it/);
    deepStrictEqual(await store.statistics(ALL), [], "reading goes on");
    other.exec("ROLLBACK");
    strictEqual(await store.writeStatistics(windows(0, 1)), 1);
  }));

Deno.test("SQLite store: a full disk and a read-only file are said in an operator's words", () =>
  withPath((path) => {
    new SqliteStatisticsStore(path, CONFIG)[Symbol.dispose]();
    using db = new DatabaseSync(path);
    db.exec("PRAGMA max_page_count = 1; CREATE TEMP TABLE t (a)");
    const fill = "INSERT INTO polls VALUES ('a', 1, 'ok', hex(zeroblob(1000000)))";
    throws(() => explained(path, () => db.exec(fill)), (error: Error) => {
      ok(error instanceof StoreUnavailableError);
      strictEqual(error.message, `statistics store ${path}: the disk is full; free some space`);
      match((error.cause as Error).message, /disk is full/);
      return true;
    });
    using reader = new DatabaseSync(path, { readOnly: true });
    throws(() => explained(path, () => reader.exec("DELETE FROM polls")), /it cannot be written/);
    throws(() => explained(path, () => JSON.parse("{")), SyntaxError, "no error of SQLite's");
  }));

Deno.test("SQLite store: a market-hour takes at most 150 bytes on disk", () =>
  withPath(async (path) => {
    const hours = 49;
    const marketCount = 600;
    {
      using store = new SqliteStatisticsStore(path, CONFIG);
      for (let hour = 0; hour < hours; hour++) {
        await store.writeStatistics(windows(hour, marketCount, false));
        const closed = windows(hour, marketCount).map((r) => ({ ...r, revision: r.revision + 1 }));
        strictEqual(await store.writeStatistics(closed), marketCount);
      }
    }
    using db = new DatabaseSync(path);
    // The last changes take 3 MB at most, however long the history.
    db.exec("DELETE FROM changes");
    const pragma = (name: string) =>
      Object.values(db.prepare(`PRAGMA ${name}`).get()!)[0] as number;
    const size = (pragma("page_count") - pragma("freelist_count")) * pragma("page_size");
    const bytesPerRow = size / (hours * marketCount);
    ok(bytesPerRow <= 150, `${bytesPerRow} bytes`);
  }));

Deno.test("SQLite store: a file from before notifications keeps its rows and takes some", () =>
  withPath(async (path) => {
    {
      using store = new SqliteStatisticsStore(path, CONFIG);
      await store.writeStatistics(windows(0, 3));
    }
    {
      using db = new DatabaseSync(path);
      const later = ["notifications", "day_statistics", "unmerged_days"];
      for (const table of later) db.exec(`DROP TABLE ${table}`);
      db.exec("PRAGMA user_version = 3");
    }
    using store = new SqliteStatisticsStore(path, CONFIG);
    strictEqual((await store.statistics(ALL)).length, 3);
    strictEqual(await store.writeNotifications([notification()]), 1);
    deepStrictEqual(await store.notifications(ALL), [notification()]);
  }));

Deno.test("SQLite store: an open window's publications rewrite little of the file", () =>
  withPath(async (path) => {
    using store = new SqliteStatisticsStore(path, CONFIG);
    for (let hour = 0; hour < 23; hour++) await store.writeStatistics(windows(hour, 1000));
    await store.writeStatistics(windows(23, 1000, false));
    using db = new DatabaseSync(path);
    db.exec("PRAGMA wal_checkpoint(TRUNCATE)");
    await store.writeStatistics(
      windows(23, 1000, false).map((r) => ({ ...r, revision: r.revision + 2 })),
    );
    const { size } = await Deno.stat(`${path}-wal`);
    ok(size < 1000 * 300, `${size} bytes for 1,000 windows`);
  }));

Deno.test("SQLite store: expired days are deleted in bounded steps, the file's pages used again", () =>
  withPath(async (path) => {
    const marketCount = 400;
    using store = new SqliteStatisticsStore(path, { ...CONFIG, keepMs: 24 * HOUR_MS });
    let sizeOfTwoDays = 0;
    for (let hour = 0; hour < 24 * 5; hour++) {
      await store.writeStatistics(windows(hour, marketCount));
      if (hour === 24 * 3) sizeOfTwoDays = (await Deno.stat(path)).size;
    }
    const days = new Set<number>();
    let after;
    for (;;) {
      const page = await store.statistics({ ...ALL, ...(after && { after }) });
      for (const row of page) days.add(Math.floor((row.startMs - T0) / (24 * HOUR_MS)));
      if (page.length < ALL.limit) break;
      after = page.at(-1)!;
    }
    deepStrictEqual([...days], [3, 4]);
    const { size } = await Deno.stat(path);
    ok(size < sizeOfTwoDays * 1.5, `grew from ${sizeOfTwoDays} to ${size}`);
    strictEqual((await store.markets({ limit: 1 }))[0]!.firstMs, T0 + 72 * HOUR_MS);
  }));

Deno.test("SQLite store: of changes the last ones are kept, and what came before is not known", () =>
  withPath(async (path) => {
    using store = new SqliteStatisticsStore(path, CONFIG);
    await store.writeStatistics(windows(0, 3, false));
    const { place } = (await store.changes(null, 1))!;
    await store.writeStatistics(windows(1, 3));
    strictEqual((await store.changes(place, 9))!.changes.length, 3);
    using db = new DatabaseSync(path);
    db.exec(`INSERT INTO changes VALUES (${CHANGES_KEPT + 1}, 1, 1)`);
    await store.writeStatistics(windows(2, 3));
    strictEqual(await store.changes(place, 9), null);
    strictEqual(db.prepare("SELECT count(*) AS n FROM changes").get()!.n, 6);
  }));

Deno.test("SQLite store: works with the permission to read and write its folder alone", () =>
  withPath(async (path) => {
    const folder = path.slice(0, path.lastIndexOf("/"));
    const module = new URL("./statistics_store.ts", import.meta.url).href;
    const code = `
      import { SqliteStatisticsStore } from ${JSON.stringify(module)};
      using store = new SqliteStatisticsStore(Deno.args[0], ${JSON.stringify(CONFIG)});
      await store.writeStatistics(JSON.parse(Deno.args[1]));
      console.log((await store.statistics({ fromMs: 0, toMs: 1e13, limit: 9 })).length);
      try {
        new SqliteStatisticsStore(Deno.args[2], ${JSON.stringify(CONFIG)});
      } catch (error) {
        console.log(/no permission/.test(error.message));
      }`;
    await Deno.writeTextFile(`${folder}/main.ts`, code);
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--no-check", "--quiet"],
        ...[`--config=${new URL("../../deno.json", import.meta.url).pathname}`],
        ...[`--allow-read=${folder}`, `--allow-write=${folder}`, `${folder}/main.ts`],
        ...[path, JSON.stringify([record({})]), `${folder}-elsewhere.db`],
      ],
    }).output();
    const decoder = new TextDecoder();
    strictEqual(decoder.decode(stdout), "1\ntrue\n", decoder.decode(stderr));
  }));
