/**
 * From a line of a history file to a sample: CSV with a header, or NDJSON, of the same fields.
 *
 * @module
 */
import { isId, isPrice, isTimeMs, type Sample } from "../stats/sample.ts";

/** The fields that a file must have; `base` and `quote` are taken where they are there. */
const FIELDS = ["exchange", "instrument", "timestamp", "price"] as const;

/** Reads the lines of one file. */
export type RowReader = (text: string) => Sample | { problem: string };

/**
 * The reader for a file whose first line this is.
 *
 * @param intervalMs The spacing of the samples, in ms, where they are ticks; else `null`.
 * @returns Whether the first line is itself a row, and the reader.
 * @throws {Error} Where the first line is neither a header nor NDJSON.
 */
export function rowReader(
  firstLine: string,
  intervalMs: number | null,
): { isHeader: boolean; read: RowReader } {
  if (firstLine.trimStart().startsWith("{")) {
    return { isHeader: false, read: (text) => sampleOf(parseObject(text), intervalMs) };
  }
  const columns = splitCsv(firstLine).map((name) => name.trim().toLowerCase());
  const missing = FIELDS.filter((field) => !columns.includes(field));
  if (missing.length > 0) {
    throw new Error(
      `the first line has no ${missing.join(", ")}: give a header ${
        FIELDS.join(",")
      }, or NDJSON of these fields`,
    );
  }
  const read: RowReader = (text) => {
    const cells = splitCsv(text);
    if (cells.length < columns.length) {
      return { problem: `${cells.length} fields where the header has ${columns.length}` };
    }
    return sampleOf(
      Object.fromEntries(columns.map((name, i) => [name, cells[i]!.trim()])),
      intervalMs,
    );
  };
  return { isHeader: true, read };
}

/** Splits a CSV line (RFC 4180, but no line ends within quotes: no field of ours has one). */
export function splitCsv(line: string): string[] {
  if (!line.includes('"')) return line.split(",");
  const cells: string[] = [];
  const cell = /\s*(?:"((?:[^"]|"")*)"\s*|([^,]*))(,|$)/y;
  for (let match; (match = cell.exec(line)) !== null;) {
    cells.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    if (match[3] === "") break;
  }
  return cells;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const json = JSON.parse(text);
    return typeof json === "object" ? json : null;
  } catch {
    return null;
  }
}

function sampleOf(
  row: Record<string, unknown> | null,
  intervalMs: number | null,
): Sample | { problem: string } {
  if (row === null) return { problem: "not a JSON object" };
  const { exchange, instrument } = row;
  if (!isId(exchange)) return { problem: `exchange ${shown(exchange)} cannot be a name` };
  if (!isId(instrument)) return { problem: `instrument ${shown(instrument)} cannot be a name` };
  const timestampMs = timeMsOf(row.timestamp);
  if (!isTimeMs(timestampMs)) {
    return {
      problem: `timestamp ${shown(row.timestamp)} is neither ISO 8601 with a zone nor epoch ms`,
    };
  }
  const price = row.price === ""
    ? NaN
    : typeof row.price === "string"
    ? Number(row.price)
    : row.price;
  if (!isPrice(price)) {
    return { problem: `price ${shown(row.price)} is not a number from 0 to 1e100` };
  }
  const sample: Sample = { exchange, instrument, price, timestampMs };
  if (isId(row.base)) sample.base = row.base;
  if (isId(row.quote)) sample.quote = row.quote;
  if (intervalMs !== null) {
    sample.tickMs = Math.floor(timestampMs / intervalMs) * intervalMs;
    sample.intervalMs = intervalMs;
  }
  return sample;
}

const ISO_8601 = /^\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}:?\d{2}))?$/i;

function timeMsOf(timestamp: unknown): number {
  if (typeof timestamp === "number") return timestamp;
  if (typeof timestamp !== "string" || timestamp === "") return NaN;
  if (/^\d+$/.test(timestamp)) return Number(timestamp);
  return ISO_8601.test(timestamp)
    ? Math.floor(Date.parse(timestamp.replace(" ", "T").replace(",", ".")))
    : NaN;
}

function shown(value: unknown): string {
  return value === undefined ? "(missing)" : JSON.stringify(value).slice(0, 60);
}
