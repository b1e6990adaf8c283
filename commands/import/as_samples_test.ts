import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import type { StatisticsRow } from "../../ports/statistics_store.ts";
import { parseConfig } from "../../config.ts";
import { openEngine } from "../../process/engine.ts";
import { outputOf } from "../../tests/command_output.ts";
import { importCommand } from "../import.ts";

const MINUTE_MS = 60_000;
/** Long ago, so that all windows have ended. */
const START_MS = Date.parse("2024-02-29T00:00:00Z");

/** Ten hours of a market, a row a minute. */
function rowsOf(instrument: string, price: (minute: number) => number): string {
  const rows = Array.from(
    { length: 600 },
    (_, minute) => `a,${instrument},${START_MS + minute * MINUTE_MS},${price(minute)}`,
  );
  return ["exchange,instrument,timestamp,price", ...rows].join("\n");
}

async function storedIn(settings: Record<string, string>): Promise<readonly StatisticsRow[]> {
  await using engine = await openEngine(parseConfig({ ...settings, SOURCES: "simulated" }));
  return await engine.store.statistics({ fromMs: 0, toMs: Infinity, limit: 100 });
}

async function withFiles(
  test: (paths: string[], settings: Record<string, string>) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "data tracker " });
  try {
    const paths = [`${directory}/x.csv`, `${directory}/y.csv`];
    await Deno.writeTextFile(paths[0]!, rowsOf("x", (minute) => 100 + Math.sin(minute)));
    await Deno.writeTextFile(paths[1]!, rowsOf("y", (minute) => 1 / (minute + 1)));
    await test(paths, { DATA_DIR: `${directory}/data`, PARTITIONS: "2" });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("import --as-samples ends when all windows are closed and stored, as the import alone has them", async () => {
  await withFiles(async (paths, settings) => {
    const args = ["--interval", "1m", ...paths];
    const sent = await outputOf(importCommand, ["--as-samples", ...args], settings);
    strictEqual(sent.code, 0, sent.err);
    match(sent.out, /^counted 1,200 samples; in 20 windows; refused none; /);
    const live = await storedIn(settings);
    strictEqual(live.length, 20);
    ok(live.every((row) => row.state !== "open" && row.origin === "live" && row.count === 60));

    const alone = { ...settings, DATA_DIR: `${settings.DATA_DIR}-alone` };
    strictEqual((await outputOf(importCommand, args, alone)).code, 0);
    const bare = (row: StatisticsRow) => ({ ...row, origin: "", revision: 0, state: "" });
    deepStrictEqual((await storedIn(alone)).map(bare), live.map(bare));
  });
});

Deno.test("import --as-samples says what the aggregator refused", async () => {
  await withFiles(async ([path], settings) => {
    const args = ["--as-samples", "--interval", "1m", path!];
    strictEqual((await outputOf(importCommand, args, settings)).code, 0);
    const again = await outputOf(importCommand, args, settings);
    strictEqual(again.code, 1, "nothing was counted");
    match(again.out, /^counted 0 samples; in 10 windows; refused \d+ sealed, \d+ duplicate; /);
  });
});

Deno.test("import --as-samples leaves a data directory alone that another process works in", async () => {
  await withFiles(async (paths, settings) => {
    await using _engine = await openEngine(parseConfig({ ...settings, SOURCES: "simulated" }));
    const { code, err } = await outputOf(importCommand, ["--as-samples", ...paths], settings);
    strictEqual(code, 1);
    match(err, /^DATA_DIR: .* is in use by another process/);
    const plain = await outputOf(importCommand, paths, settings);
    strictEqual(plain.code, 0, `an import into the store goes beside it: ${plain.err}`);
  });
});

Deno.test("import says what it cannot import", async () => {
  await withFiles(async ([path], settings) => {
    for (
      const [args, problem] of [
        [[], /which files\?/],
        [["/nowhere.csv"], /\/nowhere\.csv: cannot be found/],
        [[Deno.cwd()], /is a folder/],
        [
          ["--interval", "7m", path!],
          /--interval 7m: must be whole seconds that WINDOW=1h is a multiple of/,
        ],
        [["--interval", "soon", path!], /--interval soon/],
      ] as const
    ) {
      const { code, err } = await outputOf(importCommand, args, settings);
      strictEqual(code, 2);
      match(err, problem);
    }
  });
});
