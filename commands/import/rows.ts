/**
 * Rows of history: a line of CSV or NDJSON → an observed price, or why it is none. Pure.
 *
 * @module
 */
import { ID_LENGTH_MAX, isId, isPrice, isTimeMs } from "../../stats/sample.ts";

/** An observed price, as a line gave it. */
export interface Row {
  exchange: string;
  instrument: string;
  timestampMs: number;
  price: number;
}

/** Why a line gave none: the word it is counted by, and the words for whoever mends the file. */
export interface RefusedRow {
  reason: "malformed" | "skew" | "zero-price";
  detail: string;
}

/** Reads one line; never throws. */
export type RowReader = (line: string) => Row | RefusedRow;

/** The fields that a row must have. */
const FIELDS = ["exchange", "instrument", "timestamp", "price"] as const;

/** Times that no price has in ms since the epoch, and all prices in seconds: of 1970 to 1973, or of 2001 to 5138. */
const SECONDS = { from: 1e9, to: 1e11 };

/** How much of a bad value is quoted. */
const QUOTED_LENGTH_MAX = 40;

/** What decides whether a row that is well formed is taken. */
export interface RowLimits {
  /** A later time is `skew`, in ms since the epoch. */
  timeMaxMs: number;
  /** Whether a price of 0 is left out: a dead market. */
  skipsZeroPrices: boolean;
}

/**
 * The reader for a file, told by its first line: `{` begins NDJSON, anything else is a CSV header.
 *
 * @returns The reader, and whether the first line is a row itself.
 * @throws {TypeError} Where it is a header without the four columns; the message names those missing.
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert";
 * import { rowReaderFor } from "./rows.ts";
 * const limits = { timeMaxMs: Infinity, skipsZeroPrices: true };
 * const { read } = rowReaderFor("price,timestamp,exchange,instrument", limits);
 * deepStrictEqual(read("6800.5,2018-04-05T00:00:00Z,coinbase,btcusd"), {
 *   exchange: "coinbase", instrument: "btcusd", timestampMs: 1522886400000, price: 6800.5,
 * });
 * ```
 */
export function rowReaderFor(
  firstLine: string,
  limits: RowLimits,
): { read: RowReader; isRow: boolean } {
  if (firstLine.trimStart().startsWith("{")) {
    return { read: (line) => checked(jsonFields(line), limits), isRow: true };
  }
  const header = csvFields(firstLine)?.map((name) => name.trim().toLowerCase()) ?? [];
  const columns = FIELDS.map((field) => header.indexOf(field));
  const missing = FIELDS.filter((_, i) => columns[i] === -1);
  if (missing.length > 0) {
    throw new TypeError(
      `its first line ${quoted(firstLine)} has no column ${missing.join(", ")}; it must be a CSV ` +
        `header with ${FIELDS.join(",")}, or each line a JSON object with these`,
    );
  }
  const read = (line: string) => {
    const fields = csvFields(line);
    if (fields === null) return malformed("a quoted field does not end as it should");
    if (fields.length !== header.length) {
      return malformed(`${fields.length} fields, and the header has ${header.length}`);
    }
    return checked(columns.map((column) => fields[column]!.trim()), limits);
  };
  return { read, isRow: false };
}

/** The fields of a line (RFC 4180, but a field ends with its line); `null` where a quote is out of place. */
function csvFields(line: string): string[] | null {
  if (!line.includes('"')) return line.split(",");
  const fields: string[] = [];
  const field = /(?:"((?:[^"]|"")*)"|([^",]*))(,|$)/y;
  for (let separator = ","; separator === ",";) {
    const match = field.exec(line);
    if (match === null) return null;
    fields.push(match[1]?.replaceAll('""', '"') ?? match[2]!);
    separator = match[3]!;
  }
  return fields;
}

function jsonFields(line: string): unknown[] | RefusedRow {
  try {
    const json = JSON.parse(line);
    if (json === null || typeof json !== "object") return malformed("not a JSON object");
    return FIELDS.map((field) => json[field]);
  } catch {
    return malformed(`not JSON: ${quoted(line)}`);
  }
}

function checked(fields: readonly unknown[] | RefusedRow, limits: RowLimits): Row | RefusedRow {
  if (!("length" in fields)) return fields;
  const [exchange, instrument, timestamp, priceText] = fields;
  if (!isId(exchange)) return malformed(`exchange ${quoted(exchange)}: ${ID_RULE}`);
  if (!isId(instrument)) return malformed(`instrument ${quoted(instrument)}: ${ID_RULE}`);
  const timestampMs = timeOf(timestamp);
  if (!isTimeMs(timestampMs)) {
    return malformed(`timestamp ${quoted(timestamp)}: must be ISO 8601 or epoch milliseconds`);
  }
  if (timestampMs >= SECONDS.from && timestampMs < SECONDS.to) {
    const year = new Date(timestampMs).getUTCFullYear();
    return malformed(
      `timestamp ${quoted(timestamp)}: is of ${year}; are these seconds? It must be milliseconds`,
    );
  }
  const price = numberOf(priceText);
  if (!isPrice(price)) return malformed(`price ${quoted(priceText)}: must be from 0 to 1e100`);
  if (timestampMs > limits.timeMaxMs) {
    return { reason: "skew", detail: `timestamp ${quoted(timestamp)} lies in the future` };
  }
  if (price === 0 && limits.skipsZeroPrices) {
    return {
      reason: "zero-price",
      detail: "price 0 marks a dead market; ZERO_PRICES=keep takes it",
    };
  }
  return { exchange, instrument, timestampMs, price };
}

const ID_RULE = `must be 1 to ${ID_LENGTH_MAX} characters without spaces, ':', ',', '*' or '@'`;

const NUMBER = /^[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?$/i;

function numberOf(value: unknown): number {
  if (typeof value === "number") return value;
  return typeof value === "string" && NUMBER.test(value) ? Number(value) : NaN;
}

const EPOCH_MS = /^\d{1,15}$/;
const ISO_TIME =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(Z|[+-]\d\d(?::?\d\d)?)?)?$/i;

/** Epoch ms, or ISO 8601 down to the ms; without a zone it is UTC, whatever the machine's. */
function timeOf(value: unknown): number {
  if (typeof value === "number") return value;
  if (typeof value !== "string") return NaN;
  if (EPOCH_MS.test(value)) return Number(value);
  const match = ISO_TIME.exec(value);
  if (match === null) return NaN;
  const [, year, month, day, zone] = match;
  // Date.parse takes February 30 for March 2.
  if (Number(day) > new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate()) return NaN;
  const text = value.replace(" ", "T").replace(",", ".").toUpperCase();
  const dateOnly = value.length === 10;
  const whole = zone === undefined && !dateOnly ? `${text}Z` : text;
  return Date.parse(/[+-]\d\d$/.test(whole) && !dateOnly ? `${whole}:00` : whole);
}

function malformed(detail: string): RefusedRow {
  return { reason: "malformed", detail };
}

function quoted(value: unknown): string {
  if (value === undefined) return "(missing)";
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return JSON.stringify(
    text.length > QUOTED_LENGTH_MAX ? `${text.slice(0, QUOTED_LENGTH_MAX)}…` : text,
  );
}
