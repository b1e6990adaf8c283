/**
 * What has changed of late, in an order that many writers agree on: that of their transactions' ids.
 * Each transaction that writes leaves one row with the windows it changed. An id may become visible
 * late, after greater ones; so what is read ends before the least transaction that is still under
 * way, and nothing is passed over. Whether a window has changed again since is told by its row itself,
 * which bears the id of who wrote it last.
 *
 * @module
 */
import type { ChangePage } from "../../ports/statistics_changes.ts";
import { checkLimit, type StreamTimes } from "../statistics_rows.ts";
import type { Database, Query } from "./database.ts";
import { readRow, ROW_COLUMNS } from "./window_rows.ts";

/** How long changes are kept. */
const KEPT = "10 minutes";
/** Numbers of a place have so many digits, so that places sort as texts. */
const [ID_DIGITS, ORDINAL_DIGITS] = [20, 9];
const COLUMN_COUNT = ROW_COLUMNS.split(", ").length;

/**
 * Where changes may be read to, the oldest transaction that is known, and who this is; and then the
 * changes after a place (of a transaction, and within it), each beside the same.
 */
const CHANGES_SQL = `
  SELECT ${ROW_COLUMNS}, c.xid::text, c.ordinal,
      p.horizon::text, p.first::text, p.id, p.stream_times
    FROM (SELECT pg_snapshot_xmin(pg_current_snapshot()) AS horizon,
        (SELECT xid FROM changes ORDER BY xid LIMIT 1) AS first,
        (SELECT left(store_id, 8) FROM schema_version) AS id,
        (SELECT json_agg(json_build_array(partition, last_ms, whole_ms)) FROM stream_times
          WHERE partition_count = $4) AS stream_times) AS p
    LEFT JOIN LATERAL (
      SELECT c.xid, u.* FROM changes AS c
        CROSS JOIN LATERAL unnest(c.markets, c.starts) WITH ORDINALITY AS u (market, start_ms, ordinal)
        JOIN statistics AS s ON s.market = u.market AND s.start_ms = u.start_ms AND s.xmin = c.xid::xid
        WHERE c.xid >= $1::text::xid8 AND c.xid < p.horizon
          AND (c.xid > $1::text::xid8 OR u.ordinal > $2)
        ORDER BY c.xid, u.ordinal LIMIT $3
    ) AS c ON TRUE
    LEFT JOIN statistics AS s ON s.market = c.market AND s.start_ms = c.start_ms
    LEFT JOIN markets AS m ON m.id = s.market
    ORDER BY c.xid, c.ordinal`;

/** As the port's `changes`. */
export async function readChanges(
  database: Database,
  { after, limit, partitionCount }: {
    after: string | null;
    limit: number;
    partitionCount: number;
  },
  streamsOf: (times: unknown) => StreamTimes,
): Promise<ChangePage | null> {
  checkLimit(limit);
  const [, afterId = "", afterOrdinal = ""] = /^\w{8}-(\d{20})-(\d{9})$/.exec(after ?? "") ?? [];
  if (after !== null && afterId === "") return null;
  // From the present on nothing is read: no transaction has the greatest id.
  const place = after === null ? ["18446744073709551615", 0] : [trimmed(afterId), +afterOrdinal];
  if (BigInt(place[0]!) >= 2n ** 64n) return null;
  const { rows } = await database.run(CHANGES_SQL, [...place, limit, partitionCount]);
  const [horizon, first, id, times] = rows[0]!.slice(COLUMN_COUNT + 2) as string[];
  const placeOf = (xid: string, ordinal: number) =>
    `${id}-${xid.padStart(ID_DIGITS, "0")}-${`${ordinal}`.padStart(ORDINAL_DIGITS, "0")}`;
  // All of the transactions before the horizon and none of its own.
  const present = placeOf(horizon!, 0);
  if (after === null) return { changes: [], place: present, isFull: false };
  if (!after.startsWith(`${id}-`) || after > present || after < placeOf(first!, 0)) return null;
  const streams = streamsOf(times);
  const changes = rows.filter((values) => values[COLUMN_COUNT] !== null).map((values) => {
    const stored = readRow(values);
    return {
      place: placeOf(values[COLUMN_COUNT] as string, values[COLUMN_COUNT + 1] as number),
      row: { ...stored, state: streams.stateOf(stored) },
    };
  });
  const isFull = changes.length === limit;
  return { changes, place: isFull ? changes.at(-1)!.place : present, isFull };
}

function trimmed(digits: string): string {
  return digits.replace(/^0+(?=\d)/, "");
}

/**
 * Forgets transactions that are older than changes are kept, but for the last of them: from there on
 * all are known. Call it alone in a transaction; where another is at it, nothing happens.
 *
 * @param lock An advisory lock for this.
 */
export async function forgetChanges(query: Query, lock: number): Promise<void> {
  const { rows: [locked] } = await query("SELECT pg_try_advisory_xact_lock($1)", [lock]);
  if (locked![0] !== true) return;
  await query(
    `DELETE FROM changes WHERE xid <
       (SELECT xid FROM changes WHERE at < now() - interval '${KEPT}' ORDER BY xid DESC LIMIT 1)`,
  );
}
