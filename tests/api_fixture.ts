/**
 * An API over memory adapters, with what a test puts into them.
 *
 * @module
 */
import type { Hono } from "hono";
import { Registry } from "prom-client";
import { MemoryStatisticsStore } from "../adapters/memory/statistics_store.ts";
import { type ApiConfig, type ApiDeps, createApi } from "../api/app.ts";
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
export function testApi(deps: Partial<ApiDeps> = {}, config: Partial<ApiConfig> = {}): Hono {
  return createApi({
    queries: emptyStore(),
    clock: { nowMs: () => DAY_START_MS + 30 * 24 * HOUR_MS },
    health: () => ({ api: { ready: true, problems: [] } }),
    registry: new Registry(),
    version: "0.0.0",
    simulated: true,
    ...deps,
  }, { corsOrigins: [], windowSizeMs: HOUR_MS, ...config });
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
