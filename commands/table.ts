/**
 * Tables for people.
 *
 * @module
 */

/** A cell: numbers stand to the right, `null` is a dash. */
export type Cell = string | number | null;

const number = new Intl.NumberFormat("en", { maximumFractionDigits: 3 });

/**
 * Rows under a header, in columns as wide as their widest cell.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { formatTable } from "./table.ts";
 * strictEqual(formatTable(["topic", "records"], [["polls", 1200]]), "topic  records\npolls    1,200\n");
 * ```
 */
export function formatTable(header: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const texts = rows.map((row) => row.map(textOf));
  const widths = header.map((title, i) =>
    Math.max(title.length, ...texts.map((row) => row[i]?.length ?? 0))
  );
  const right = header.map((_, i) => rows.some((row) => typeof row[i] === "number"));
  const lines = [header, ...texts].map((row) =>
    row.map((text, i) => right[i] ? text.padStart(widths[i]!) : text.padEnd(widths[i]!)).join("  ")
      .trimEnd()
  );
  return `${lines.join("\n")}\n`;
}

function textOf(cell: Cell): string {
  if (cell === null) return "–";
  return typeof cell === "number" ? number.format(cell) : cell;
}
