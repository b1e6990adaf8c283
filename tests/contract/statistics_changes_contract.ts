/**
 * What every statistics store must tell whoever follows what is written; a part of its contract.
 *
 * @module
 */
import { deepStrictEqual, notStrictEqual, ok, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import type { StatisticsChange } from "../../ports/statistics_changes.ts";
import { READ_LIMIT_MAX, type StatisticsRow } from "../../ports/statistics_store.ts";
import { record, type StoreUnderTest, T0, type Test } from "./statistics_store_contract.ts";

const HOUR_MS = 3_600_000;
const ALL = { fromMs: 0, toMs: Date.UTC(2100), limit: READ_LIMIT_MAX };

/** All changes after a place, page by page. */
async function follow(store: StoreUnderTest, after: string, limit = 3) {
  const changes: StatisticsChange[] = [];
  for (let place = after;;) {
    const page = await store.changes(place, limit);
    ok(page !== null, `${place} is known`);
    changes.push(...page.changes);
    place = page.place;
    if (!page.isFull) return { changes, place };
  }
}

async function presentOf(store: StoreUnderTest): Promise<string> {
  const { place, changes } = (await store.changes(null, 1))!;
  deepStrictEqual(changes, []);
  return place;
}

/** Registers the tests. */
export function statisticsChangesContract(
  test: Test,
  openOther: () => Promise<StoreUnderTest>,
): void {
  const textOf = ({ row }: StatisticsChange) =>
    `${(row.startMs - T0) / HOUR_MS} ${row.instrument} ${row.count} ${row.state}`;

  test("whoever follows is told of what changes from then on, in order, as it is then", async (store) => {
    await store.writeStatistics([record({ hour: 0 })]);
    const place = await presentOf(store);
    await store.writeStatistics([record({ hour: 1, base: "btc", quote: "usd" })]);
    await store.writeStatistics([record({ instrument: "b" }), record({ instrument: "a" })]);
    await store.writeStatistics([record({ hour: 1, count: 2 })]);
    await store.writeStatistics([record({ hour: 0, count: 2, revision: 5, closed: true })]);
    await store.writeStatistics([record({ hour: 1 })]);
    const { changes, place: present } = await follow(store, place);
    deepStrictEqual(changes.map(textOf).filter((text) => /btcusd/.test(text)), [
      "1 btcusd 2 open",
      "0 btcusd 2 closed",
    ]);
    deepStrictEqual(changes.map(textOf).slice(0, 2).sort(), ["0 a 1 open", "0 b 1 open"]);
    strictEqual(changes[2]!.row.base, "btc");
    const rows = await store.statistics(ALL);
    for (const { row } of changes) {
      const same = (r: StatisticsRow) =>
        r.startMs === row.startMs && r.instrument === row.instrument;
      deepStrictEqual(row, rows.find(same));
    }
    deepStrictEqual(await store.changes(present, 9), {
      changes: [],
      place: present,
      isFull: false,
    });
  });

  test("places sort as changes were stored, and each is one to go on from", async (store) => {
    const first = await presentOf(store);
    for (let hour = 0; hour < 12; hour++) await store.writeStatistics([record({ hour })]);
    const { changes, place } = await follow(store, first);
    const places = [first, ...changes.map((change) => change.place)];
    deepStrictEqual(places.toSorted(), places);
    strictEqual(new Set(places.map((text) => text.length)).size, 1);
    ok(place >= places.at(-1)!);
    for (const [i, from] of places.entries()) {
      deepStrictEqual((await follow(store, from)).changes, changes.slice(i));
    }
  });

  test("imported history is not told, nor what does not stand", async (store) => {
    const place = await presentOf(store);
    await store.writeStatistics([
      record({ hour: 1, origin: "import", closed: true, count: 9 }),
      record({ hour: 1, count: 3 }),
      record({ hour: 2, count: 3 }),
    ]);
    await store.writeStatistics([record({ hour: 2, count: 2 })]);
    deepStrictEqual((await follow(store, place)).changes.map(textOf), ["2 btcusd 3 open"]);
  });

  test("a place of another store, of the future, or that is none, is not known", async (store) => {
    await using other = await openOther();
    for (const each of [store, other]) await each.writeStatistics([record({})]);
    const place = await presentOf(store);
    notStrictEqual(place, await presentOf(other));
    strictEqual(await other.changes(place, 1), null);
    const future = place.replace(/\d(?=\D*$)|\d(?=\d{8}$)/, "9");
    for (const none of ["", "x", `${place}0`, place.replace(/-.*/, "-1"), future, "é".repeat(99)]) {
      if (none !== place) strictEqual(await store.changes(none, 1), null, none);
    }
    await rejects(store.changes(place, 0), RangeError);
  });

  test("whoever follows has in the end what the store has, and was told nothing twice", async (store) => {
    const some = fc.record({
      instrument: fc.constantFrom("a", "b", "c", "d"),
      hour: fc.nat(3),
      count: fc.integer({ min: 1, max: 6 }),
    });
    const batches = fc.sample(fc.array(some, { maxLength: 6 }), { numRuns: 30, seed: 7 });
    let place = await presentOf(store);
    const known = new Map<string, StatisticsRow>();
    const told = new Set<string>();
    for (const [i, batch] of batches.entries()) {
      await store.writeStatistics(batch.map((fields) => record(fields)));
      const page = (await store.changes(place, 1 + i % 4))!;
      for (const { row } of page.changes) {
        const key = `${row.instrument}@${row.startMs}`;
        ok(!told.has(`${key} ${row.revision}`), "once");
        told.add(`${key} ${row.revision}`);
        known.set(key, row);
      }
      place = page.place;
    }
    for (const { row } of (await follow(store, place)).changes) {
      known.set(`${row.instrument}@${row.startMs}`, row);
    }
    const rows = await store.statistics(ALL);
    deepStrictEqual(
      [...known.values()].sort((a, b) =>
        a.startMs - b.startMs || (a.instrument < b.instrument ? -1 : 1)
      ),
      rows,
    );
  });
}
