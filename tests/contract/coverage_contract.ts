/**
 * What every statistics store must tell of what is missing; a part of its contract.
 *
 * @module
 */
import { deepStrictEqual, rejects } from "node:assert";
import type { GapQuery } from "../../ports/coverage_queries.ts";
import { poll, record, type StoreUnderTest, T0, type Test } from "./statistics_store_contract.ts";

const HOUR_MS = 3_600_000;

/** Registers the tests. */
export function coverageContract(test: Test): void {
  const gaps = async (store: StoreUnderTest, query: Partial<GapQuery> = {}) => {
    const all = { fromMs: T0, toMs: T0 + 48 * HOUR_MS, windowSizeMs: HOUR_MS, limit: 100 };
    return (await store.gaps({ ...all, ...query })).map((gap) =>
      `${(gap.startMs - T0) / HOUR_MS} ${gap.exchange}:${gap.instrument} ${gap.tickCount}`
    );
  };
  const whole = { count: 60, tickCount: 60, closed: true };
  const fill = (store: StoreUnderTest) =>
    store.writeStatistics([
      record({ ...whole, hour: 1, base: "btc", quote: "usd" }),
      record({ ...whole, hour: 2, tickCount: 59 }),
      // Hours in which nobody has a window are missed as well.
      record({ ...whole, hour: 5 }),
      record({ ...whole, hour: 6, tickCount: 7, closed: false }),
      record({ exchange: "bitstamp", hour: 2, closed: true }),
      record({ exchange: "bitstamp", hour: 5, count: 3, tickCount: 3, closed: true }),
      record({ exchange: "okx", hour: 4, origin: "import", closed: true }),
    ]);

  test("windows that are not whole are told, and those that are missing between others", async (store) => {
    await fill(store);
    deepStrictEqual(await gaps(store), [
      "2 kraken:btcusd 59",
      "3 bitstamp:btcusd null",
      "3 kraken:btcusd null",
      "4 bitstamp:btcusd null",
      "4 kraken:btcusd null",
      "5 bitstamp:btcusd 3",
    ]);
    const [first] = await store.gaps({
      ...{ fromMs: T0 + 1, toMs: T0 + 48 * HOUR_MS, windowSizeMs: HOUR_MS, limit: 1 },
    });
    deepStrictEqual(first, {
      ...{ startMs: T0 + 2 * HOUR_MS, exchange: "kraken", instrument: "btcusd" },
      ...{ base: "btc", quote: "usd", tickCount: 59, intervalMs: 60_000 },
    });
  });

  test("gaps are filtered, bounded in time, and read page by page", async (store) => {
    await fill(store);
    deepStrictEqual(await gaps(store, { exchange: ["bitstamp"], instrument: ["btc*"] }), [
      "3 bitstamp:btcusd null",
      "4 bitstamp:btcusd null",
      "5 bitstamp:btcusd 3",
    ]);
    deepStrictEqual(
      await gaps(store, { base: ["btc"], quote: ["usd", "eur"], toMs: T0 + 4 * HOUR_MS }),
      [
        "2 kraken:btcusd 59",
        "3 kraken:btcusd null",
      ],
    );
    deepStrictEqual(await gaps(store, { fromMs: T0 + 5 * HOUR_MS }), ["5 bitstamp:btcusd 3"]);
    deepStrictEqual(await gaps(store, { fromMs: T0 + 5 * HOUR_MS + 1 }), []);
    const after = { startMs: T0 + 3 * HOUR_MS, exchange: "bitstamp", instrument: "btcusd" };
    deepStrictEqual(await gaps(store, { after, limit: 2 }), [
      "3 kraken:btcusd null",
      "4 bitstamp:btcusd null",
    ]);
    await rejects(gaps(store, { limit: 0 }), RangeError);
  });

  test("a source's polls are read by time", async (store) => {
    const polls = [0, 1, 2, 3].map((i) => poll({ tickMs: T0 + i * 60_000, marketCount: i }));
    await store.writePolls([...polls.toReversed(), poll({ source: "kraken" })]);
    const query = { source: "simulated", fromMs: T0, toMs: T0 + HOUR_MS, limit: 100 };
    deepStrictEqual(await store.polls(query), polls);
    const some = { ...query, fromMs: T0 + 1, toMs: T0 + 180_000, limit: 1 };
    deepStrictEqual(await store.polls(some), polls.slice(1, 2));
    deepStrictEqual(await store.polls({ ...query, source: "nobody" }), []);
    await rejects(store.polls({ ...query, limit: 0 }), RangeError);
  });

  test("polls are counted by source and window, with the last reason", async (store) => {
    await store.writePolls([
      poll({ tickMs: T0 }),
      poll({ tickMs: T0 + 60_000, outcome: "failed", reason: "no answer" }),
      poll({ tickMs: T0 + 120_000, outcome: "skipped", reason: "credits" }),
      poll({ tickMs: T0 + HOUR_MS }),
      poll({ tickMs: T0 + 2 * HOUR_MS, outcome: "failed", reason: "beyond" }),
      poll({ source: "kraken", tickMs: T0 + 60_000, outcome: "failed", reason: "refused" }),
    ]);
    const none = { okCount: 0, skippedCount: 0, failedCount: 0, reason: null };
    const query = { fromMs: T0, toMs: T0 + 2 * HOUR_MS, windowSizeMs: HOUR_MS };
    deepStrictEqual(await store.pollCounts(query), [
      { ...none, source: "kraken", startMs: T0, failedCount: 1, reason: "refused" },
      {
        ...{ source: "simulated", startMs: T0, okCount: 1, skippedCount: 1, failedCount: 1 },
        reason: "credits",
      },
      { ...none, source: "simulated", startMs: T0 + HOUR_MS, okCount: 1 },
    ]);
    deepStrictEqual(await store.pollCounts({ ...query, fromMs: 0, toMs: T0 }), []);
  });
}
