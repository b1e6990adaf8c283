/**
 * What every window store must do, whatever it is made of.
 *
 * @module
 */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { ClaimLostError } from "../../ports/partition_state.ts";
import type { PartitionWindows, WindowKey, WindowStore } from "../../ports/window_store.ts";
import { TickSet } from "../../stats/tick_set.ts";
import { marketOfWindow, openWindow, type WindowState } from "../../stats/window.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const T0 = Date.UTC(2024, 0, 1);

/** A store under test. */
export interface WindowStoreUnderTest {
  store: WindowStore;
  /** As after a restart of the process, if the store outlives one. */
  reopen?(): Promise<WindowStore>;
  close(): Promise<void>;
}

/** Opens an empty store for windows of this size. */
export type OpenWindowStore = (windowSizeMs: number) => Promise<WindowStoreUnderTest>;

/** Registers the tests. */
export function windowStoreContract(name: string, open: OpenWindowStore): void {
  for (const [title, { windowSizeMs, run }] of Object.entries(tests)) {
    Deno.test(`${name}: ${title}`, async () => {
      const opened = await open(windowSizeMs);
      try {
        await run(opened);
      } finally {
        await opened.close();
      }
    });
  }
}

interface ContractTest {
  windowSizeMs: number;
  run(opened: WindowStoreUnderTest): Promise<void>;
}

const tests: Record<string, ContractTest> = {
  "a partition is empty at first": hourly(async ({ store }) => {
    const windows = await store.claim(0);
    ok(windows.writeCountMax >= 1);
    strictEqual(await windows.row(), null);
    deepStrictEqual(await windows.read([]), []);
    deepStrictEqual(await windows.read([{ market: "a:b", startMs: T0 }]), [null]);
    deepStrictEqual(await scanAll(windows), []);
  }),

  "a window comes back to the last bit": hourly(async ({ store }) => {
    const windows = await store.claim(0);
    const odd = [
      window("plain", 0),
      window("extreme", 0, {
        ...{ meanHi: 1e100, meanLo: -0, m2Hi: 5e-324, m2Lo: -5e-324, min: 5e-324, max: 1e100 },
        ...{ openPrice: 0.1, closePrice: 0.1 + Number.EPSILON / 8, count: 2 ** 53 - 1 },
        ...{
          openMs: T0 + 1,
          closeMs: T0 + 3_599_999,
          openOffset: 2 ** 52,
          closeOffset: 2 ** 53 - 1,
        },
        throughOffset: 2 ** 53 - 1,
      }),
      window("untouched", 0, {
        min: Infinity,
        max: -Infinity,
        openMs: Infinity,
        closeMs: -Infinity,
      }),
      window("flags", 0, {
        closed: true,
        amended: true,
        base: "btc",
        quote: "usd",
        intervalMs: 60_000,
      }),
      window("half-known", 0, { quote: "日本", origin: "import märz 😀" }),
      window("empty-ticks", 0, { ticks: TickSet.empty(HOUR_MS, 60_000) }),
      window("ticks", 0, { ticks: ticksOf(HOUR_MS, 60_000, 7), intervalMs: 60_000 }),
      window("fine-ticks", 0, { ticks: ticksOf(HOUR_MS, 1000, 3), amended: true }),
    ];
    await windows.write({ put: odd });
    deepStrictEqual((await windows.read(odd.map(keyOf))).map(plain), odd.map(plain));
    deepStrictEqual(sorted(await scanAll(windows)), sorted(odd));
  }),

  "what is written is a copy": hourly(async ({ store }) => {
    const windows = await store.claim(0);
    const mine = window("a", 0, { ticks: ticksOf(HOUR_MS, 60_000, 2) });
    const written = plain(mine);
    await windows.write({ put: [mine] });
    mine.count++;
    mine.ticks!.add(60_000, HOUR_MS);
    const [first] = await windows.read([keyOf(mine)]);
    deepStrictEqual(plain(first!), written);
    first!.ticks!.add(60_000, HOUR_MS);
    deepStrictEqual(plain((await windows.read([keyOf(mine)]))[0]!), written);
  }),

  "reads answer in the order of their keys, whether there or not": hourly(async ({ store }) => {
    const windows = await store.claim(0);
    const all = Array.from({ length: 40 }, (_, i) => window(`m${i}`, i % 3));
    await writeAll(windows, all);
    const asked = [7, 39, 0, 7, 21].map((i) => all[i]!);
    const keys = all.toReversed().flatMap((one) => [keyOf(one), { market: "no:one", startMs: T0 }]);
    keys.push(...asked.map(keyOf));
    const expected = [...all.toReversed().flatMap((one) => [one, null]), ...asked];
    deepStrictEqual((await windows.read(keys)).map(plain), expected.map(plain));
  }),

  "markets, starts and partitions do not run into each other": hourly(async ({ store }) => {
    const [windows, other] = [await store.claim(0), await store.claim(1)];
    const long = "日".repeat(99);
    const all = [
      window("a", 0, { count: 1 }),
      window("a", 1, { count: 2 }),
      window("ab", 0, { count: 3 }),
      window("A", 0, { count: 4 }),
      window(`${long}a`, 0, { exchange: `${long}x`, count: 5 }),
      window(`${long}b`, 0, { exchange: `${long}x`, count: 6 }),
      window("a-b", 0, { exchange: "x", count: 7 }),
      window("b", 0, { exchange: "x-a", count: 8 }),
    ];
    const elsewhere = window("a", 0, { count: 9 });
    await writeAll(windows, all);
    await other.write({ put: [elsewhere], row: row("other") });
    deepStrictEqual((await windows.read(all.map(keyOf))).map(plain), all.map(plain));
    deepStrictEqual((await other.read([keyOf(elsewhere)])).map(plain), [plain(elsewhere)]);
    strictEqual(await windows.row(), null);
    deepStrictEqual(sorted(await scanAll(other)), [plain(elsewhere)]);
  }),

  "one write puts, deletes and sets the row, and the last write stands": hourly(
    async ({ store }) => {
      const windows = await store.claim(0);
      const [a, b, c] = [window("a", 0), window("b", 0), window("c", 0)];
      await windows.write({ put: [a, b] });
      await windows.write({
        row: row("one", true),
        put: [c],
        delete: [keyOf(a), keyOf(window("z", 0))],
      });
      deepStrictEqual(await windows.row(), row("one", true));
      deepStrictEqual((await windows.read([a, b, c].map(keyOf))).map(plain), [
        null,
        plain(b),
        plain(c),
      ]);
      const newer = { ...b, count: 99, closed: true };
      const state = JSON.stringify({ nïce: "日本😀".repeat(1000) });
      await windows.write({ row: { ...row("two"), state }, put: [newer] });
      deepStrictEqual(await windows.row(), { ...row("two"), state });
      deepStrictEqual(sorted(await scanAll(windows)), sorted([newer, c]));
      await windows.write({ row: row("three") });
      deepStrictEqual(await windows.row(), row("three"));
      await windows.write({});
      deepStrictEqual(sorted(await scanAll(windows)), sorted([newer, c]));
    },
  ),

  "more windows than a write takes are refused, and nothing of them is written": hourly(
    async ({ store }) => {
      const windows = await store.claim(0);
      const put = Array.from({ length: windows.writeCountMax + 1 }, (_, i) => window(`m${i}`, 0));
      await rejects(windows.write({ row: row("no"), put }), RangeError);
      const [first, ...rest] = put;
      await rejects(
        windows.write({ put: rest, delete: [keyOf(first!)] }),
        RangeError,
      );
      strictEqual(await windows.row(), null);
      deepStrictEqual(await scanAll(windows), []);
    },
  ),

  "a scan brings every window once, or those of one start": hourly(async ({ store }) => {
    const windows = await store.claim(3);
    const all = Array.from({ length: 1000 }, (_, i) => window(`m${i}`, i % 4));
    await writeAll(windows, all);
    await (await store.claim(4)).write({ put: [window("elsewhere", 0)] });
    deepStrictEqual(sorted(await scanAll(windows)), sorted(all));
    for (const hour of [0, 3, 4]) {
      const expected = all.filter(({ startMs }) => startMs === T0 + hour * HOUR_MS);
      deepStrictEqual(sorted(await scanAll(windows, T0 + hour * HOUR_MS)), sorted(expected));
    }
  }),

  "as many windows as a write takes may be as large as windows get": {
    windowSizeMs: DAY_MS,
    async run({ store, reopen }) {
      const windows = await store.claim(0);
      const pad = (i: number) => `${i}`.padEnd(100, "日");
      const ticks = ticksOf(DAY_MS, 1000, 1);
      const all = Array.from({ length: windows.writeCountMax }, (_, i) => ({
        ...window(pad(i), 0, { exchange: pad(0), base: pad(i), quote: pad(i), ticks }),
        endMs: T0 + DAY_MS,
      }));
      strictEqual(ticks.size, 86_400);
      await windows.write({ row: { ...row("big"), state: "s".repeat(30_000) }, put: all });
      const again = reopen === undefined ? windows : await (await reopen()).claim(0);
      deepStrictEqual(sorted(await scanAll(again)), sorted(all));
      await again.write({ row: row("gone"), delete: all.map(keyOf) });
      deepStrictEqual(await scanAll(again), []);
    },
  },

  "a later claim refuses everything of the earlier, and finds all as it was": hourly(
    async ({ store }) => {
      const zombie = await store.claim(0);
      const all = Array.from({ length: 300 }, (_, i) => window(`m${i}`, 0));
      await writeAll(zombie, all);
      await zombie.write({ row: row("one") });
      const scanning = zombie.scan()[Symbol.asyncIterator]();
      await scanning.next();
      const owner = await store.claim(0);
      const late = { row: row("late"), put: [window("late", 0)], delete: [keyOf(all[0]!)] };
      for (let attempt = 0; attempt < 2; attempt++) {
        await rejects(zombie.write(late), ClaimLostError);
        await rejects(zombie.row(), ClaimLostError);
        await rejects(zombie.read([keyOf(all[0]!)]), ClaimLostError);
        await rejects(scanAll(zombie), ClaimLostError);
      }
      await rejects(async () => {
        while (!(await scanning.next()).done);
      }, ClaimLostError);
      deepStrictEqual(await owner.row(), row("one"));
      deepStrictEqual(sorted(await scanAll(owner)), sorted(all));
    },
  ),

  "a claim of one partition leaves the others alone": hourly(async ({ store }) => {
    const windows = await store.claim(0);
    await store.claim(1);
    await windows.write({ row: row("still mine") });
    deepStrictEqual(await windows.row(), row("still mine"));
  }),

  "all is there after a restart, and earlier claims are not": hourly(async ({ store, reopen }) => {
    if (reopen === undefined) return;
    const all = Array.from({ length: 50 }, (_, i) => window(`m${i}`, i % 2));
    const before = await store.claim(2);
    await writeAll(before, all);
    await before.write({ row: row("kept", true) });
    const after = await (await reopen()).claim(2);
    deepStrictEqual(await after.row(), row("kept", true));
    deepStrictEqual(sorted(await scanAll(after)), sorted(all));
  }),
};

function hourly(run: ContractTest["run"]): ContractTest {
  return { windowSizeMs: HOUR_MS, run };
}

function row(checkpointId: string, torn = false) {
  return { torn, checkpointId, state: `state of ${checkpointId}` };
}

/** A window of an hour, the `hour`-th after T0, with numbers of its own. */
function window(instrument: string, hour: number, changes: Partial<WindowState> = {}): WindowState {
  const timestampMs = T0 + hour * HOUR_MS;
  const empty = openWindow({ exchange: "kraken", instrument, price: 1, timestampMs }, HOUR_MS);
  const seed = instrument.length + hour;
  return {
    ...empty,
    ...{ count: 3 + seed, meanHi: Math.PI * seed, meanLo: 1e-17, m2Hi: Math.E, m2Lo: -3e-20 },
    ...{ min: 0, max: 2 * seed, openPrice: 0, openMs: timestampMs, openOffset: 0 },
    ...{ closePrice: seed, closeMs: timestampMs + 5, closeOffset: 12, throughOffset: 12 },
    ...changes,
  };
}

/** Every `every`-th tick of a window. */
function ticksOf(windowSizeMs: number, intervalMs: number, every: number): TickSet {
  const ticks = TickSet.empty(windowSizeMs, intervalMs);
  for (let at = 0; at < windowSizeMs; at += every * intervalMs) ticks.add(at, windowSizeMs);
  return ticks;
}

function keyOf(one: WindowState): WindowKey {
  return { market: marketOfWindow(one), startMs: one.startMs };
}

/** What can be compared: a tick set hides its content. */
function plain(one: WindowState | null) {
  return one && { ...one, ticks: one.ticks && `${one.ticks.size} of ${one.ticks.encode()}` };
}

/** In one order, and comparable. */
function sorted(windows: readonly WindowState[]) {
  return windows.toSorted((a, b) =>
    a.startMs - b.startMs || (marketOfWindow(a) < marketOfWindow(b) ? -1 : 1)
  ).map(plain);
}

async function scanAll(windows: PartitionWindows, startMs?: number) {
  const found: WindowState[] = [];
  for await (const page of windows.scan(startMs)) found.push(...page);
  return found;
}

async function writeAll(windows: PartitionWindows, all: readonly WindowState[]): Promise<void> {
  for (let i = 0; i < all.length; i += windows.writeCountMax) {
    await windows.write({ put: all.slice(i, i + windows.writeCountMax) });
  }
}
