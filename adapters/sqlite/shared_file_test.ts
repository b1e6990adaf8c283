/**
 * Several processes on one file: nothing here can be seen with connections of one thread, where no
 * call ever waits for another's.
 *
 * @module
 */
import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { record, T0 } from "../../tests/contract/statistics_store_contract.ts";
import { DatabaseSync } from "node:sqlite";
import { NotMadeYetError } from "./database.ts";
import { openSqliteStore, SqliteStatisticsStore } from "./statistics_store.ts";

const CONFIG = { graceMs: 0, amendForMs: 0, partitionCount: 6, keepMs: null };
const HOUR_MS = 3_600_000;
const PROCESS_COUNT = 5;
const CONFIG_FILE = new URL("../../deno.json", import.meta.url).pathname;
const PROCESS = new URL("./shared_file_process.ts", import.meta.url).pathname;

async function withPath(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(`${folder}/statistics.db`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("processes that make one file at the same moment all write into it, each deleting what has expired", () =>
  withPath(async (path) => {
    const children = Array.from(
      { length: PROCESS_COUNT },
      (_, i) =>
        new Deno.Command(Deno.execPath(), {
          args: ["run", "-A", "--no-prompt", "--no-check", PROCESS, path, `${i}`],
          stdin: "piped",
          stdout: "piped",
          stderr: "inherit",
        }).spawn(),
    );
    const outputs = children.map((child) =>
      child.stdout.pipeThrough(new TextDecoderStream()).getReader()
    );
    for (const output of outputs) match((await output.read()).value!, /started/);
    // All at once.
    for (const child of children) await child.stdin.close();
    const results = await Promise.all(children.map(async (child, i) => {
      let text = "";
      for (let read; !(read = await outputs[i]!.read()).done;) text += read.value;
      strictEqual((await child.status).code, 0);
      return JSON.parse(text) as { slowestReadMs: number };
    }));
    const slowestReadMs = Math.max(...results.map((result) => result.slowestReadMs));
    ok(slowestReadMs < 1000, `a read took ${slowestReadMs} ms`);

    using store = await openSqliteStore(path, CONFIG, { isReadOnly: true });
    const rows = await store.statistics({ fromMs: 0, toMs: T0 * 2, limit: 20_000 });
    const own = rows.filter(({ instrument }) => instrument.startsWith("own"));
    // The last two days and the one that the greatest time is in.
    const keptFrom = T0 + 2 * 24 * HOUR_MS;
    deepStrictEqual(
      own.map(({ instrument, startMs }) => `${instrument}@${startMs}`).sort(),
      Array.from(
        { length: PROCESS_COUNT },
        (_, process) =>
          Array.from({ length: 24 * 3 }, (_, i) => `own${process}@${keptFrom + i * HOUR_MS}`),
      ).flat().sort(),
    );
    for (const { instrument, startMs, revision } of rows) {
      const hour = (startMs - T0) / HOUR_MS;
      if (instrument !== "all") continue;
      strictEqual(revision, 2 * (100 * hour + PROCESS_COUNT - 1) + 1, "the greatest stands");
    }
    const markets = await store.markets({ limit: 100 });
    strictEqual(markets.length, PROCESS_COUNT + 1);
    ok(markets.every(({ firstMs }) => firstMs === keptFrom));
  }));

Deno.test("a reader waits until a writer has made the file and brought it up to date", () =>
  withPath(async (path) => {
    const opening = openSqliteStore(path, CONFIG, { isReadOnly: true });
    // What a writer leaves between making the file and making its tables.
    using half = new DatabaseSync(path);
    half.exec("PRAGMA journal_mode = WAL");
    await rejects(
      // deno-lint-ignore require-await -- the constructor's error is to reject
      async () => new SqliteStatisticsStore(path, CONFIG, { isReadOnly: true }),
      NotMadeYetError,
    );
    using writer = await openSqliteStore(path, CONFIG);
    await writer.writeStatistics([record({})]);
    using reader = await opening;
    strictEqual((await reader.markets({ limit: 1 })).length, 1);
    await rejects(reader.writeStatistics([record({})]), /opened for reading alone/);
  }));

Deno.test("waiting for a file ends when told", () =>
  withPath(async (path) => {
    const stop = new AbortController();
    const opening = openSqliteStore(path, CONFIG, { isReadOnly: true, signal: stop.signal });
    stop.abort(new Error("told"));
    await rejects(opening, /told/);
  }));

Deno.test("a reader goes on while a writer is in the middle of a transaction, and needs no permission to write", () =>
  withPath(async (path) => {
    using writer = await openSqliteStore(path, CONFIG);
    await writer.writeStatistics([record({})]);
    using other = new DatabaseSync(path);
    other.exec("BEGIN IMMEDIATE; DELETE FROM markets");
    const module = new URL("./statistics_store.ts", import.meta.url).href;
    const code = `
      import { openSqliteStore } from ${JSON.stringify(module)};
      const config = ${JSON.stringify(CONFIG)};
      using store = await openSqliteStore(Deno.args[0], config, { isReadOnly: true });
      console.log((await store.markets({ limit: 9 })).length);`;
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "--no-prompt", "--no-check", `--config=${CONFIG_FILE}`, `--allow-read=${path}`],
        ...[`data:application/typescript,${encodeURIComponent(code)}`, path],
      ],
      env: { NO_COLOR: "1" },
      stdout: "piped",
      stderr: "piped",
    }).output();
    strictEqual(new TextDecoder().decode(stdout), "1\n", new TextDecoder().decode(stderr));
    other.exec("ROLLBACK");
  }));
