/**
 * Polls of the SQLite store, and what is missing in it: the statements that read them.
 *
 * @module
 */
import type { GapQuery, GapRow, PollCounts, PollQuery } from "../../ports/coverage_queries.ts";
import type { PollRecord } from "../../ports/statistics_store.ts";
import { checkLimit } from "../statistics_rows.ts";
import { Conditions } from "./conditions.ts";
import type { Statements } from "./database.ts";
import { atWindow } from "./window_rows.ts";

/** From each source to the next along the index, past the thousands of polls between. */
const SOURCES_SQL = `WITH RECURSIVE sources (source) AS (
    SELECT min(source) FROM polls
    UNION ALL
    SELECT (SELECT min(p.source) FROM polls AS p WHERE p.source > sources.source)
      FROM sources WHERE sources.source IS NOT NULL
  ) SELECT source FROM sources WHERE source IS NOT NULL ORDER BY source`;

/** As the port's `sources`. */
export function readSources(db: Statements): { last: PollRecord; lastSuccessMs: number | null }[] {
  return db.all(
    `SELECT
       (SELECT poll FROM polls AS p WHERE p.source = s.source ORDER BY tick_ms DESC LIMIT 1),
       (SELECT tick_ms FROM polls AS p WHERE p.source = s.source AND outcome = 'ok'
         ORDER BY tick_ms DESC LIMIT 1)
     FROM (${SOURCES_SQL}) AS s ORDER BY s.source`,
  ).map(([poll, lastSuccessMs]) => ({
    last: JSON.parse(poll as string) as PollRecord,
    lastSuccessMs: lastSuccessMs as number | null,
  }));
}

/** As the port's `polls`. */
export function readPolls(db: Statements, query: PollQuery): PollRecord[] {
  checkLimit(query.limit);
  const { source, fromMs, toMs, limit } = query;
  return db.all(
    `SELECT poll FROM polls WHERE source = ? AND tick_ms >= ? AND tick_ms < ?
       ORDER BY tick_ms LIMIT ?`,
    [source, fromMs, toMs, limit],
  ).map(([poll]) => JSON.parse(poll as string) as PollRecord);
}

/**
 * As the port's `gaps`. Every window that should be there is looked up, hour by hour and market by
 * market, until there are enough that are not whole.
 */
export function readGaps(db: Statements, query: GapQuery): GapRow[] {
  checkLimit(query.limit);
  const { fromMs, toMs, windowSizeMs, after, limit } = query;
  const where = new Conditions().andMarkets(query);
  if (after !== undefined) {
    const { startMs, exchange, instrument } = after;
    where.and("(h.start, m.exchange, m.instrument) > (?, ?, ?)", startMs, exchange, instrument);
  }
  const firstMs = Math.ceil(Math.max(fromMs, after?.startMs ?? 0) / windowSizeMs) * windowSizeMs;
  return db.all(
    `WITH RECURSIVE h (start) AS (
       SELECT CAST(?1 AS INTEGER) WHERE ?1 < ?2
       UNION ALL SELECT start + CAST(?3 AS INTEGER) FROM h WHERE start + ?3 < ?2)
     SELECT h.start, m.exchange, m.instrument, m.base, m.quote, s.tick_count, s.interval_ms
       FROM h CROSS JOIN markets AS m LEFT JOIN statistics AS s ON ${atWindow("h.start", "m.id")}
       WHERE h.start BETWEEN m.first_ms AND m.last_ms
         AND (s.start IS NULL OR s.tick_count * s.interval_ms < s.size_ms)
         AND NOT EXISTS (SELECT 1 FROM open_statistics AS o
           WHERE o.start = h.start AND o.market = m.id)
         AND ${where}
       ORDER BY h.start, m.exchange, m.instrument LIMIT ?`,
    [firstMs, toMs, windowSizeMs, ...where.values, limit],
  ).map(([startMs, exchange, instrument, base, quote, tickCount, intervalMs]) =>
    ({ startMs, exchange, instrument, base, quote, tickCount, intervalMs }) as GapRow
  );
}

/** As the port's `pollCounts`. */
export function readPollCounts(
  db: Statements,
  { fromMs, toMs, windowSizeMs }: { fromMs: number; toMs: number; windowSizeMs: number },
): PollCounts[] {
  const sources = db.all(SOURCES_SQL);
  const counts = sources.flatMap(([source]) =>
    db.all(
      `SELECT ?1, tick_ms / CAST(?4 AS INTEGER) * CAST(?4 AS INTEGER) AS start, sum(outcome = 'ok'),
           sum(outcome = 'skipped'), sum(outcome = 'failed'),
           max(CASE WHEN outcome <> 'ok' THEN tick_ms END)
         FROM polls WHERE source = ?1 AND tick_ms >= ?2 AND tick_ms < ?3 GROUP BY start`,
      [source!, fromMs, toMs, windowSizeMs],
    ) as [string, number, number, number, number, number | null][]
  );
  return counts.sort((a, b) => a[1] - b[1]).map(
    ([source, startMs, okCount, skippedCount, failedCount, badMs]) => {
      const bad = badMs === null ? null : readPolls(db, {
        source,
        fromMs: badMs,
        toMs: badMs + 1,
        limit: 1,
      })[0]!;
      return { source, startMs, okCount, skippedCount, failedCount, reason: bad?.reason ?? null };
    },
  );
}
