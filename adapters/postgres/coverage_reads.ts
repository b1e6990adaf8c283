/**
 * What is missing in the Postgres store, and what its polls say: a statement each.
 *
 * @module
 */
import type { GapQuery, GapRow, PollCounts, PollQuery } from "../../ports/coverage_queries.ts";
import type { PollRecord } from "../../ports/statistics_store.ts";
import { checkLimit } from "../statistics_rows.ts";
import { Conditions } from "./conditions.ts";
import type { Database } from "./database.ts";

/** From each source to the next along the index, past the thousands of polls between; the last is null. */
export const WITH_SOURCES = `WITH RECURSIVE sources (source) AS (
  (SELECT source FROM polls ORDER BY source LIMIT 1)
  UNION ALL
  SELECT (SELECT min(p.source) FROM polls AS p WHERE p.source > s.source)
    FROM sources AS s WHERE s.source IS NOT NULL
)`;

/** As the port's `polls`. */
export async function readPolls(database: Database, query: PollQuery): Promise<PollRecord[]> {
  checkLimit(query.limit);
  const { source, fromMs, toMs, limit } = query;
  const { rows } = await database.run(
    `SELECT poll FROM polls WHERE source = $1 AND tick_ms >= $2 AND tick_ms < $3
       ORDER BY tick_ms LIMIT $4`,
    [source, fromMs, toMs, limit],
  );
  return rows.map(([poll]) => poll as PollRecord);
}

/** As the port's `gaps`: every window that should be there, beside those that are. */
export async function readGaps(database: Database, query: GapQuery): Promise<GapRow[]> {
  checkLimit(query.limit);
  const { fromMs, toMs, windowSizeMs, after, limit } = query;
  const firstMs = Math.ceil(Math.max(fromMs, after?.startMs ?? 0) / windowSizeMs) * windowSizeMs;
  const where = new Conditions();
  const [from, to, size] = [firstMs, toMs, windowSizeMs].map((value) => where.value(value));
  where.andMarkets(query);
  if (after !== undefined) {
    const { startMs, exchange, instrument } = after;
    where.and("(h.start_ms, m.exchange, m.instrument) > (?, ?, ?)", startMs, exchange, instrument);
  }
  const { rows } = await database.run(
    `SELECT h.start_ms, m.exchange, m.instrument, m.base, m.quote, s.tick_count, s.interval_ms
       FROM generate_series(${from}::bigint, ${to}::bigint - 1, ${size}::bigint) AS h (start_ms)
       JOIN markets AS m ON h.start_ms BETWEEN m.first_ms AND m.last_ms
       LEFT JOIN statistics AS s ON s.market = m.id AND s.start_ms = h.start_ms
         AND s.start_ms >= ${from} AND s.start_ms < ${to}
       WHERE (s.market IS NULL
         OR s.is_closed AND s.tick_count::bigint * s.interval_ms < s.end_ms - s.start_ms)
         AND ${where}
       ORDER BY h.start_ms, m.exchange, m.instrument LIMIT ${where.value(limit)}`,
    where.values,
  );
  return rows.map(([startMs, exchange, instrument, base, quote, tickCount, intervalMs]) =>
    ({ startMs, exchange, instrument, base, quote, tickCount, intervalMs }) as GapRow
  );
}

/** As the port's `pollCounts`. */
export async function readPollCounts(
  database: Database,
  { fromMs, toMs, windowSizeMs }: { fromMs: number; toMs: number; windowSizeMs: number },
): Promise<PollCounts[]> {
  const { rows } = await database.run(
    `${WITH_SOURCES}
     SELECT p.source, p.tick_ms / $3::bigint * $3::bigint AS start_ms,
         count(*) FILTER (WHERE outcome = 'ok'), count(*) FILTER (WHERE outcome = 'skipped'),
         count(*) FILTER (WHERE outcome = 'failed'),
         (array_agg(p.poll ->> 'reason' ORDER BY tick_ms DESC) FILTER (WHERE outcome <> 'ok'))[1]
       FROM sources AS s JOIN polls AS p
         ON p.source = s.source AND p.tick_ms >= $1 AND p.tick_ms < $2
       GROUP BY p.source, 2 ORDER BY 2, p.source`,
    [fromMs, toMs, windowSizeMs],
  );
  return rows.map(([source, startMs, okCount, skippedCount, failedCount, reason]) =>
    ({ source, startMs, okCount, skippedCount, failedCount, reason }) as PollCounts
  );
}
