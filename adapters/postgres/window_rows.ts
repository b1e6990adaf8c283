/**
 * Windows as rows of the table `statistics`, and in SQL the port's rule of which of two rows stands.
 *
 * @module
 */
import type { StoredRow } from "../statistics_rows.ts";
import type { SqlValue } from "./database.ts";

/**
 * The columns of a window `s` of a market `m`: the name, the type, and what of a row is there. As far
 * as `amended` they stand in the order that decides between equal ranks (`sortsFirst` of
 * adapters/statistics_rows.ts).
 */
const COLUMNS: readonly (readonly [name: string, type: string, field: keyof StoredRow])[] = [
  ["origin", "text", "origin"],
  ["mean_hi", "float8", "meanHi"],
  ["mean_lo", "float8", "meanLo"],
  ["m2_hi", "float8", "m2Hi"],
  ["m2_lo", "float8", "m2Lo"],
  ["min", "float8", "min"],
  ["max", "float8", "max"],
  ["open_ms", "bigint", "openMs"],
  ["open", "float8", "openPrice"],
  ["close_ms", "bigint", "closeMs"],
  ["close", "float8", "closePrice"],
  ["end_ms", "bigint", "endMs"],
  ["tick_count", "integer", "tickCount"],
  ["interval_ms", "bigint", "intervalMs"],
  ["revision", "bigint", "revision"],
  ["amended", "boolean", "amended"],
  ["count", "bigint", "count"],
  ["is_closed", "boolean", "state"],
];
const KEY_COLUMNS: typeof COLUMNS = [
  ["exchange", "text", "exchange"],
  ["instrument", "text", "instrument"],
  ["start_ms", "bigint", "startMs"],
];
const WRITTEN = [...KEY_COLUMNS, ...COLUMNS];
const NAMES = COLUMNS.map(([name]) => name);

/** In SQL: `u` has this market, `m`. Texts of parameters have the database's collation, columns "C". */
export const SAME_MARKET =
  `m.exchange = u.exchange COLLATE "C" AND m.instrument = u.instrument COLLATE "C"`;

/** In SQL: a table `u` of the parameters, an array each. */
export function unnested(
  columns: readonly (readonly [name: string, type: string, ...unknown[]])[],
) {
  const arrays = columns.map(([, type], i) => `$${i + 1}::${type}[]`);
  return `unnest(${arrays.join(", ")}) AS u (${columns.map(([name]) => name).join(", ")})`;
}

const decisive = NAMES.slice(0, NAMES.indexOf("amended") + 1)
  .map((name) => name === "interval_ms" ? "coalesce(#.interval_ms, 0)" : `#.${name}`).join(", ");

/** In SQL: `excluded` takes the place of `s`, by the rule of `supersedes` of adapters/statistics_rows.ts. */
const SUPERSEDES = `CASE
  WHEN excluded.origin = 'live' AND s.origin = 'live' THEN excluded.revision > s.revision
  WHEN excluded.count <> s.count THEN excluded.count > s.count
  WHEN (excluded.origin = 'live') <> (s.origin = 'live') THEN excluded.origin = 'live'
  ELSE (${decisive.replaceAll("#", "excluded")}) < (${decisive.replaceAll("#", "s")}) END`;

/**
 * Upserts rows, each window once, whose markets are there; takes {@link rowParameters}. Rows are
 * locked in one order by everyone, so that no two writers wait for each other. Notes which live ones
 * changed, and which days; gives how many rows did, and the days that nobody had noted yet.
 */
export const UPSERT_SQL = `WITH upserted AS (
  INSERT INTO statistics AS s (market, start_ms, ${NAMES.join(", ")})
  SELECT m.id, u.start_ms, ${NAMES.map((name) => `u.${name}`).join(", ")}
    FROM ${unnested(WRITTEN)} JOIN markets AS m ON ${SAME_MARKET}
    ORDER BY m.id, u.start_ms
  ON CONFLICT (market, start_ms) DO UPDATE
    SET ${NAMES.map((name) => `${name} = excluded.${name}`).join(", ")}
    WHERE ${SUPERSEDES}
    RETURNING s.market, s.start_ms, s.origin
), noted AS (
  INSERT INTO changes SELECT pg_current_xact_id(), now(), array_agg(market), array_agg(start_ms)
    FROM upserted WHERE origin = 'live' HAVING count(*) > 0
), unmerged AS (
  INSERT INTO unmerged_days (market, day)
    SELECT DISTINCT market, (start_ms / 86400000)::integer FROM upserted ORDER BY 1, 2
    ON CONFLICT DO NOTHING RETURNING market, day
) SELECT (SELECT count(*) FROM upserted),
  (SELECT json_agg(json_build_object('market', market, 'day', day)) FROM unmerged)`;

/** The values of {@link UPSERT_SQL}. */
export function rowParameters(rows: readonly StoredRow[]): SqlValue[] {
  return WRITTEN.map(([, type, field]) => {
    if (type === "text") return rows.map((row) => row[field] as string);
    if (field === "state") return arrayOf(rows.map((row) => row.state === "closed"));
    return arrayOf(rows.map((row) => row[field] as number | boolean | null));
  });
}

/** An array as the server reads it, far cheaper than pg makes it. Numbers are in the digits that read back the same. */
export function arrayOf(values: readonly (number | boolean | null)[]): string {
  return `{${values.map((value) => value ?? "NULL").join(",")}}`;
}

/** The columns that {@link readRow} takes, of the market `m` and the window `s`. */
export const ROW_COLUMNS = ["m.exchange", "m.instrument", "m.base", "m.quote", "s.start_ms"]
  .concat(NAMES.map((name) => `s.${name}`)).join(", ");

/** The row of an array of {@link ROW_COLUMNS}. */
export function readRow(values: readonly unknown[]): StoredRow {
  // Written out, and in the order of all rows: objects of one shape, made twice as fast as by a loop.
  return {
    exchange: values[0],
    instrument: values[1],
    base: values[2],
    quote: values[3],
    startMs: values[4],
    endMs: values[16],
    count: values[21],
    meanHi: values[6],
    meanLo: values[7],
    m2Hi: values[8],
    m2Lo: values[9],
    min: values[10],
    max: values[11],
    openPrice: values[13],
    openMs: values[12],
    closePrice: values[15],
    closeMs: values[14],
    tickCount: values[17],
    intervalMs: values[18],
    revision: values[19],
    state: values[22] ? "closed" : "open",
    amended: values[20],
    origin: values[5],
  } as StoredRow;
}
