/**
 * The `notifications` record: one crossing of a rule. JSON, schema version 1.
 *
 * @module
 */
import { z } from "zod";
import { type Notification, RULE_KINDS } from "../../stats/notification.ts";
import { refuseNewer } from "./schema_version.ts";

/** The newest schema of a `notifications` record that this program knows. */
export const NOTIFICATION_VERSION = 1;

const text = z.string().nullable();
const timeMs = z.number().int();

const fields = z.object({
  id: z.string(),
  state: z.enum(["firing", "resolved"]),
  rule: z.string(),
  kind: z.enum(RULE_KINDS),
  subject: z.string(),
  exchange: text,
  instrument: text,
  base: text,
  quote: text,
  source: text,
  windowStartMs: timeMs,
  windowEndMs: timeMs,
  startedMs: timeMs,
  endedMs: timeMs.nullable(),
  price: z.number().nullable(),
  value: z.number(),
  threshold: z.number(),
  baseline: z.object({
    startMs: timeMs,
    count: z.number().int(),
    mean: z.number(),
    stddev: z.number().nullable(),
  }).nullable(),
  past: z.boolean(),
});

const recordSchema = fields.extend({ v: z.literal(NOTIFICATION_VERSION) });

/** A notification as part of another record. */
export const notificationSchema: z.ZodType<Notification> = fields;

/** Writes a notification's record value. */
export function encodeNotification(notification: Notification): Uint8Array {
  return new TextEncoder().encode(JSON.stringify({ v: NOTIFICATION_VERSION, ...notification }));
}

/**
 * Reads a notification's record value.
 *
 * @throws {TypeError} Where it is none.
 * @throws {NewerSchemaError} Where a newer program wrote it.
 */
export function decodeNotification(value: Uint8Array | null): Notification {
  if (value === null) throw new TypeError("A notifications record without a value");
  let json;
  try {
    json = JSON.parse(new TextDecoder().decode(value));
  } catch (cause) {
    throw new TypeError("Not a notifications record: not JSON", { cause });
  }
  refuseNewer("notifications", json?.v, NOTIFICATION_VERSION);
  const result = recordSchema.safeParse(json);
  if (result.success) {
    const { v: _, ...notification } = result.data;
    return notification;
  }
  throw new TypeError(
    `Not a notifications record of version ${NOTIFICATION_VERSION}: ${
      z.prettifyError(result.error)
    }`,
  );
}
