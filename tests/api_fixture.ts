/**
 * An API over memory adapters, with what a test puts into them.
 *
 * @module
 */
import type { Hono } from "hono";
import { Registry } from "prom-client";
import { MemoryStatisticsStore } from "../adapters/memory/statistics_store.ts";
import { systemClock } from "../adapters/system_clock.ts";
import { type ApiConfig, type ApiDeps, createApi } from "../api/app.ts";
import type { Clock } from "../ports/clock.ts";
import type { StatisticsRecord } from "../ports/statistics_store.ts";
import { countSample, openWindow, revisionOf } from "../stats/window.ts";

export const HOUR_MS = 3_600_000;
/** 2018-04-05, a Thursday, 00:00 UTC. */
export const DAY_START_MS = Date.UTC(2018, 3, 5);

/** An empty store in memory. */
export function emptyStore(): MemoryStatisticsStore {
  return new MemoryStatisticsStore({
    graceMs: 5 * 60_000,
    amendForMs: 6 * HOUR_MS,
    partitionCount: 6,
    keepMs: null,
  });
}

/** A store, but for what `instead` does. */
export function storeWith(
  store: ApiDeps["queries"],
  instead: Partial<ApiDeps["queries"]>,
): ApiDeps["queries"] {
  return {
    statistics: (query) => store.statistics(query),
    latest: (query) => store.latest(query),
    markets: (query) => store.markets(query),
    sources: () => store.sources(),
    changes: (after, limit) => store.changes(after, limit),
    polls: (query) => store.polls(query),
    gaps: (query) => store.gaps(query),
    pollCounts: (query) => store.pollCounts(query),
    notifications: (query) => store.notifications(query),
    ...instead,
  };
}

/** A closed window of `market` that starts `hour` hours after {@link DAY_START_MS} and counted these prices, a minute apart. */
export function windowRecord(
  market: string,
  hour: number,
  prices: readonly number[],
  options: { base?: string; quote?: string; closed?: boolean } = {},
): StatisticsRecord {
  const [exchange, instrument] = market.split(":") as [string, string];
  const { closed = true, ...names } = options;
  const startMs = DAY_START_MS + hour * HOUR_MS;
  const samples = prices.map((price, i) => {
    const tickMs = startMs + i * 60_000;
    return {
      exchange,
      instrument,
      ...names,
      price,
      timestampMs: tickMs,
      tickMs,
      intervalMs: 60_000,
    };
  });
  const window = openWindow(samples[0]!, HOUR_MS);
  samples.forEach((sample, offset) => countSample(window, sample, offset));
  window.closed = closed;
  return { window, revision: revisionOf(window), streamMs: startMs + HOUR_MS };
}

/** An API; what is not given is empty, ready and simulated. */
export function testApi(
  { clock, ...deps }: Partial<Omit<ApiDeps, "clock">> & { clock?: Partial<Clock> } = {},
  config: Partial<ApiConfig> = {},
): Hono {
  return createApi({
    queries: emptyStore(),
    clock: { ...systemClock, nowMs: () => DAY_START_MS + 30 * 24 * HOUR_MS, ...clock },
    health: () => Promise.resolve({ api: { ready: true, problems: [] } }),
    registry: new Registry(),
    version: "0.0.0",
    simulated: true,
    ...deps,
  }, {
    corsOrigins: [],
    apiTokens: [],
    topicMessages: "open",
    rateLimitPerMinute: 0,
    windowSizeMs: HOUR_MS,
    ...config,
  });
}

/** An API over a store that holds these windows. */
export async function apiOf(...records: StatisticsRecord[]): Promise<Hono> {
  const queries = emptyStore();
  await queries.writeStatistics(records);
  return testApi({ queries });
}

/** Gets `path`, and reads the JSON of the answer. */
// deno-lint-ignore no-explicit-any -- an answer has any form; tests look at it
export async function get(app: Hono, path: string, expectedStatus = 200): Promise<any> {
  const response = await app.request(path);
  const text = await response.text();
  if (response.status !== expectedStatus) {
    throw new Error(`${path} answered ${response.status}, not ${expectedStatus}: ${text}`);
  }
  return JSON.parse(text);
}

/** All rows of a list, page by page. */
export async function getAll(app: Hono, path: string, limit: number): Promise<unknown[]> {
  const rows: unknown[] = [];
  const separator = path.includes("?") ? "&" : "?";
  for (let cursor: string | null = ""; cursor !== null;) {
    const place: string = cursor === "" ? "" : `&cursor=${cursor}`;
    const page = await get(app, `${path}${separator}limit=${limit}${place}`);
    rows.push(...page.data);
    cursor = page.nextCursor;
  }
  return rows;
}
