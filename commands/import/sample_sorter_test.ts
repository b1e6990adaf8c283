import { deepStrictEqual, strictEqual } from "node:assert";
import fc from "fast-check";
import type { Row } from "./rows.ts";
import { SampleSorter, type SortOrder } from "./sample_sorter.ts";

const DAY_MS = 86_400_000;

function sortedBy(rows: readonly Row[], order: SortOrder, rowsMax: number): Row[] {
  const path = Deno.makeTempFileSync();
  using sorter = new SampleSorter(path, order, rowsMax);
  for (const row of rows) sorter.add(row);
  return [...sorter.sorted()];
}

const rows: fc.Arbitrary<Row[]> = fc.array(fc.record({
  exchange: fc.constantFrom("a", "b"),
  instrument: fc.constantFrom("x", "y"),
  timestampMs: fc.oneof(fc.integer({ min: 0, max: 4 * DAY_MS }), fc.constantFrom(0, DAY_MS)),
  price: fc.double({ min: 0, max: 10, noNaN: true }),
}));

Deno.test("SampleSorter gives every row in order, however little it may hold", () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 20 }), (given, rowsMax) => {
      const nameOf = (row: Row) => `${row.exchange}:${row.instrument}`;
      const markets = [...new Set(given.map(nameOf))];
      const byMarket = (a: Row, b: Row) => markets.indexOf(nameOf(a)) - markets.indexOf(nameOf(b));
      const byTime = (a: Row, b: Row) => a.timestampMs - b.timestampMs;
      const byPrice = (a: Row, b: Row) => a.price - b.price;
      const expected = given.map((row) => ({ ...row, price: row.price + 0 }));
      deepStrictEqual(
        sortedBy(given, "market", rowsMax),
        expected.toSorted((a, b) => byMarket(a, b) || byTime(a, b) || byPrice(a, b)),
      );
      deepStrictEqual(
        sortedBy(given, "time", rowsMax),
        expected.toSorted((a, b) => byTime(a, b) || byMarket(a, b) || byPrice(a, b)),
      );
    }),
    { numRuns: 50 },
  );
});

Deno.test("SampleSorter leaves no file behind", () => {
  const folder = Deno.makeTempDirSync();
  {
    using sorter = new SampleSorter(`${folder}/scratch`, "market", 1);
    sorter.add({ exchange: "a", instrument: "x", timestampMs: 1, price: 2 });
    strictEqual([...sorter.sorted()].length, 1);
  }
  deepStrictEqual([...Deno.readDirSync(folder)], []);
  Deno.removeSync(folder);
});
