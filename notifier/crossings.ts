/**
 * Many crossings in bounded memory: which are firing, as hashes of their ids, and what is to be told
 * of them. Pure.
 *
 * @module
 */
import { DIGEST_NAMED_MAX } from "../ports/channel.ts";
import { murmur2 } from "../stats/murmur2.ts";
import type { Notification } from "../stats/notification.ts";

/**
 * A hash of an id, of 48 bits: a number that is exact, and eight characters of base64. That a new
 * crossing meets one of 40,000 others happens once in 7 · 10⁹: it would be taken for known.
 */
export function hashOf(id: string): number {
  const low = murmur2(id) >>> 0;
  const high = murmur2(`${id}/${low}`) & 0xffff;
  return high * 2 ** 32 + low;
}

/** Bytes of one hash. */
const HASH_BYTES = 6;

/** Hashes as text, the least first, so that equal sets are equal texts. */
export function hashesToText(hashes: Iterable<number>): string {
  const sorted = Float64Array.from(hashes).sort();
  const bytes = new Uint8Array(sorted.length * HASH_BYTES);
  const view = new DataView(bytes.buffer);
  sorted.forEach((hash, i) => {
    view.setUint16(i * HASH_BYTES, Math.floor(hash / 2 ** 32));
    view.setUint32(i * HASH_BYTES + 2, hash % 2 ** 32);
  });
  return bytes.toBase64();
}

/** Reads {@link hashesToText}. @throws {SyntaxError | RangeError} Where it is none. */
export function hashesOfText(text: string): Set<number> {
  const bytes = Uint8Array.fromBase64(text);
  const view = new DataView(bytes.buffer);
  const hashes = new Set<number>();
  for (let at = 0; at < bytes.length; at += HASH_BYTES) {
    hashes.add(view.getUint16(at) * 2 ** 32 + view.getUint32(at + 2));
  }
  return hashes;
}

/** Crossings that are firing. */
export interface Crowd {
  /** {@link hashOf} their ids. */
  hashes: Set<number>;
  /** How many more there are, of which only the number is known. */
  overCount: number;
}

/** How many there are. */
export function sizeOf({ hashes, overCount }: Crowd): number {
  return hashes.size + overCount;
}

/** What a channel was not told of a group yet, or was told by a digest that is under way. */
export interface News {
  /** What began, and goes on. */
  begun: Crowd;
  /** How many are over. */
  endedCount: number;
  /** The newest of those, the newest last: `DIGEST_NAMED_MAX` at most. */
  ended: readonly Notification[];
  /** When the first of all this came; `null`: there is none. */
  firstMs: number | null;
  /** When the first of all this happened. */
  fromMs: number | null;
}

/** Nothing new. */
export function noNews(): News {
  return {
    begun: { hashes: new Set(), overCount: 0 },
    endedCount: 0,
    ended: [],
    firstMs: null,
    fromMs: null,
  };
}

/** Whether there is anything to tell. */
export function isNews({ begun, endedCount }: News): boolean {
  return endedCount > 0 || sizeOf(begun) > 0;
}

/** Both, the later one's crossings last. */
export function bothNews(earlier: News, later: News): News {
  return {
    begun: both(earlier.begun, later.begun),
    endedCount: earlier.endedCount + later.endedCount,
    ended: [...earlier.ended, ...later.ended].sort((a, b) => timeMsOf(a) - timeMsOf(b))
      .slice(-DIGEST_NAMED_MAX),
    firstMs: leastOf(earlier.firstMs, later.firstMs),
    fromMs: leastOf(earlier.fromMs, later.fromMs),
  };
}

/** When it happened that this is a notification of. */
function timeMsOf({ startedMs, endedMs }: Notification): number {
  return endedMs ?? startedMs;
}

/** The newest of these and one more, the newest last: those of several partitions come in any order. */
export function withNamed(
  named: readonly Notification[],
  added: Notification,
): readonly Notification[] {
  const at = named.findLastIndex((other) => timeMsOf(other) <= timeMsOf(added)) + 1;
  return named.toSpliced(at, 0, added).slice(-DIGEST_NAMED_MAX);
}

/** Both. */
export function both(one: Crowd, other: Crowd): Crowd {
  return {
    hashes: one.hashes.union(other.hashes),
    overCount: one.overCount + other.overCount,
  };
}

/** The lesser of two times, where both are there. */
export function leastOf(one: number | null, other: number | null): number | null {
  return one === null ? other : other === null ? one : Math.min(one, other);
}
