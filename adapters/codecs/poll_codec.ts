/**
 * The `polls` record: one tick of one source. JSON, schema version 1.
 *
 * @module
 */
import { z } from "zod";
import type { PollRecord } from "../../ports/statistics_store.ts";
import { refuseNewer } from "./schema_version.ts";

/** The newest schema of a `polls` record that this program knows. */
export const POLL_VERSION = 1;

const pollSchema = z.object({
  v: z.literal(POLL_VERSION),
  source: z.string(),
  tickMs: z.number().int(),
  outcome: z.enum(["ok", "skipped", "failed"]),
  reason: z.string().nullable(),
  marketCount: z.number().int(),
  entryCount: z.number().int(),
  zeroPriceCount: z.number().int(),
  leftOutCount: z.number().int(),
  malformedCount: z.number().int(),
  latencyMs: z.number().nullable(),
  budget: z.object({
    costPerPoll: z.number(),
    remaining: z.number(),
    resetMs: z.number().nullable(),
  }).nullable(),
});

/** Writes a poll's record value. */
export function encodePoll(poll: PollRecord): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ v: POLL_VERSION, ...poll }));
}

/**
 * Reads a poll's record value.
 *
 * @throws {TypeError} Where it is none.
 * @throws {NewerSchemaError} Where a newer program wrote it.
 */
export function decodePoll(value: Uint8Array | null): PollRecord {
  if (value === null) throw new TypeError("A polls record without a value");
  let json;
  try {
    json = JSON.parse(new TextDecoder().decode(value));
  } catch (cause) {
    throw new TypeError("Not a polls record: not JSON", { cause });
  }
  refuseNewer("polls", json?.v, POLL_VERSION);
  const result = pollSchema.safeParse(json);
  if (result.success) {
    const { v: _, ...poll } = result.data;
    return poll;
  }
  throw new TypeError(
    `Not a polls record of version ${POLL_VERSION}: ${z.prettifyError(result.error)}`,
  );
}
