import { deepStrictEqual, strictEqual } from "node:assert";
import fc from "fast-check";
import type { Row } from "./rows.ts";
import { SampleSorter } from "./sample_sorter.ts";

const DAY_MS = 86_400_000;

function sortedBy(rows: readonly Row[], rowsMax: number) {
  const path = Deno.makeTempFileSync();
  using sorter = new SampleSorter(path, rowsMax);
  for (const row of rows) sorter.add(row);
  return [...sorter.sorted()].flatMap(({ exchange, instrument, pairs }) =>
    Array.from({ length: pairs.length / 2 }, (_, i) => ({
      exchange,
      instrument,
      timestampMs: pairs[2 * i]!,
      price: pairs[2 * i + 1]!,
    }))
  );
}

const rows: fc.Arbitrary<Row[]> = fc.array(fc.record({
  exchange: fc.constantFrom("a", "b"),
  instrument: fc.constantFrom("x", "y"),
  timestampMs: fc.integer({ min: 0, max: 4 * DAY_MS }),
  price: fc.double({ min: 0, max: 10, noNaN: true }),
}));

Deno.test("SampleSorter gives every row, each market's by time and price, however little it may hold", () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 20 }), (given, rowsMax) => {
      const markets = [...new Set(given.map((row) => `${row.exchange}:${row.instrument}`))];
      const expected = [...given].map((row) => ({ ...row, price: row.price + 0 })).sort((a, b) =>
        markets.indexOf(`${a.exchange}:${a.instrument}`) -
          markets.indexOf(`${b.exchange}:${b.instrument}`) ||
        a.timestampMs - b.timestampMs || a.price - b.price
      );
      deepStrictEqual(sortedBy(given, rowsMax), expected);
    }),
    { numRuns: 50 },
  );
});

Deno.test("SampleSorter leaves no file behind", () => {
  const folder = Deno.makeTempDirSync();
  {
    using sorter = new SampleSorter(`${folder}/scratch`, 1);
    sorter.add({ exchange: "a", instrument: "x", timestampMs: 1, price: 2 });
    strictEqual([...sorter.sorted()].length, 1);
  }
  deepStrictEqual([...Deno.readDirSync(folder)], []);
  Deno.removeSync(folder);
});
