import { ok, strictEqual } from "node:assert";
import { type Market, MarketTable } from "./market_table.ts";

const encoder = new TextEncoder();

function market(name: string): Market {
  const page = encoder.encode(name);
  return { exchange: name, instrument: "b", page, start: 0, length: page.length } as Market;
}

/** The market found for a value that begins with its name. */
function found(table: MarketTable, hash: number, name: string): string | undefined {
  return table.find(hash, encoder.encode(`${name}…`))?.exchange;
}

Deno.test("every market is found again by its hash, however many there are", () => {
  const table = new MarketTable();
  for (let i = 0; i < 20_000; i++) table.put(31 * i, market(`m${i}.`));
  strictEqual(table.size, 20_000);
  for (let i = 0; i < 20_000; i++) strictEqual(found(table, 31 * i, `m${i}.`), `m${i}.`);
  strictEqual(found(table, 31 * 20_000, "m20000."), undefined);
  table.clear();
  strictEqual(table.size, 0);
  strictEqual(found(table, 0, "m0."), undefined);
});

Deno.test("of two markets with one hash the later one is found, and the other takes no room", () => {
  const table = new MarketTable();
  for (let i = 0; i < 100; i++) {
    table.put(7, market("one."));
    strictEqual(found(table, 7, "two."), undefined);
    table.put(7, market("two."));
    strictEqual(found(table, 7, "two."), "two.");
    strictEqual(found(table, 7, "one."), undefined);
  }
  strictEqual(table.size, 1);
});

Deno.test("markets whose hashes crowd one place are found, or not, but never taken for each other", () => {
  // The multiplier's inverse modulo 2^32: all of these belong into the first eight slots.
  const crowded = Array.from({ length: 1_000 }, (_, i) => Math.imul(i + 1, 0x0e8b2f51));
  const table = new MarketTable();
  for (const [i, hash] of crowded.entries()) table.put(hash, market(`m${i}.`));
  let foundCount = 0;
  for (const [i, hash] of crowded.entries()) {
    const name = found(table, hash, `m${i}.`);
    ok(name === undefined || name === `m${i}.`);
    if (name !== undefined) foundCount++;
  }
  ok(foundCount > 0 && foundCount < 50, `${foundCount} found`);
});
