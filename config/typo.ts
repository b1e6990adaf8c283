/**
 * Finds the setting that was probably meant by a name that is none.
 *
 * @module
 */

/** Names this short resemble too much that is honest (`PATH` and `LATE`, `HOME` and `HOST`). */
const COMPARED_LENGTH_MIN = 6;

/**
 * The known name that `name` is a slip of; `null` where it resembles none.
 *
 * @param name Any name; case, `-` and `_` do not count.
 * @param known The names that exist.
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { settingMeantBy } from "./typo.ts";
 * strictEqual(settingMeantBy("PARTITION", ["PARTITIONS", "HOST"]), "PARTITIONS");
 * strictEqual(settingMeantBy("HOME", ["PARTITIONS", "HOST"]), null);
 * ```
 */
export function settingMeantBy(name: string, known: readonly string[]): string | null {
  const plain = plainOf(name);
  for (const candidate of known) {
    const other = plainOf(candidate);
    if (plain === other || plain === `${other}S` || `${plain}S` === other) return candidate;
    const slipsMax = other.length < COMPARED_LENGTH_MIN ? 0 : other.length < 9 ? 1 : 2;
    if (slipsMax > 0 && slips(plain, other) <= slipsMax) return candidate;
  }
  return null;
}

function plainOf(name: string): string {
  return name.toUpperCase().replaceAll(/[-_]/g, "");
}

/** Letters to insert, drop, change or swap with a neighbour (optimal string alignment distance). */
function slips(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const changed = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      row[j] = Math.min(changed, above[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        row[j] = Math.min(row[j]!, before[j - 2]! + 1);
      }
    }
    [before, above] = [above, row];
  }
  return above[b.length]!;
}
