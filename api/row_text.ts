/**
 * Rows as lines of text: NDJSON, and CSV by RFC 4180 with a header.
 *
 * @module
 */
import { FORMATS } from "./formats.ts";

/** A value in a row. */
export type Cell = string | number | boolean | null;

/** A row: its fields, which may hold fields of their own. */
export type Row = Readonly<Record<string, Cell | Readonly<Record<string, Cell>>>>;

/** How rows become text in one format. */
export interface RowText {
  contentType: string;
  /** What stands before all rows. */
  head: string;
  /** A row with the end of its line. */
  line(row: Row): string;
}

/** One JSON object a line. */
export const ndjson: RowText = {
  contentType: FORMATS.ndjson,
  head: "",
  line: (row) => `${JSON.stringify(row)}\n`,
};

/**
 * Comma-separated, with these columns; `a.b` is the field `b` of what the field `a` holds. A value that is missing is empty. Values stay as they are: a
 * sign before what a spreadsheet may take for a formula would change data, and be wrong for all others.
 */
export function csv(columns: readonly string[]): RowText {
  const paths = columns.map((column) => column.split(".") as [name: string, inner?: string]);
  return {
    contentType: `${FORMATS.csv}; charset=utf-8; header=present`,
    head: lineOf(columns),
    line: (row) => lineOf(paths.map((path) => cellAt(row, path))),
  };
}

function cellAt(row: Row, [name, inner]: readonly [name: string, inner?: string]): Cell {
  const value = row[name] ?? null;
  if (value === null || typeof value !== "object") return value;
  return inner === undefined ? null : value[inner] ?? null;
}

function lineOf(cells: readonly Cell[]): string {
  return `${cells.map(cellText).join(",")}\r\n`;
}

/** Quoted where a reader would else part it, trim it, or take it for missing. */
function cellText(cell: Cell): string {
  if (cell === null) return "";
  const text = String(cell);
  return text === "" || /[",\r\n]|^\s|\s$/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
