/**
 * Durations as people write them: `30s`, `5m`, `1h30m`, `90d`, `250ms`.
 *
 * @module
 */

const UNITS_MS = { d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 } as const;

const DURATION =
  /^(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m(?!s))?(?:(\d{1,9})s)?(?:(\d{1,9})ms)?$/;

/**
 * Reads a duration.
 *
 * @param text One or more whole numbers with units, the greatest unit first; spaces around do not count.
 * @returns Milliseconds, or `null` where `text` is no duration.
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { parseDuration } from "./duration.ts";
 * strictEqual(parseDuration("1h30m"), 5_400_000);
 * strictEqual(parseDuration("30"), null);
 * ```
 */
export function parseDuration(text: string): number | null {
  const parts = DURATION.exec(text.trim());
  if (parts === null || text.trim() === "") return null;
  return Object.values(UNITS_MS).reduce(
    (sum, unitMs, i) => sum + Number(parts[i + 1] ?? 0) * unitMs,
    0,
  );
}

/**
 * Writes a duration, such that {@link parseDuration} reads it back to the same milliseconds.
 *
 * @param durationMs A whole number ≥ 0.
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { formatDuration } from "./duration.ts";
 * strictEqual(formatDuration(5_400_000), "1h30m");
 * strictEqual(formatDuration(0), "0s");
 * ```
 */
export function formatDuration(durationMs: number): string {
  let restMs = durationMs;
  let text = "";
  for (const [unit, unitMs] of Object.entries(UNITS_MS)) {
    const count = Math.floor(restMs / unitMs);
    restMs -= count * unitMs;
    if (count > 0) text += `${count}${unit}`;
  }
  return text || "0s";
}
