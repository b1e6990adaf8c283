/**
 * The `samples` record: one observed price. JSON, schema version 1.
 *
 * Reading is the hottest path of the program: what this codec wrote is read without JSON.parse, of
 * all else a few comparisons decide, and zod is asked only to explain a record that failed them.
 *
 * @module
 */
import { z } from "zod";
import {
  ID_LENGTH_MAX,
  isId,
  isPrice,
  isTickMs,
  isTimeMs,
  type Sample,
} from "../../stats/sample.ts";
import { SampleReader } from "./sample_reader.ts";

/** The newest schema of a `samples` record that this program knows. */
export const SAMPLE_VERSION = 1;

/** Largest record value read, in bytes: an honest sample has about 200. */
const VALUE_BYTES_MAX = 4096;

const encoder = new TextEncoder();
/** Fatal: with broken characters replaced, two exchanges could become one. */
const decoder = new TextDecoder("utf-8", { fatal: true });
const reader = new SampleReader(SAMPLE_VERSION);

/** Writes a sample's record value. */
export function encodeSample(sample: Readonly<Sample>): Uint8Array {
  const { exchange, instrument, base, quote, price, timestampMs, tickMs, intervalMs } = sample;
  const fields = { exchange, instrument, base, quote, price, timestampMs, tickMs, intervalMs };
  return encoder.encode(JSON.stringify({ v: SAMPLE_VERSION, ...fields }));
}

/** A record that is no sample, and why, in words for the `rejected` topic. */
export interface Malformed {
  malformed: string;
}

/** Reads a record value; never throws. */
export function decodeSample(value: Uint8Array | null): Sample | Malformed {
  if (value === null) return { malformed: "the record has no value" };
  if (value.length > VALUE_BYTES_MAX) {
    return { malformed: `${value.length} bytes are more than ${VALUE_BYTES_MAX}` };
  }
  const known = reader.read(value);
  if (known !== null) return known;
  let json;
  try {
    json = JSON.parse(decoder.decode(value));
  } catch (error) {
    return { malformed: `not JSON in UTF-8: ${(error as Error).message}` };
  }
  if (!isSample(json)) return { malformed: explain(json) };
  const { exchange, instrument, base, quote, price, timestampMs, tickMs, intervalMs } = json;
  return { exchange, instrument, base, quote, price, timestampMs, tickMs, intervalMs };
}

/** Whether a decoding failed. */
export function isMalformed(decoded: Sample | Malformed): decoded is Malformed {
  return "malformed" in decoded;
}

// deno-lint-ignore no-explicit-any -- every field is checked here, one comparison each
function isSample(json: any): json is Sample {
  return json !== null && typeof json === "object" && json.v === SAMPLE_VERSION &&
    isPrice(json.price) && isTimeMs(json.timestampMs) &&
    (json.tickMs === undefined || isTickMs(json.tickMs)) &&
    (json.intervalMs === undefined || (isTickMs(json.intervalMs) && json.intervalMs > 0)) &&
    (json.base === undefined || isId(json.base)) &&
    (json.quote === undefined || isId(json.quote)) &&
    isId(json.exchange) && isId(json.instrument);
}

const id = z.string().refine(isId, {
  error: `must be 1 to ${ID_LENGTH_MAX} characters without spaces, ':', ',', '*' or '@'`,
});
const time = z.number().refine(isTimeMs, { error: "must be whole milliseconds since 1970" });
const tick = z.number().refine(isTickMs, { error: "must be whole seconds, in ms since 1970" });

const sampleSchema = z.object({
  v: z.literal(SAMPLE_VERSION, {
    error: `must be ${SAMPLE_VERSION}, the newest schema version this program knows`,
  }),
  exchange: id,
  instrument: id,
  base: id.optional(),
  quote: id.optional(),
  price: z.number().refine(isPrice, { error: "must be from 0 to 1e100" }),
  timestampMs: time,
  tickMs: tick.optional(),
  intervalMs: tick.refine((ms) => ms > 0, { error: "must be more than 0" }).optional(),
});

function explain(json: unknown): string {
  const result = sampleSchema.safeParse(json);
  if (result.success) return "not a sample";
  return result.error.issues.map((issue) => `${issue.path.join(".") || "record"}: ${issue.message}`)
    .join("; ");
}
