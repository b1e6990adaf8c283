/**
 * The writer's half of the Postgres store: the statements of its transactions. Each takes a whole
 * batch, and all lock rows in one order, so that any number of writers may be at it.
 *
 * @module
 */
import { compareText } from "../../ports/order.ts";
import {
  type PollRecord,
  POLLS_KEEP_MS,
  type StatisticsRecord,
  type StatisticsStoreConfig,
} from "../../ports/statistics_store.ts";
import { marketOf } from "../../stats/sample.ts";
import { windowKeyOf } from "../../topology.ts";
import { type StoredRow, storedRowOf, StreamTimes, supersedes } from "../statistics_rows.ts";
import type { Query } from "./database.ts";
import { dropPartitions, makePartition, monthOf } from "./schema.ts";
import { arrayOf, rowParameters, SAME_MARKET, unnested, UPSERT_SQL } from "./window_rows.ts";

const DAY_MS = 86_400_000;
/** Expired rows deleted with one write: more than it can bring, so that deleting keeps up. */
const EXPIRED_ROWS_MAX = 5000;
/** So long before a month begins its partition is made, in ms. */
const PARTITION_LEAD_MS = 2 * DAY_MS;

/** Of the two greatest stream times that are stored and those that come, the two greatest. */
const STREAM_TIMES_SQL = `
  INSERT INTO stream_times AS s (partition_count, partition, last_ms, whole_ms)
  SELECT $4, u.partition, u.last_ms, u.whole_ms FROM ${
  unnested([["partition", "integer"], ["last_ms", "bigint"], ["whole_ms", "bigint"]])
} ORDER BY u.partition
  ON CONFLICT (partition_count, partition) DO UPDATE SET
    last_ms = greatest(s.last_ms, excluded.last_ms),
    whole_ms = greatest(s.whole_ms, excluded.whole_ms,
      CASE WHEN s.last_ms <> excluded.last_ms THEN least(s.last_ms, excluded.last_ms) END)
    WHERE excluded.last_ms <> s.last_ms OR excluded.whole_ms > coalesce(s.whole_ms, -1)`;

/** In SQL: the names that \`next\` bears are later than those of \`known\`; of one window the greater stand. */
function isNamedLater(next: string, known: string): string {
  const naming = (of: string) =>
    `(${of}.named_ms, coalesce(${of}.base, ''), coalesce(${of}.quote, ''))`;
  return `${naming(next)} > ${naming(known)}`;
}

const MARKET_COLUMNS = [
  ["exchange", "text"],
  ["instrument", "text"],
  ["base", "text"],
  ["quote", "text"],
  ["named_ms", "bigint"],
  ["first_ms", "bigint"],
  ["last_ms", "bigint"],
] as const;

/** Makes markets, or widens and renames them. Nothing is touched, and no id used up, where all is known already. */
const MARKETS_SQL = `
  INSERT INTO markets AS m (id, ${MARKET_COLUMNS.map(([name]) => name).join(", ")})
  SELECT coalesce(m.id, nextval('market_ids')), u.*
    FROM (SELECT u.exchange COLLATE "C", u.instrument COLLATE "C", u.base COLLATE "C",
        u.quote COLLATE "C", u.named_ms, u.first_ms, u.last_ms
      FROM ${unnested(MARKET_COLUMNS)}) AS u LEFT JOIN markets AS m ON ${SAME_MARKET}
    WHERE m.id IS NULL OR u.first_ms < m.first_ms OR u.last_ms > m.last_ms
      OR ${isNamedLater("u", "m")}
    ORDER BY u.exchange, u.instrument
  ON CONFLICT (exchange, instrument) DO UPDATE SET
    base = CASE WHEN ${isNamedLater("excluded", "m")} THEN excluded.base ELSE m.base END,
    quote = CASE WHEN ${isNamedLater("excluded", "m")} THEN excluded.quote ELSE m.quote END,
    named_ms = greatest(m.named_ms, excluded.named_ms),
    first_ms = least(m.first_ms, excluded.first_ms),
    last_ms = greatest(m.last_ms, excluded.last_ms)`;

/** What a batch's windows tell of a market. */
interface MarketNews {
  row: StoredRow;
  base: string | null;
  quote: string | null;
  namedMs: number;
  firstMs: number;
  lastMs: number;
}

/** What an upsert did. */
export interface Upserted {
  changedCount: number;
  /** Live rows that start before this are expired. */
  expiredBeforeMs: number;
}

/**
 * Upserts windows.
 *
 * @param months The months that have a partition, as far as known; more where some had to be made.
 */
export async function upsert(
  query: Query,
  records: readonly StatisticsRecord[],
  config: StatisticsStoreConfig,
  months: Set<number>,
): Promise<Upserted> {
  const streams = new StreamTimes(config);
  for (const record of records) streams.note(record);
  const expiredBeforeMs = await noteStreams(query, streams, config);
  const rows = new Map<string, StoredRow>();
  const markets = new Map<string, MarketNews>();
  for (const record of records) {
    const row = storedRowOf(record);
    if (row.origin === "live" && row.startMs < expiredBeforeMs) continue;
    const market = marketOf(row);
    noteMarket(markets, market, row);
    const key = windowKeyOf(market, row.startMs);
    const other = rows.get(key);
    if (other === undefined || supersedes(row, other)) rows.set(key, row);
  }
  if (rows.size === 0) return { changedCount: 0, expiredBeforeMs };
  const needed = new Set<number>();
  for (const { startMs, origin } of rows.values()) {
    needed.add(monthOf(startMs));
    if (origin === "live") needed.add(monthOf(startMs + PARTITION_LEAD_MS));
  }
  for (const month of [...needed.difference(months)].sort((a, b) => a - b)) {
    await makePartition(query, month);
    months.add(month);
  }
  const news = [...markets.values()];
  await query(MARKETS_SQL, [
    news.map(({ row }) => row.exchange),
    news.map(({ row }) => row.instrument),
    news.map(({ base }) => base),
    news.map(({ quote }) => quote),
    arrayOf(news.map(({ namedMs }) => namedMs)),
    arrayOf(news.map(({ firstMs }) => firstMs)),
    arrayOf(news.map(({ lastMs }) => lastMs)),
  ]);
  const { rows: [changed] } = await query(UPSERT_SQL, rowParameters([...rows.values()]));
  return { changedCount: changed![0] as number, expiredBeforeMs };
}

/** Stores a batch's stream times; from when on live rows are kept. */
async function noteStreams(
  query: Query,
  streams: StreamTimes,
  config: StatisticsStoreConfig,
): Promise<number> {
  const times = [...streams.times];
  if (times.length > 0) {
    await query(STREAM_TIMES_SQL, [
      arrayOf(times.map(([partition]) => partition)),
      arrayOf(times.map(([, { lastMs }]) => lastMs)),
      arrayOf(times.map(([, { wholeMs }]) => wholeMs === -Infinity ? null : wholeMs)),
      config.partitionCount,
    ]);
  }
  return await expiredBefore(query, config);
}

/** From when on live rows are kept, by the stream times that are stored. */
export async function expiredBefore(query: Query, config: StatisticsStoreConfig): Promise<number> {
  if (config.keepMs === null) return -Infinity;
  const { rows } = await query(
    "SELECT partition, last_ms FROM stream_times WHERE partition_count = $1",
    [config.partitionCount],
  );
  const known = (rows as [number, number][]).map(([partition, lastMs]) =>
    [partition, { lastMs, wholeMs: -Infinity }] as const
  );
  return new StreamTimes(config, new Map(known)).expiredBeforeMs();
}

function noteMarket(markets: Map<string, MarketNews>, market: string, row: StoredRow): void {
  const { base, quote, startMs } = row;
  const namedMs = base === null && quote === null ? -1 : startMs;
  const known = markets.get(market);
  if (known === undefined) {
    markets.set(market, { row, base, quote, namedMs, firstMs: startMs, lastMs: startMs });
    return;
  }
  known.firstMs = Math.min(known.firstMs, startMs);
  known.lastMs = Math.max(known.lastMs, startMs);
  const later = namedMs - known.namedMs || compareText(base ?? "", known.base ?? "") ||
    compareText(quote ?? "", known.quote ?? "");
  if (later > 0) Object.assign(known, { base, quote, namedMs });
}

/** Upserts polls and deletes old ones. */
export async function upsertPolls(query: Query, records: readonly PollRecord[]): Promise<void> {
  const polls = new Map(records.map((poll) => [`${poll.tickMs} ${poll.source}`, poll]));
  const each = <T>(valueOf: (poll: PollRecord) => T) => [...polls.values()].map(valueOf);
  const columns = [["source", "text"], ["tick_ms", "bigint"], ["outcome", "text"], [
    "poll",
    "json",
  ]];
  await query(
    `INSERT INTO polls SELECT u.source, u.tick_ms, u.outcome, u.poll
       FROM ${unnested(columns as [string, string][])} ORDER BY u.source COLLATE "C", u.tick_ms
     ON CONFLICT (source, tick_ms) DO UPDATE SET outcome = excluded.outcome, poll = excluded.poll`,
    [
      each(({ source }) => source),
      arrayOf(each(({ tickMs }) => tickMs)),
      each(({ outcome }) => outcome),
      each((poll) => JSON.stringify(poll)),
    ],
  );
  await query(
    `WITH ends AS MATERIALIZED (
       SELECT source,
         (SELECT max(tick_ms) FROM polls AS p WHERE p.source = u.source COLLATE "C") AS last_ms,
         (SELECT max(tick_ms) FROM polls AS p
           WHERE p.source = u.source COLLATE "C" AND outcome = 'ok') AS success_ms
       FROM ${unnested([["source", "text"]])}
     )
     DELETE FROM polls USING ends WHERE polls.source = ends.source COLLATE "C"
       AND tick_ms < last_ms - $2 AND tick_ms IS DISTINCT FROM success_ms`,
    [[...new Set(each(({ source }) => source))], POLLS_KEEP_MS],
  );
}

/**
 * Deletes up to {@link EXPIRED_ROWS_MAX} live rows of the first day after `fromMs` that has any row,
 * as long as it is before `beforeMs`, and markets that have no rows left. Call it alone.
 *
 * @returns Up to where none are left.
 */
export async function expireRows(query: Query, fromMs: number, beforeMs: number): Promise<number> {
  const { rows: [first] } = await query(
    "SELECT min(start_ms) FROM statistics WHERE start_ms >= $1 AND start_ms < $2",
    [Math.max(fromMs, 0), beforeMs],
  );
  const startMs = first![0] as number | null;
  if (startMs === null) return beforeMs;
  const endMs = (Math.floor(startMs / DAY_MS) + 1) * DAY_MS;
  const { rows } = await query(
    `DELETE FROM statistics WHERE start_ms >= $1 AND start_ms < $2 AND (market, start_ms) IN (
       SELECT market, start_ms FROM statistics
         WHERE start_ms >= $1 AND start_ms < $2 AND origin = 'live' LIMIT ${EXPIRED_ROWS_MAX})
     RETURNING market`,
    [startMs, endMs],
  );
  const markets = [...new Set(rows.map(([market]) => market as number))];
  if (markets.length > 0) await findEnds(query, "id = ANY ($1::integer[])", arrayOf(markets));
  return rows.length < EXPIRED_ROWS_MAX ? endMs : startMs;
}

/** Drops whole months that are over before `beforeMs` and hold live rows alone, and markets that have no rows left. Call it alone. */
export async function expireMonths(query: Query, beforeMs: number): Promise<number> {
  const count = await dropPartitions(query, beforeMs);
  if (count > 0) await findEnds(query, "first_ms < $1", beforeMs);
  return count;
}

/** Finds out anew where the windows of markets begin and end, and forgets markets without any. */
async function findEnds(query: Query, which: string, value: string | number): Promise<void> {
  await query(
    `DELETE FROM markets AS m WHERE ${which}
       AND NOT EXISTS (SELECT FROM statistics WHERE market = m.id)`,
    [value],
  );
  await query(
    `UPDATE markets AS m SET
       first_ms = (SELECT min(start_ms) FROM statistics WHERE market = m.id),
       last_ms = (SELECT max(start_ms) FROM statistics WHERE market = m.id)
     WHERE ${which}`,
    [value],
  );
}
