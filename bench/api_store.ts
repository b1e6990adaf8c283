/**
 * A store with a month of many markets for the bench of the API: hour by hour, all markets' closed
 * windows of it, and days merged once they are over.
 *
 * @module
 */
import { openPostgresStore } from "../adapters/postgres/statistics_store.ts";
import { SqliteStatisticsStore } from "../adapters/sqlite/statistics_store.ts";
import type { Output } from "../commands/command.ts";
import { showProgress } from "../commands/import/progress.ts";
import type { DayMerging } from "../ports/day_statistics.ts";
import type { StatisticsRecord, StatisticsSink } from "../ports/statistics_store.ts";
import { TickSet } from "../stats/tick_set.ts";
import { copyDay } from "./api_copies.ts";

/** As many as Cryptowatch had. */
export const MARKET_COUNT = 14_500;
const EXCHANGE_COUNT = 29;
const QUOTES = ["usd", "eur", "btc", "usdt"];
const HOUR_MS = 3_600_000;
/** The first hour of the store, at midnight of UTC. */
export const START_MS = Date.UTC(2024, 0, 1);
/** In one month, which Postgres keeps as one table. */
const DAY_COUNT_MAX = 30;
/** Hours after the last whole day: so many that it is over. */
const HOURS_AFTER = 2;
/** Windows of one write, as the writer's fetches bring them. */
const BATCH_ROWS = 2_000;

/** What a store of the bench is opened with. */
export const STORE_CONFIG = {
  ...{ graceMs: 300_000, amendForMs: 6 * HOUR_MS, partitionCount: 6, keepMs: null },
};

/** What came of building. */
export interface BuiltStore {
  rowCount: number;
  /** Whole days. */
  dayCount: number;
  /** Windows that were written as the writer does, per second. */
  writtenPerSecond: number;
  /** For merging all days. */
  mergeSeconds: number;
}

/** The ids of a market. */
export function marketAt(i: number): { exchange: string; instrument: string } {
  const quote = QUOTES[i % QUOTES.length];
  return { exchange: `exchange${i % EXCHANGE_COUNT}`, instrument: `coin${i >> 2}${quote}` };
}

/** Opens what `database` names: the URL of a Postgres, or the path of a SQLite file. */
export async function openToWrite(
  database: string,
): Promise<StatisticsSink & DayMerging & AsyncDisposable> {
  if (database.startsWith("postgres")) return await openPostgresStore(database, STORE_CONFIG);
  const store = new SqliteStatisticsStore(database, STORE_CONFIG);
  return Object.assign(store, {
    [Symbol.asyncDispose]: () => Promise.resolve(store[Symbol.dispose]()),
  });
}

/**
 * Fills an empty store with at least `rowCount` windows, whole days of all markets: the first as the
 * writer does it, and the others as copies of it; then the first hours of one day more.
 */
export async function buildStore(
  database: string,
  rowCount: number,
  output: Output,
): Promise<BuiltStore> {
  await using store = await openToWrite(database);
  const dayCount = Math.max(2, Math.ceil(rowCount / (24 * MARKET_COUNT)));
  if (dayCount > DAY_COUNT_MAX) {
    throw new RangeError(`at most ${DAY_COUNT_MAX} days fit in a month`);
  }
  const hourCount = 24 * dayCount + HOURS_AFTER;
  const total = hourCount * MARKET_COUNT;
  using progress = showProgress("Building the store", total, output);
  let writeMs = 0;
  const write = async (hour: number) => {
    const records = hourOf(hour);
    const startedMs = performance.now();
    for (let i = 0; i < records.length; i += BATCH_ROWS) {
      await store.writeStatistics(records.slice(i, i + BATCH_ROWS));
    }
    writeMs += performance.now() - startedMs;
    progress.update((hour + 1) * MARKET_COUNT);
  };
  for (let hour = 0; hour < 24; hour++) await write(hour);
  await copyDay(
    database,
    START_MS,
    dayCount - 1,
    (done) => progress.update((done + 1) * 24 * MARKET_COUNT),
  );
  for (let hour = 24 * dayCount; hour < hourCount; hour++) await write(hour);
  const startedMs = performance.now();
  while (await store.mergeDays());
  return {
    ...{ rowCount: total, dayCount },
    writtenPerSecond: (24 + HOURS_AFTER) * MARKET_COUNT / (writeMs / 1000),
    mergeSeconds: (performance.now() - startedMs) / 1000,
  };
}

const WHOLE_HOUR = TickSet.empty(HOUR_MS, 60_000);
for (let minute = 0; minute < 60; minute++) WHOLE_HOUR.add(minute * 60_000, HOUR_MS);

/** Closed windows of 60 samples, with doubles of all their digits. */
function hourOf(hour: number): StatisticsRecord[] {
  const startMs = START_MS + hour * HOUR_MS;
  return Array.from({ length: MARKET_COUNT }, (_, i): StatisticsRecord => {
    const price = (1 + (i * 7919 % 1000)) * (1 + 0.01 * Math.sin(hour + i));
    const window = {
      ...marketAt(i),
      ...{ base: `coin${i >> 2}`, quote: QUOTES[i % QUOTES.length]! },
      ...{ startMs, endMs: startMs + HOUR_MS, count: 60 },
      ...{ meanHi: price, meanLo: price / 3e17, m2Hi: price / 7e3, m2Lo: price / 7e20 },
      ...{ min: price * 0.99, max: price * 1.01 },
      ...{ openPrice: price * 0.999, openMs: startMs, openOffset: hour * 60 },
      ...{ closePrice: price * 1.001, closeMs: startMs + 59 * 60_000, closeOffset: hour * 60 + 59 },
      ...{ ticks: WHOLE_HOUR, intervalMs: 60_000, throughOffset: hour * 60 + 59 },
      ...{ closed: true, amended: false, origin: "live" },
    };
    return { window, revision: 2 * (hour * 60 + 60) + 1, streamMs: startMs + HOUR_MS };
  });
}
