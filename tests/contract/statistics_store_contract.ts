/**
 * What every statistics store must do, whatever it is made of.
 *
 * @module
 */
import { deepStrictEqual, match, notStrictEqual, ok, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import { FILTER_PATTERNS_MAX } from "../../ports/market_filters.ts";
import type { CoverageQueries } from "../../ports/coverage_queries.ts";
import type { NotificationQueries } from "../../ports/notification_queries.ts";
import type { StatisticsChanges } from "../../ports/statistics_changes.ts";
import {
  type PollRecord,
  POLLS_KEEP_MS,
  READ_LIMIT_MAX,
  RecordsRefusedError,
  type RowPlace,
  type StatisticsQueries,
  type StatisticsQuery,
  type StatisticsRecord,
  type StatisticsRow,
  type StatisticsSink,
  type StatisticsStoreConfig,
} from "../../ports/statistics_store.ts";
import { marketOf } from "../../stats/sample.ts";
import { TickSet } from "../../stats/tick_set.ts";
import { partitionOf } from "../../topology.ts";
import { notificationsContract, refusedNotificationsContract } from "./notifications_contract.ts";
import { coverageContract } from "./coverage_contract.ts";
import { statisticsChangesContract } from "./statistics_changes_contract.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/** Midnight of some day. */
export const T0 = Date.UTC(2024, 0, 1);

/** A store under test. */
export type StoreUnderTest =
  & StatisticsSink
  & StatisticsQueries
  & StatisticsChanges
  & CoverageQueries
  & NotificationQueries
  & AsyncDisposable;

/** Opens an empty store. */
export type OpenStore = (config: StatisticsStoreConfig) => Promise<StoreUnderTest>;

/** Registers one test, as `Deno.test` does. */
export type Register = (name: string, run: () => Promise<void>) => void;

export const CONFIG: StatisticsStoreConfig = {
  graceMs: 300_000,
  amendForMs: 6 * HOUR_MS,
  partitionCount: 6,
  keepMs: null,
};

/** Fields of a record that a test cares about. */
export interface RecordFields {
  exchange?: string;
  instrument?: string;
  base?: string | null;
  quote?: string | null;
  /** Hours after {@link T0}. */
  hour?: number;
  count?: number;
  meanHi?: number;
  meanLo?: number;
  m2Hi?: number;
  openPrice?: number;
  revision?: number;
  closed?: boolean;
  amended?: boolean;
  origin?: string;
  streamMs?: number;
  tickCount?: number;
}

/** A record as the writer would pass it on. */
export function record(fields: RecordFields = {}): StatisticsRecord {
  const { hour = 0, count = 1, meanHi = 100, revision = 2 * count, tickCount = 0 } = fields;
  const startMs = T0 + hour * HOUR_MS;
  const ticks = tickCount === 0 ? null : TickSet.empty(HOUR_MS, 60_000);
  for (let tick = 0; tick < tickCount; tick++) ticks!.add(tick * 60_000, HOUR_MS);
  return {
    window: {
      exchange: fields.exchange ?? "kraken",
      instrument: fields.instrument ?? "btcusd",
      base: fields.base ?? null,
      quote: fields.quote ?? null,
      startMs,
      endMs: startMs + HOUR_MS,
      count,
      meanHi,
      meanLo: fields.meanLo ?? 0,
      m2Hi: fields.m2Hi ?? 0,
      m2Lo: 0,
      min: meanHi,
      max: meanHi,
      openPrice: fields.openPrice ?? meanHi,
      openMs: startMs + 1,
      openOffset: 0,
      closePrice: meanHi,
      closeMs: startMs + HOUR_MS - 1,
      closeOffset: 0,
      ticks,
      intervalMs: ticks === null ? null : 60_000,
      throughOffset: (revision >> 1) - 1,
      closed: fields.closed ?? false,
      amended: fields.amended ?? false,
      origin: fields.origin ?? "live",
    },
    revision,
    streamMs: fields.streamMs ?? startMs,
  };
}

/** A poll as the writer would pass it on. */
export function poll(fields: Partial<PollRecord> = {}): PollRecord {
  return {
    source: "simulated",
    tickMs: T0,
    outcome: "ok",
    reason: null,
    marketCount: 10,
    entryCount: 13,
    zeroPriceCount: 1,
    leftOutCount: 1,
    malformedCount: 1,
    latencyMs: 12.5,
    budget: { costPerPoll: 0.015, remaining: 9.985, resetMs: T0 + DAY_MS },
    ...fields,
  };
}

/** Every row that a test may have written. */
export const ALL = { fromMs: 0, toMs: T0 + 10_000 * DAY_MS, limit: READ_LIMIT_MAX };

/** What differs between the stores under test. */
export interface ContractOptions {
  /** Registers tests that need something. */
  register?: Register;
  /** Whether it refuses records that are not what the port asks for; memory takes all. */
  canRefuse?: boolean;
  /** How often a property is tried. */
  runCount?: number;
}

/** Registers the suite's tests for one store. */
export function statisticsStoreContract(
  name: string,
  open: OpenStore,
  { register = Deno.test, canRefuse = true, runCount = 40 }: ContractOptions = {},
): void {
  const test = (
    sentence: string,
    body: (store: StoreUnderTest) => Promise<void>,
    config = CONFIG,
  ) =>
    register(`${name}: ${sentence}`, async () => {
      await using store = await open(config);
      await body(store);
    });
  register(`${name}: its id is its own, and stays`, async () => {
    await using store = await open(CONFIG);
    const id = await store.storeId();
    ok(id.length >= 16, `${id}: too short to be made by chance`);
    await store.writeStatistics([record()]);
    strictEqual(await store.storeId(), id);
    await using other = await open(CONFIG);
    notStrictEqual(await other.storeId(), id);
  });
  testWrites(test);
  if (canRefuse) {
    testRefusals(test);
    refusedNotificationsContract(test);
  }
  testOrderOfWrites(name, open, register, runCount);
  testReads(test);
  testPaging(name, open, register, runCount);
  testStates(test);
  testRetention(test);
  testPolls(test);
  coverageContract(test);
  notificationsContract(test);
  statisticsChangesContract(test, () => open(CONFIG));
}

/** Registers one test on an empty store. */
export type Test = (
  sentence: string,
  body: (store: StoreUnderTest) => Promise<void>,
  config?: StatisticsStoreConfig,
) => void;

function testWrites(test: Test): void {
  test("a window is read back as it was written, to the last bit", async (store) => {
    const numbers = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e100, max: 1e100 });
    const special = [5e-324, 2 ** 53 + 2, 1e18, 1e100, 123, 0.1, 1.7976931348623157e-308];
    const values = [...special, ...fc.sample(numbers, 300)];
    for (const [i, value] of values.entries()) {
      const r = record({ hour: i, count: 2 });
      r.window.meanLo = value / 1e17;
      r.window.m2Hi = value;
      r.window.m2Lo = -value / 3e17;
      r.window.max = value;
      r.window.closePrice = value * 0.7;
      await store.writeStatistics([r]);
    }
    const rows = await store.statistics(ALL);
    strictEqual(rows.length, values.length);
    for (const [i, value] of values.entries()) {
      const row = rows[i]!;
      const read = [row.meanLo, row.m2Hi, row.m2Lo, row.max, row.closePrice];
      deepStrictEqual(
        read,
        [value / 1e17, value, -value / 3e17, value, value * 0.7].map((x) => x + 0),
      );
    }
  });

  test("all fields of a window are kept", async (store) => {
    const written = record({ base: "btc", quote: "usd", count: 42, tickCount: 42, amended: true });
    strictEqual(await store.writeStatistics([written]), 1);
    const { window: w } = written;
    const expected: StatisticsRow = {
      exchange: "kraken",
      instrument: "btcusd",
      base: "btc",
      quote: "usd",
      startMs: w.startMs,
      endMs: w.endMs,
      count: 42,
      meanHi: w.meanHi,
      meanLo: w.meanLo,
      m2Hi: w.m2Hi,
      m2Lo: w.m2Lo,
      min: w.min,
      max: w.max,
      openPrice: w.openPrice,
      openMs: w.openMs,
      closePrice: w.closePrice,
      closeMs: w.closeMs,
      tickCount: 42,
      intervalMs: 60_000,
      revision: 84,
      state: "open",
      amended: true,
      origin: "live",
    };
    deepStrictEqual(await store.statistics(ALL), [expected]);
    deepStrictEqual(await store.latest({ limit: 10 }), [expected]);
  });

  test("writing the same records again changes nothing", async (store) => {
    const records = [
      record({ count: 3, closed: true, revision: 7 }),
      record({ hour: 1 }),
      record({ hour: 2, origin: "import", closed: true, count: 5 }),
    ];
    strictEqual(await store.writeStatistics(records), 3);
    const before = await store.statistics(ALL);
    strictEqual(await store.writeStatistics(records), 0);
    strictEqual(await store.writeStatistics(records.toReversed()), 0);
    deepStrictEqual(await store.statistics(ALL), before);
  });

  test("a live window never goes back to a lesser revision, nor from closed to open", async (store) => {
    await store.writeStatistics([record({ count: 5, revision: 11, closed: true })]);
    strictEqual(await store.writeStatistics([record({ count: 5, revision: 10 })]), 0);
    strictEqual(await store.writeStatistics([record({ count: 4, revision: 8 })]), 0);
    strictEqual(
      await store.writeStatistics([
        record({ count: 6, revision: 13, closed: true, amended: true }),
      ]),
      1,
    );
    const rows = await store.statistics(ALL);
    deepStrictEqual(rows.map((r) => [r.count, r.revision, r.state, r.amended]), [
      [6, 13, "closed", true],
    ]);
  });

  test("a window that was open is one row once it closes", async (store) => {
    await store.writeStatistics([record({ count: 1 })]);
    await store.writeStatistics([record({ count: 1, revision: 3, closed: true })]);
    deepStrictEqual((await store.statistics(ALL)).map((r) => r.state), ["closed"]);
    deepStrictEqual((await store.latest({ limit: 9 })).map((r) => r.state), ["closed"]);
  });

  test("between origins the row that counts more stands, of equal counts the live one", async (store) => {
    await store.writeStatistics([record({ count: 5, origin: "import", closed: true })]);
    strictEqual(await store.writeStatistics([record({ count: 4 })]), 0);
    strictEqual(await store.writeStatistics([record({ count: 5 })]), 1);
    strictEqual(
      await store.writeStatistics([record({ count: 5, origin: "archive", closed: true })]),
      0,
    );
    strictEqual(
      await store.writeStatistics([record({ count: 6, origin: "archive", closed: true })]),
      1,
    );
    deepStrictEqual((await store.statistics(ALL)).map((r) => [r.origin, r.count, r.state]), [
      ["archive", 6, "sealed"],
    ]);
  });

  test("an empty write is none", async (store) => {
    strictEqual(await store.writeStatistics([]), 0);
    await store.writePolls([]);
    deepStrictEqual(await store.statistics(ALL), []);
    deepStrictEqual(await store.markets({ limit: 1 }), []);
    deepStrictEqual(await store.sources(), []);
  });
}

function testRefusals(test: Test): void {
  test("a record that is refused takes no other down, and says why", async (store) => {
    const records = [0, 1, 2].map((hour) => record({ hour, streamMs: T0 + hour }));
    records[1]!.window.count = 0.5;
    await rejects(store.writeStatistics(records), (error) => {
      ok(error instanceof RecordsRefusedError, `${error}`);
      match(error.message, /refuses it: .*(0\.5|REAL)/);
      return true;
    });
    deepStrictEqual(await store.statistics(ALL), [], "nothing of the call was stored");
    deepStrictEqual(await store.markets({ limit: 1 }), []);
    await rejects(store.writeStatistics(records.slice(1, 2)), RecordsRefusedError);
    strictEqual(await store.writeStatistics([records[0]!, records[2]!]), 2);
  });

  test("a poll that is refused takes no other down", async (store) => {
    const [good, bad] = [poll(), poll({ tickMs: T0 + 0.5 })];
    await rejects(store.writePolls([good, bad]), RecordsRefusedError);
    deepStrictEqual(await store.sources(), []);
    await store.writePolls([good]);
    strictEqual((await store.sources()).length, 1);
  });
}

/** Live records of one window as the aggregator makes them: what is counted grows with the revision. */
const liveRecords = fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }).chain((counts) =>
  fc.tuple(
    fc.nat(2),
    fc.boolean(),
    fc.constantFrom([null, null], ["btc", "usd"], ["xbt", null]),
  ).map(([hour, closes, [base, quote]]) => {
    let count = 1;
    const records = counts.map((more, i) => {
      count += more;
      return record({ hour, count, streamMs: T0 + hour * HOUR_MS + i * 7 * HOUR_MS });
    });
    const window = { hour, count, base: base!, quote: quote! };
    if (closes) {
      records.push(
        record({ ...window, closed: true, revision: 2 * count + 1, streamMs: T0 + 9 * DAY_MS }),
      );
    }
    return records;
  })
);

const importedRecord = fc.record({
  hour: fc.nat(2),
  count: fc.integer({ min: 1, max: 8 }),
  meanHi: fc.constantFrom(99, 100),
  openPrice: fc.constantFrom(99, 100),
  origin: fc.constantFrom("import", "archive", "é", "live2"),
  base: fc.constantFrom(null, "btc", "xbt"),
}).map((fields) => record({ ...fields, closed: true }));

function testOrderOfWrites(
  name: string,
  open: OpenStore,
  register: Register,
  runCount: number,
): void {
  register(`${name}: any order of writes, in any batches, ends with the same rows`, async () => {
    const property = fc.asyncProperty(
      fc.array(liveRecords, { maxLength: 3 }),
      fc.array(importedRecord, { maxLength: 6 }),
      fc.infiniteStream(fc.nat(1000)),
      async (live, imported, chance) => {
        // Of two series of one window, the oracle knows only one.
        const series = new Map(live.map((records) => [records[0]!.window.startMs, records]));
        const records = [...series.values()].flat().concat(imported);
        const shuffled = records.map((r) => [chance.next().value!, r] as const)
          .sort((a, b) => a[0] - b[0]).map(([, r]) => r);
        await using inOrder = await open(CONFIG);
        await using inAnyOrder = await open(CONFIG);
        await inOrder.writeStatistics(records);
        for (const r of shuffled) {
          if (chance.next().value! < 300) await inAnyOrder.writeStatistics(shuffled);
          await inAnyOrder.writeStatistics([r]);
        }
        deepStrictEqual(await inAnyOrder.statistics(ALL), await inOrder.statistics(ALL));
        deepStrictEqual(
          await inAnyOrder.markets({ limit: 9 }),
          await inOrder.markets({ limit: 9 }),
        );
      },
    );
    await fc.assert(property, { numRuns: runCount });
  });
}

function testReads(test: Test): void {
  const markets = [
    { exchange: "binance", instrument: "btcusd", base: "btc", quote: "usd" },
    { exchange: "binance", instrument: "ethusd", base: "eth", quote: "usd" },
    { exchange: "kraken", instrument: "btceur", base: "btc", quote: "eur" },
    { exchange: "kraken", instrument: "btcusd", base: "btc", quote: "usd" },
    { exchange: "okx", instrument: "dogeusd" },
  ];
  const fill = async (store: StoreUnderTest) => {
    for (let hour = 30; hour >= 0; hour--) {
      await store.writeStatistics(
        markets.map((market, i) =>
          record({
            ...market,
            hour,
            count: i + 1,
            closed: hour < 29,
            streamMs: T0 + hour * HOUR_MS,
          })
        ),
      );
    }
  };
  const read = async (store: StoreUnderTest, query: Partial<StatisticsQuery>) =>
    (await store.statistics({ ...ALL, ...query })).map(placeText);

  test("rows come in order of time, exchange and instrument, or of market and time", async (store) => {
    await fill(store);
    const window = { fromMs: T0 + 28 * HOUR_MS, toMs: T0 + 30 * HOUR_MS };
    deepStrictEqual(await read(store, { ...window, exchange: ["binance"] }), [
      "28 binance:btcusd",
      "28 binance:ethusd",
      "29 binance:btcusd",
      "29 binance:ethusd",
    ]);
    deepStrictEqual(await read(store, { ...window, exchange: ["binance"], order: "market" }), [
      "28 binance:btcusd",
      "29 binance:btcusd",
      "28 binance:ethusd",
      "29 binance:ethusd",
    ]);
    strictEqual((await read(store, {})).length, 31 * 5);
  });

  test("every filter is applied, alone and together, and time is half-open", async (store) => {
    await fill(store);
    const at = { fromMs: T0 + 24 * HOUR_MS, toMs: T0 + 24 * HOUR_MS + 1 };
    deepStrictEqual(await read(store, { ...at, instrument: ["btcusd"] }), [
      "24 binance:btcusd",
      "24 kraken:btcusd",
    ]);
    deepStrictEqual(await read(store, { ...at, base: ["btc"], quote: ["eur"] }), [
      "24 kraken:btceur",
    ]);
    deepStrictEqual(await read(store, { ...at, quote: ["usd"], exchange: ["kraken"] }), [
      "24 kraken:btcusd",
    ]);
    deepStrictEqual(await read(store, { ...at, exchange: ["nowhere"] }), []);
    deepStrictEqual(await read(store, { exchange: ["okx"], toMs: T0 + HOUR_MS }), [
      "0 okx:dogeusd",
    ]);
    deepStrictEqual(await read(store, { fromMs: T0 + 31 * HOUR_MS }), []);
    deepStrictEqual(await read(store, { fromMs: T0 + HOUR_MS, toMs: T0 + HOUR_MS }), []);
  });

  test("markets and their latest rows are listed by page and filter", async (store) => {
    await fill(store);
    await store.writeStatistics([record({ exchange: "gemini", hour: 3, closed: true })]);
    const all = await store.markets({ limit: 10 });
    deepStrictEqual(all[2], {
      exchange: "gemini",
      instrument: "btcusd",
      base: null,
      quote: null,
      firstMs: T0 + 3 * HOUR_MS,
      lastMs: T0 + 3 * HOUR_MS,
    });
    deepStrictEqual(
      all.filter((_, i) => i !== 2).map((m) => [m.firstMs, m.lastMs, m.base]),
      markets.map((m) => [T0, T0 + 30 * HOUR_MS, m.base ?? null]),
    );
    const first = await store.markets({ limit: 2 });
    const next = await store.markets({ limit: 2, after: first[1]! });
    deepStrictEqual([...first, ...next], all.slice(0, 4));
    deepStrictEqual(
      (await store.latest({ limit: 3, after: all[1]! })).map(placeText),
      ["3 gemini:btcusd", "30 kraken:btceur", "30 kraken:btcusd"],
    );
    deepStrictEqual((await store.latest({ limit: 9, base: ["eth"] })).map(placeText), [
      "30 binance:ethusd",
    ]);
  });

  test("a market's base and quote are those of its latest window that names them", async (store) => {
    await store.writeStatistics([
      record({ hour: 2, base: "xbt", quote: "usd" }),
      record({ hour: 1, base: "btc", quote: "eur" }),
      record({ hour: 3, origin: "import", closed: true }),
    ]);
    const [market] = await store.markets({ limit: 1 });
    deepStrictEqual([market!.base, market!.quote], ["xbt", "usd"]);
    deepStrictEqual(await read(store, { base: ["xbt"] }), [
      "1 kraken:btcusd",
      "2 kraken:btcusd",
      "3 kraken:btcusd",
    ]);
    deepStrictEqual(await read(store, { base: ["btc"] }), []);
  });

  test("names are ordered by code point, and may hold what SQL and LIKE treat apart", async (store) => {
    const exchanges = ["Z", "a", "a'--", "a%", "ä", "\u{ff21}", "\u{1f600}"];
    await store.writeStatistics(exchanges.map((exchange) => record({ exchange })).reverse());
    const encoder = new TextEncoder();
    const expected = exchanges.toSorted((a, b) =>
      compareBytes(encoder.encode(a), encoder.encode(b))
    );
    deepStrictEqual((await store.markets({ limit: 9 })).map((m) => m.exchange), expected);
    deepStrictEqual((await store.statistics(ALL)).map((m) => m.exchange), expected);
    strictEqual((await store.statistics({ ...ALL, exchange: ["a%"] })).length, 1);
    strictEqual((await store.statistics({ ...ALL, exchange: ["a'--"] })).length, 1);
  });

  test("a filter lets through what any of its patterns matches", async (store) => {
    await fill(store);
    const at = { fromMs: T0 + 24 * HOUR_MS, toMs: T0 + 24 * HOUR_MS + 1 };
    deepStrictEqual(await read(store, { ...at, exchange: ["okx", "binance", "okx"] }), [
      "24 binance:btcusd",
      "24 binance:ethusd",
      "24 okx:dogeusd",
    ]);
    deepStrictEqual(await read(store, { ...at, instrument: ["btc*"], exchange: ["k*", "o*"] }), [
      "24 kraken:btceur",
      "24 kraken:btcusd",
    ]);
    deepStrictEqual(await read(store, { ...at, base: ["*"], quote: ["*u*r", "nothing"] }), [
      "24 kraken:btceur",
    ]);
    deepStrictEqual(await read(store, { ...at, base: ["*"], exchange: ["okx"] }), []);
    deepStrictEqual(await read(store, { ...at, base: [] }), []);
    const query = { exchange: ["*n*"], instrument: ["*eur", "eth*"] };
    const found = ["binance:ethusd", "kraken:btceur"];
    deepStrictEqual((await store.markets({ ...query, limit: 9 })).map(marketOf), found);
    deepStrictEqual((await store.latest({ ...query, limit: 9 })).map(marketOf), found);
    deepStrictEqual(
      await read(store, { ...query, order: "market", limit: 32 }),
      [...Array.from({ length: 31 }, (_, hour) => `${hour} ${found[0]}`), `0 ${found[1]}`],
    );
  });

  test("a read for nothing, for too much or by too many patterns is refused", async (store) => {
    for (const limit of [0, -1, 1.5, NaN, READ_LIMIT_MAX + 1]) {
      await rejects(store.statistics({ ...ALL, limit }), RangeError);
      await rejects(store.latest({ limit }), RangeError);
      await rejects(store.markets({ limit }), RangeError);
    }
    const exchange = Array.from({ length: FILTER_PATTERNS_MAX }, (_, i) => `e${i}*`);
    deepStrictEqual(await store.statistics({ ...ALL, exchange }), []);
    const tooMany = { exchange: [...exchange, "e"], limit: 1 };
    await rejects(store.statistics({ ...ALL, ...tooMany }), RangeError);
    await rejects(store.latest(tooMany), RangeError);
    await rejects(store.markets(tooMany), RangeError);
  });
}

function testPaging(
  name: string,
  open: OpenStore,
  register: Register,
  runCount: number,
): void {
  register(
    `${name}: page by page every row comes once, in order, while others are written`,
    async () => {
      const some = fc.record({
        exchange: fc.constantFrom("a", "b", "c"),
        instrument: fc.constantFrom("x", "y"),
        hour: fc.nat(40),
        closed: fc.boolean(),
      }).map((fields) => record(fields));
      const property = fc.asyncProperty(
        fc.array(some, { minLength: 1, maxLength: 60 }),
        fc.array(some, { maxLength: 20 }),
        fc.integer({ min: 1, max: 7 }),
        fc.constantFrom("time" as const, "market" as const),
        async (before, meanwhile, limit, order) => {
          await using store = await open(CONFIG);
          await store.writeStatistics(before);
          const atFirst = (await store.statistics({ ...ALL, order })).map(placeText);
          const seen: string[] = [];
          let after: RowPlace | undefined;
          for (let page = 0;; page++) {
            const rows = await store.statistics({ ...ALL, order, limit, ...(after && { after }) });
            seen.push(...rows.map(placeText));
            if (rows.length < limit) break;
            ok(page < 100, "it comes to an end");
            after = rows.at(-1)!;
            await store.writeStatistics(meanwhile.slice(page, page + 1));
          }
          const atLast = (await store.statistics({ ...ALL, order })).map(placeText);
          deepStrictEqual(
            seen,
            atLast.filter((place) => seen.includes(place)),
            "in order, each once",
          );
          deepStrictEqual(atFirst.filter((place) => !seen.includes(place)), [], "none left out");
        },
      );
      await fc.assert(property, { numRuns: runCount });
    },
  );
}

function testStates(test: Test): void {
  const sealsAtMs = T0 + HOUR_MS + CONFIG.graceMs + CONFIG.amendForMs;
  const state = async (store: StoreUnderTest) => (await store.statistics(ALL))[0]!.state;
  /** Another market of the same partition as kraken:btcusd, or of another one. */
  const neighbour = (same: boolean) => {
    for (let i = 0;; i++) {
      const to = (market: string) => partitionOf(market, CONFIG.partitionCount);
      if ((to(`zzz:m${i}`) === to("kraken:btcusd")) === same) {
        return { exchange: "zzz", instrument: `m${i}` };
      }
    }
  };

  test("a closed live window is sealed once stream time has gone past its amending, for sure", async (store) => {
    await store.writeStatistics([record({ closed: true })]);
    strictEqual(await state(store), "closed");
    const beat = (streamMs: number, same = true) =>
      store.writeStatistics([record({ ...neighbour(same), hour: 9, streamMs })]);
    await beat(sealsAtMs - 1);
    await beat(sealsAtMs);
    strictEqual(await state(store), "closed", "its checkpoint may bring more");
    await beat(sealsAtMs + 1, false);
    strictEqual(await state(store), "closed", "another partition's time");
    await beat(sealsAtMs + 1);
    strictEqual(await state(store), "sealed");
    await beat(T0);
    strictEqual(await state(store), "sealed", "stream time does not go back");
  });

  test("windows are sealed one by one where all partitions are as far", async (store) => {
    const beat = (hour: number, streamMs: number) =>
      store.writeStatistics([record({ hour, closed: true, streamMs })]);
    await beat(0, T0);
    await beat(1, sealsAtMs);
    await beat(2, sealsAtMs + 1);
    const states = async () => (await store.statistics(ALL)).map((row) => row.state);
    deepStrictEqual(await states(), ["sealed", "closed", "closed"]);
    await beat(3, sealsAtMs + HOUR_MS);
    await beat(4, sealsAtMs + HOUR_MS + 1);
    deepStrictEqual(await states(), ["sealed", "sealed", "closed", "closed", "closed"]);
  }, { ...CONFIG, partitionCount: 1 });

  test("an open window is never called sealed", async (store) => {
    await store.writeStatistics([
      record({ closed: false }),
      record({ ...neighbour(true), hour: 20, streamMs: sealsAtMs + 1 }),
      record({ ...neighbour(true), hour: 21, streamMs: sealsAtMs + 2 }),
    ]);
    strictEqual(await state(store), "open");
  });

  test("imported windows are sealed, and tell nothing of stream time", async (store) => {
    await store.writeStatistics([
      record({ closed: true }),
      record({ hour: 50, origin: "import", closed: true, streamMs: sealsAtMs * 2 }),
      record({ hour: 51, origin: "import", closed: true, streamMs: sealsAtMs * 3 }),
    ]);
    deepStrictEqual((await store.statistics(ALL)).map((r) => r.state), [
      "closed",
      "sealed",
      "sealed",
    ]);
  });
}

function testRetention(test: Test): void {
  const config = { ...CONFIG, keepMs: 2 * DAY_MS };
  test(
    "live days older than are kept go with the writes that follow, imported ones stay",
    async (store) => {
      await store.writeStatistics([
        record({ hour: 0, closed: true }),
        record({ hour: 23, closed: true }),
        record({ hour: 5, origin: "import", closed: true, exchange: "old" }),
        record({ hour: 1, exchange: "gone" }),
        record({ hour: 6, exchange: "old" }),
      ]);
      await store.writeStatistics([record({ hour: 72, streamMs: T0 + 72 * HOUR_MS - 1 })]);
      strictEqual((await store.statistics(ALL)).length, 6, "the second day is not over yet");
      await store.writeStatistics([
        record({ hour: 24, closed: true, streamMs: T0 + 72 * HOUR_MS }),
      ]);
      for (let i = 0; i < 3; i++) {
        await store.writeStatistics([
          record({ hour: 72, revision: 4 + i }),
        ]);
      }
      deepStrictEqual((await store.statistics(ALL)).map(placeText), [
        "5 old:btcusd",
        "24 kraken:btcusd",
        "72 kraken:btcusd",
      ]);
      deepStrictEqual(
        (await store.markets({ limit: 9 })).map((m) => [m.exchange, m.firstMs, m.lastMs]),
        [
          ["kraken", T0 + 24 * HOUR_MS, T0 + 72 * HOUR_MS],
          ["old", T0 + 5 * HOUR_MS, T0 + 5 * HOUR_MS],
        ],
      );
      strictEqual((await store.latest({ limit: 9 })).length, 2);
      strictEqual(await store.writeStatistics([record({ hour: 2, closed: true })]), 0, "too old");
      strictEqual((await store.statistics(ALL)).length, 3);
    },
    config,
  );
}

function testPolls(test: Test): void {
  test("a source shows its last poll and its last success", async (store) => {
    const failed = poll({ tickMs: T0 + 120_000, outcome: "failed", reason: "no answer" });
    await store.writePolls([
      poll({ tickMs: T0 }),
      poll({ tickMs: T0 + 60_000 }),
      failed,
      poll({
        source: "kraken",
        outcome: "skipped",
        reason: "credits",
        budget: null,
        latencyMs: null,
      }),
    ]);
    deepStrictEqual(await store.sources(), [
      {
        last: poll({
          source: "kraken",
          outcome: "skipped",
          reason: "credits",
          budget: null,
          latencyMs: null,
        }),
        lastSuccessMs: null,
      },
      { last: failed, lastSuccessMs: T0 + 60_000 },
    ]);
  });

  test("polls may come twice and in any order", async (store) => {
    const polls = [2, 0, 1, 2].map((i) => poll({ tickMs: T0 + i * 60_000, marketCount: i }));
    await store.writePolls(polls);
    await store.writePolls(polls.toReversed());
    deepStrictEqual(await store.sources(), [{ last: polls[0]!, lastSuccessMs: T0 + 120_000 }]);
  });

  test("old polls go, but a source's last success is remembered", async (store) => {
    await store.writePolls([poll({ tickMs: T0 })]);
    for (const days of [1, 40]) {
      await store.writePolls([
        poll({ tickMs: T0 + days * DAY_MS, outcome: "failed", reason: "no answer" }),
      ]);
    }
    strictEqual(POLLS_KEEP_MS, 30 * DAY_MS);
    const [source] = await store.sources();
    deepStrictEqual([source!.last.tickMs, source!.lastSuccessMs], [T0 + 40 * DAY_MS, T0]);
  });
}

function placeText(row: RowPlace): string {
  return `${(row.startMs - T0) / HOUR_MS} ${row.exchange}:${row.instrument}`;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    if (a[i] !== b[i]) return a[i]! - b[i]!;
  }
  return a.length - b.length;
}
