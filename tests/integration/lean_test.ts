/**
 * A recorded day of four real markets through the whole program, by every way in, against exact
 * rational arithmetic.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { SqliteStatisticsStore } from "../../adapters/sqlite/statistics_store.ts";
import { parseConfig } from "../../config.ts";
import type { StatisticsRow } from "../../ports/statistics_store.ts";
import { statisticsOf, ticksExpected } from "../../stats/window.ts";
import { IMPORT_HEADER, importRows } from "../lean.ts";
import { exactStatistics } from "../oracle/exact.ts";
import { recordedTest, recording } from "../shared_data.ts";
import { startKafka } from "./kafka_server.ts";

const HOUR_MS = 3_600_000;
const MARKETS = ["btcusd", "btceur", "ethusd", "ltcusd"];
/** Relative: design's figure for statistics that went through the whole program. */
const TOLERANCE = 1e-14;

interface Tick {
  timeMs: number;
  price: number;
}

/** Writes the import format of a day, a file a market, and tells what is in them. */
async function dayFile(day: string, directory: string) {
  const ticks = new Map<string, Tick[]>();
  const paths: string[] = [];
  for (const market of MARKETS) {
    const name = `coinbase_${day}_${market}_minute_trade.csv`;
    const rows = importRows(name, new TextDecoder().decode(await recording(`lean/${name}`)));
    const path = `${directory}/${market}.csv`;
    await Deno.writeTextFile(path, `${[IMPORT_HEADER, ...rows].join("\n")}\n`);
    paths.push(path);
    // Parsed again, by other means than the program's.
    ticks.set(
      market,
      rows.map((row) => {
        const [, , timestamp, price] = row.split(",");
        return { timeMs: Number(timestamp), price: Number(price) };
      }),
    );
  }
  return { paths, ticks };
}

async function run(args: string[], env: Record<string, string>): Promise<string> {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "import", ...args],
    cwd: new URL("../../", import.meta.url),
    env: { ...env, NO_COLOR: "1" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(output.stdout) + new TextDecoder().decode(output.stderr);
  strictEqual(output.code, 0, text);
  return text;
}

async function rowsOf(directory: string): Promise<readonly StatisticsRow[]> {
  const config = parseConfig({ SOURCES: "simulated" });
  using store = new SqliteStatisticsStore(`${directory}/statistics.db`, {
    ...config,
    keepMs: null,
  });
  return await store.statistics({ fromMs: 0, toMs: Infinity, limit: 1000 });
}

function near(actual: number | null, exact: number | null, what: string): void {
  if (actual === null || exact === null) return strictEqual(actual, exact, what);
  ok(
    Math.abs(actual - exact) <= TOLERANCE * Math.abs(exact),
    `${what}: ${actual}, exactly ${exact}`,
  );
}

function checkRow(row: StatisticsRow, ticks: readonly Tick[]): void {
  const what = `${row.instrument} ${new Date(row.startMs).toISOString()}`;
  const own = ticks.filter(({ timeMs }) => timeMs >= row.startMs && timeMs < row.endMs);
  const exact = exactStatistics(own.map(({ price }) => price));
  const statistics = statisticsOf({ ...row, tickCountExpected: ticksExpected(row) });
  const [first, last] = [own[0]!.price, own.at(-1)!.price];
  for (const name of ["count", "min", "max"] as const) {
    strictEqual(statistics[name], exact[name], `${what} ${name}`);
  }
  for (
    const name of ["mean", "variance", "stddev", "stddevPopulation", "cv", "rangePct"] as const
  ) {
    near(statistics[name], exact[name], `${what} ${name}`);
  }
  strictEqual(statistics.open, first, what);
  strictEqual(statistics.close, last, what);
  near(statistics.changePct! + 1, last / first, what);
  strictEqual(statistics.coverage, own.length / 60, what);
  ok(row.state !== "open", what);
}

async function checkDay(
  directory: string,
  ticks: Map<string, Tick[]>,
  startMs: number,
): Promise<void> {
  const rows = await rowsOf(directory);
  const got = rows.map((row) => `${row.instrument} ${(row.startMs - startMs) / HOUR_MS}`).sort();
  const must = [...ticks].flatMap(([market, list]) =>
    [...new Set(list.map(({ timeMs }) => Math.floor((timeMs - startMs) / HOUR_MS)))].map((hour) =>
      `${market} ${hour}`
    )
  ).sort();
  deepStrictEqual(got, must, "the windows are those that have samples, and no others");
  for (const row of rows) checkRow(row, ticks.get(row.instrument)!);
}

async function throughProgram(day: string, args: string[], env: Record<string, string>) {
  const directory = await Deno.makeTempDir({ prefix: "data tracker " });
  try {
    const { paths, ticks } = await dayFile(day, directory);
    await run([...paths, "--interval", "1m", ...args], { ...env, DATA_DIR: `${directory}/data` });
    const startMs = Date.parse(`${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`);
    await checkDay(`${directory}/data`, ticks, startMs);
    return await rowsOf(`${directory}/data`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

recordedTest("recorded day: import stores every statistic within 1e-14 of exact", async () => {
  strictEqual((await throughProgram("20180405", [], {})).length, 4 * 24);
});

recordedTest("recorded day: import --as-samples on the embedded engine is as exact", async () => {
  strictEqual((await throughProgram("20180405", ["--as-samples"], {})).length, 4 * 24);
});

recordedTest("recorded day: import, and --as-samples on Kafka, are as exact", async () => {
  await using kafka = await startKafka();
  const env = { KAFKA_BROKERS: kafka.broker };
  strictEqual((await throughProgram("20180405", [], env)).length, 4 * 24);
  strictEqual((await throughProgram("20180405", ["--as-samples"], env)).length, 4 * 24);
});

recordedTest(
  "recorded hole: 2018-04-04 ends near 16:50, and no window is invented after it",
  async () => {
    const rows = await throughProgram("20180404", [], {});
    const lastHours = rows.filter((row) => new Date(row.startMs).getUTCHours() >= 17);
    deepStrictEqual(lastHours, []);
    const partial = rows.filter((row) => new Date(row.startMs).getUTCHours() === 16);
    strictEqual(partial.length, 4);
    ok(partial.every((row) => row.tickCount < 60), "the hour of the hole has lowered coverage");
  },
);
