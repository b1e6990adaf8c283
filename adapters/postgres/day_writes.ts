/**
 * Keeps what is merged of days in step with their windows: a day that a write changes is forgotten in
 * the same transaction, and merged anew, by one process at a time, when it has come to rest.
 *
 * @module
 */
import { DAY_REST_MS } from "../../ports/day_statistics.ts";
import { DAY_MS, dayOf } from "../day_rows.ts";
import type { Query } from "./database.ts";
import { daysOfWindows, mergeUnmerged, type UnmergedDay } from "./day_reads.ts";
import { dayParameters, INSERT_DAYS_SQL } from "./day_rows.ts";
import { arrayOf, unnested } from "./window_rows.ts";

/** Windows merged in one transaction: some 100 ms, for which nobody writes. */
const WINDOWS_MERGED_MAX = 12_000;

const NAMED_DAYS = unnested([["market", "integer"], ["day", "integer"]]);

function parameters(days: readonly UnmergedDay[]): [string, string] {
  return [arrayOf(days.map(({ market }) => market)), arrayOf(days.map(({ day }) => day))];
}

/** Forgets what was merged of days that were named as changed. */
export async function forgetMerged(query: Query, days: readonly UnmergedDay[]): Promise<void> {
  if (days.length === 0) return;
  await query(
    `DELETE FROM day_statistics AS d USING ${NAMED_DAYS} WHERE d.market = u.market AND d.day = u.day`,
    parameters(days),
  );
}

/** The same, after windows of these markets were deleted: a day that has none left is no day. Call it alone. */
export async function forgetDeleted(
  query: Query,
  markets: readonly number[],
  day: number,
): Promise<void> {
  const days = markets.map((market) => ({ market, day }));
  await forgetMerged(query, days);
  await query(
    `INSERT INTO unmerged_days SELECT u.market, u.day FROM ${NAMED_DAYS} ON CONFLICT DO NOTHING`,
    parameters(days),
  );
  await query(
    `DELETE FROM unmerged_days AS d USING ${NAMED_DAYS}
       WHERE d.market = u.market AND d.day = u.day AND NOT EXISTS (
         SELECT FROM statistics WHERE market = u.market AND start_ms >= u.day * ${DAY_MS}::bigint
           AND start_ms < (u.day + 1) * ${DAY_MS}::bigint)`,
    parameters(days),
  );
}

/** Forgets all days of `[fromMs, toMs)`, whose windows are gone. */
export async function forgetDays(query: Query, fromMs: number, toMs: number): Promise<void> {
  for (const table of ["day_statistics", "unmerged_days"]) {
    const range = [dayOf(fromMs), dayOf(toMs)];
    await query(`DELETE FROM ${table} WHERE day >= $1 AND day < $2`, range);
  }
}

/** Some days that are over and not merged. */
async function dueDays(query: Query, limit: number): Promise<UnmergedDay[]> {
  const { rows: [last] } = await query("SELECT max(last_ms) FROM markets");
  const beforeDay = dayOf(((last![0] as number | null) ?? 0) - DAY_REST_MS);
  const { rows } = await query(
    "SELECT market, day FROM unmerged_days WHERE day < $1 ORDER BY day, market LIMIT $2",
    [beforeDay, limit],
  );
  return (rows as [number, number][]).map(([market, day]) => ({ market, day }));
}

/** Whether there is something to do for {@link mergeDays}, which nobody may write beside. */
export async function areDaysDue(query: Query): Promise<boolean> {
  return (await dueDays(query, 1)).length > 0;
}

/** One step of merging days that are over; whether there are more. Call it alone. */
export async function mergeDays(query: Query): Promise<boolean> {
  const dayCountMax = await daysOfWindows(query, WINDOWS_MERGED_MAX);
  const due = await dueDays(query, dayCountMax + 1);
  const days = due.slice(0, dayCountMax);
  if (days.length === 0) return false;
  await query(
    `DELETE FROM unmerged_days AS d USING ${NAMED_DAYS} WHERE d.market = u.market AND d.day = u.day`,
    parameters(days),
  );
  const merged = await mergeUnmerged(query, days);
  if (merged.length > 0) await query(INSERT_DAYS_SQL, dayParameters(merged));
  return due.length > dayCountMax;
}
