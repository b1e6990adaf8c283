/**
 * Keeps what is merged of days in step with their windows: a day that a write changes is forgotten in
 * the same transaction, and merged anew when it has come to rest.
 *
 * @module
 */
import { DAY_REST_MS } from "../../ports/day_statistics.ts";
import { DAY_MS, dayOf } from "../day_rows.ts";
import type { Statements } from "./database.ts";
import { mergeDay, readOpenFromDay } from "./day_reads.ts";
import { dayParameters, INSERT_DAY_SQL } from "./day_rows.ts";
import { atWindow } from "./window_rows.ts";

/** Windows merged in one transaction: some 20 ms, for which nothing else runs in this thread. */
const WINDOWS_MERGED_MAX = 6_000;

const FORGET_EMPTY_SQL = `DELETE FROM unmerged_days AS u WHERE day = ? AND market = ?
  AND NOT EXISTS (SELECT 1 FROM statistics AS s WHERE s.day = u.day AND s.market = u.market)
  AND NOT EXISTS (SELECT 1 FROM starts AS t
    CROSS JOIN open_statistics AS s ON ${atWindow("t.start", "u.market")}
    WHERE t.start >= u.day * ${DAY_MS} AND t.start < (u.day + 1) * ${DAY_MS})`;

/** The days that a transaction changes. */
export class ChangedDays {
  readonly #markets = new Map<number, Set<number>>();

  constructor(private readonly db: Statements) {}

  add(day: number, market: number): void {
    const markets = this.#markets.get(day);
    if (markets === undefined) this.#markets.set(day, new Set([market]));
    else markets.add(market);
  }

  /** Forgets what was merged of them, once all has been written. */
  forget(): void {
    for (const [day, markets] of this.#markets) {
      for (const market of markets) {
        const key = [day, market];
        const count = this.db.run("INSERT OR IGNORE INTO unmerged_days VALUES (?, ?)", key);
        if (count > 0) {
          this.db.run("DELETE FROM day_statistics WHERE day = ? AND market = ?", key);
        }
      }
    }
  }

  /** The same, after windows were deleted: a day that has none left is no day. */
  forgetDeleted(): void {
    this.forget();
    for (const [day, markets] of this.#markets) {
      for (const market of markets) {
        this.db.run(
          FORGET_EMPTY_SQL,
          [day, market],
        );
      }
    }
  }
}

/** One step of merging days that are over; whether there are more. Call it within a transaction. */
export function mergeDays(db: Statements): boolean {
  const [lastMs] = db.get("SELECT max(start) FROM starts") as [number | null];
  const due = db.all(
    "SELECT market, day FROM unmerged_days WHERE day < ? ORDER BY day, market LIMIT ?",
    [dayOf((lastMs ?? 0) - DAY_REST_MS), WINDOWS_MERGED_MAX],
  ) as [number, number][];
  const openFromDay = readOpenFromDay(db);
  let windowCount = 0;
  for (const [market, day] of due) {
    if (windowCount >= WINDOWS_MERGED_MAX) return true;
    const merged = mergeDay(db, [day, market], openFromDay);
    windowCount += merged.row.parts.windowCount;
    db.run(INSERT_DAY_SQL, dayParameters(merged, market));
    db.run("DELETE FROM unmerged_days WHERE day = ? AND market = ?", [day, market]);
  }
  return due.length === WINDOWS_MERGED_MAX;
}
