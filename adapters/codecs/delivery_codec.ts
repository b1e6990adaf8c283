/**
 * The `deliveries` records: `sent/…`, what became of one digest; and what all of that topic have in
 * common. The notifier's own state lies there too: `notifier/state_codec.ts`. JSON, schema version 1.
 *
 * @module
 */
import { z } from "zod";
import type { Digest } from "../../ports/channel.ts";
import { refuseNewer } from "./schema_version.ts";

/** The newest schema of a `deliveries` record that this program knows. */
export const DELIVERY_VERSION = 1;

/** What the keys of digests' records begin with. */
export const SENT_PREFIX = "sent/";

const timeMs = z.number().int();
const count = z.number().int().nonnegative();
/** How a digest stands. */
export const DELIVERY_OUTCOMES = ["sending", "sent", "failed", "given up", "superseded"] as const;

const sentSchema = z.object({
  /** The digest's. */
  id: z.string(),
  channel: z.string(),
  group: z.record(z.string(), z.string()),
  /** `failed` is tried again, `given up` not; `superseded`: another digest tells what it did not. */
  outcome: z.enum(DELIVERY_OUTCOMES),
  /** When it came to that. */
  atMs: timeMs,
  /** Attempts to tell these news so far. */
  attempt: count,
  /** To whom, where it is known. */
  to: z.string().nullable(),
  /** Why not. */
  reason: z.string().nullable(),
  /** The id of the digest that is sent in its place. */
  supersededBy: z.string().nullable(),
  fromMs: timeMs,
  toMs: timeMs,
  isRepeat: z.boolean(),
  firingCount: count,
  resolvedCount: count,
  /** Ids of the notifications that it names. */
  firing: z.array(z.string()),
  resolved: z.array(z.string()),
});

/** What became of one digest. */
export type SentRecord = z.infer<typeof sentSchema>;

/** What is kept of a digest beside how it went. */
export function digestOfRecord(digest: Digest) {
  const { id, group, fromMs, toMs, isRepeat, firingCount, resolvedCount } = digest;
  return {
    ...{ id, group, fromMs, toMs, isRepeat, firingCount, resolvedCount },
    firing: digest.firing.map((notification) => notification.id),
    resolved: digest.resolved.map((notification) => notification.id),
  };
}

/** Writes what became of a digest. */
export function encodeSent(sent: SentRecord): Uint8Array {
  return encodeDelivery(sent);
}

/** Reads {@link encodeSent}. @throws {TypeError | NewerSchemaError} As {@link decodeDelivery}. */
export function decodeSent(value: Uint8Array | null): SentRecord {
  return decodeDelivery(sentSchema, value);
}

/** Writes a record of these fields. */
export function encodeDelivery(fields: Record<string, unknown>): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ v: DELIVERY_VERSION, ...fields }));
}

/**
 * Reads a record's fields.
 *
 * @throws {TypeError} Where it is not of this schema.
 * @throws {NewerSchemaError} Where a newer program wrote it.
 */
export function decodeDelivery<T>(schema: z.ZodType<T>, value: Uint8Array | null): T {
  if (value === null) throw new TypeError("A deliveries record without a value");
  let json;
  try {
    json = JSON.parse(new TextDecoder().decode(value));
  } catch (cause) {
    throw new TypeError("Not a deliveries record: not JSON", { cause });
  }
  refuseNewer("deliveries", json?.v, DELIVERY_VERSION);
  if (json?.v !== DELIVERY_VERSION) throw new TypeError("A deliveries record without a version");
  let result;
  try {
    result = schema.safeParse(json);
  } catch (cause) {
    throw new TypeError("Not a deliveries record: its hashes are none", { cause });
  }
  if (result.success) return result.data;
  throw new TypeError(
    `Not a deliveries record of version ${DELIVERY_VERSION}: ${z.prettifyError(result.error)}`,
  );
}
