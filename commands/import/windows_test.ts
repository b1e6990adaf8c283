import { deepStrictEqual, match, notDeepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import { statisticsOf, ticksExpected } from "../../stats/window.ts";
import { exactStatistics } from "../../tests/oracle/exact.ts";
import { type Ended, Report } from "./report.ts";
import { importWindows } from "./windows.ts";

const HEADER = "exchange,instrument,timestamp,price";
const MINUTE_MS = 60_000;
const DAY_MS = 24 * 60 * MINUTE_MS;

class Importing {
  readonly store = new MemoryStatisticsStore({
    graceMs: 0,
    amendForMs: 0,
    partitionCount: 1,
    keepMs: null,
  });
  out = "";
  err = "";
  readonly #folder = Deno.makeTempDirSync();

  async import(
    files: readonly (readonly string[])[],
    intervalMs: number | null = MINUTE_MS,
    headers: readonly string[] = [],
  ): Promise<Ended> {
    const output = {
      out: (text: string) => void (this.out += text),
      err: (text: string) => void (this.err += text),
      isTerminal: false,
    };
    const paths = files.map((lines, i) => {
      const path = `${this.#folder}/${i}.csv`;
      Deno.writeTextFileSync(path, [headers[i] || HEADER, ...lines].join("\n"));
      return path;
    });
    const input = {
      paths,
      windowSizeMs: 60 * MINUTE_MS,
      intervalMs,
      byteCount: 0,
      limits: { timeMaxMs: Infinity, skipsZeroPrices: true },
      spillPath: `${this.#folder}/scratch`,
    };
    const report = new Report(output);
    const ended = await importWindows(input, this.store, report, output);
    report.print(ended);
    return ended;
  }

  rows() {
    return this.store.statistics({ fromMs: 0, toMs: Infinity, limit: 10_000 });
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

const lines: fc.Arbitrary<string[]> = fc.array(
  fc.record({
    instrument: fc.constantFrom("x", "y"),
    timestampMs: fc.integer({ min: 0, max: 2 * DAY_MS }),
    price: fc.double({ min: 1e-9, max: 1e9, noNaN: true }),
  }).map(({ instrument, timestampMs, price }) => `a,${instrument},${timestampMs},${price}`),
  { maxLength: 60 },
);

Deno.test("importWindows() stores the same bits in whatever order files and lines come", async () => {
  await fc.assert(
    fc.asyncProperty(
      lines.chain((all) =>
        fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }))
      ),
      fc.nat(60),
      fc.constantFrom(null, MINUTE_MS, 60 * MINUTE_MS),
      async ([all, shuffled], cut, intervalMs) => {
        using one = new Importing();
        using other = new Importing();
        await one.import([all], intervalMs);
        await other.import([shuffled.slice(cut), shuffled.slice(0, cut)], intervalMs);
        deepStrictEqual(await other.rows(), await one.rows());
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("importWindows() counts the first row of each tick, and so coverage", async () => {
  using importing = new Importing();
  const ended = await importing.import([[
    "a,x,1970-01-01T00:00:59.999Z,3",
    "a,x,1970-01-01T00:00:00Z,1",
    "a,x,1970-01-01T00:02:30Z,5",
    "a,x,1970-01-01T00:00:30Z,2",
  ]]);
  deepStrictEqual([ended.countedCount, ended.duplicateCount, ended.windowCount], [2, 2, 1]);
  const [row] = await importing.rows();
  ok(row);
  deepStrictEqual([row.openPrice, row.closePrice, row.closeMs, row.origin], [
    1,
    5,
    120_000,
    "import",
  ]);
  strictEqual(row.state, "sealed");
  strictEqual(statisticsOf({ ...row, tickCountExpected: ticksExpected(row) }).coverage, 2 / 60);
  strictEqual(
    importing.out,
    importing.out.match(/counted 2 samples; in 1 windows; refused 2 duplicate; .* s\n/)?.[0],
  );
});

Deno.test("importWindows() is exact, and counts every row where there are no ticks", async () => {
  using importing = new Importing();
  const prices = Array.from({ length: 500 }, (_, i) => 1e9 + (i % 7) * 1e-6);
  await importing.import([prices.map((price, i) => `a,x,${i % 5},${price}`)], null);
  const [row] = await importing.rows();
  ok(row);
  const exact = exactStatistics(prices);
  strictEqual(row.count, 500);
  strictEqual(row.meanHi, exact.mean);
  const { stddev } = statisticsOf({ ...row, tickCountExpected: null });
  ok(Math.abs(stddev! - exact.stddev!) <= 1e-15 * exact.stddev!);
});

Deno.test("importWindows() can be repeated, and a fuller import takes a window over", async () => {
  using importing = new Importing();
  const some = ["a,x,0,1", "a,x,60000,2"];
  await importing.import([some]);
  const before = await importing.rows();
  match(
    (await importing.import([some]), importing.out),
    /refused none; 1 windows were stored before; /,
  );
  deepStrictEqual(await importing.rows(), before);
  await importing.import([[...some, "a,x,120000,9"]]);
  const after = await importing.rows();
  notDeepStrictEqual(after, before);
  await importing.import([some]);
  deepStrictEqual(await importing.rows(), after);
});

Deno.test("importWindows() names the lines it refuses, counts them, and goes on", async () => {
  using importing = new Importing();
  const bad = Array.from({ length: 30 }, () => "a,x,soon,1");
  await importing.import([["a,x,0,1", ...bad, "a,x,60000,0", "a,x,120000,2"]]);
  match(importing.err, /0\.csv:3: timestamp "soon": must be/);
  strictEqual(importing.err.match(/timestamp "soon"/g)?.length, 20);
  match(importing.err, /… further ones are only counted/);
  match(importing.out, /^counted 2 samples; in 1 windows; refused 30 malformed, 1 zero-price; /);
});

Deno.test("importWindows() stores nothing where one of its files is none", async () => {
  using importing = new Importing();
  await rejects(
    importing.import([["a,x,0,1"], ["a,x,60000,1"]], MINUTE_MS, ["", "<html>"]),
    /1\.csv: its first line "<html>" has no column exchange/,
  );
  deepStrictEqual(await importing.rows(), []);
});
