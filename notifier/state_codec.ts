/**
 * The notifier's state as records of `deliveries`: `group/…`, one group of one channel; `positions`,
 * how far `notifications` has been read for those. JSON, in the schema version of that topic. Pure.
 *
 * @module
 */
import { z } from "zod";
import { decodeDelivery, encodeDelivery } from "../adapters/codecs/delivery_codec.ts";
import { notificationSchema } from "../adapters/codecs/notification_codec.ts";
import { type Crowd, hashesOfText, hashesToText, type News } from "./crossings.ts";
import type { GroupState } from "./group.ts";

/** The key of the record that says how far `notifications` has been read. */
export const POSITIONS_KEY = "positions";
/** What the keys of groups' states begin with. */
export const GROUP_PREFIX = "group/";
const timeMs = z.number().int();
const count = z.number().int().nonnegative();
const notifications = z.array(notificationSchema);

const crowd = z.object({ hashes: z.string(), overCount: count }).transform((stored): Crowd => ({
  ...stored,
  hashes: hashesOfText(stored.hashes),
}));

const news = z.object({
  begun: crowd,
  endedCount: count,
  ended: notifications,
  firstMs: timeMs.nullable(),
  fromMs: timeMs.nullable(),
});

const digest = z.object({
  id: z.string(),
  group: z.record(z.string(), z.string()),
  firing: notifications,
  resolved: notifications,
  firingCount: count,
  resolvedCount: count,
  fromMs: timeMs,
  toMs: timeMs,
  isRepeat: z.boolean(),
});

const groupSchema: z.ZodType<GroupState> = z.object({
  channel: z.string(),
  labels: z.record(z.string(), z.string().nullable()),
  told: crowd,
  news,
  flight: z.object({
    digest,
    news,
    endedSince: news,
    attempt: count,
    retryAtMs: timeMs,
    isUnknown: z.boolean(),
    wasUnknown: z.boolean(),
    isStale: z.boolean(),
  }).nullable(),
  named: notifications,
  lastSentMs: timeMs.nullable(),
});

const goneSchema = z.object({ gone: z.literal(true) });

const positionsSchema = z.object({ offsets: z.array(count) });

/** Writes a group's state; `null`: there is none any more. */
export function encodeGroup(state: GroupState | null): Uint8Array {
  if (state === null) return encodeDelivery({ gone: true });
  const { told, news, flight, ...rest } = state;
  return encodeDelivery({
    ...rest,
    told: crowdText(told),
    news: newsText(news),
    flight: flight && {
      ...flight,
      news: newsText(flight.news),
      endedSince: newsText(flight.endedSince),
    },
  });
}

function crowdText({ hashes, overCount }: Crowd) {
  return { hashes: hashesToText(hashes), overCount };
}

function newsText(news: News) {
  return { ...news, begun: crowdText(news.begun) };
}

/**
 * Reads a group's state; `null`: it is gone.
 *
 * @throws {TypeError} Where it is none.
 * @throws {NewerSchemaError} Where a newer program wrote it.
 */
export function decodeGroup(value: Uint8Array | null): GroupState | null {
  const group = decodeDelivery(z.union([goneSchema, groupSchema]), value);
  return "gone" in group ? null : group;
}

/** Writes where to go on in `notifications`, by partition. */
export function encodePositions(offsets: readonly number[]): Uint8Array {
  return encodeDelivery({ offsets });
}

/** Reads {@link encodePositions}. @throws {TypeError | NewerSchemaError} As {@link decodeGroup}. */
export function decodePositions(value: Uint8Array | null): number[] {
  return decodeDelivery(positionsSchema, value).offsets;
}
