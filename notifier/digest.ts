/**
 * What a digest says of a group. Pure.
 *
 * @module
 */
import { type Digest, DIGEST_NAMED_MAX } from "../ports/channel.ts";
import type { Notification } from "../stats/notification.ts";
import { isNews, type News } from "./crossings.ts";
import type { Labels } from "./policy.ts";

/** What is over is named at least so often, where there is so much of it, beside ever so many that are firing. */
const RESOLVED_NAMED_MIN = DIGEST_NAMED_MAX / 2;

/** What a digest is made of. */
export interface DigestMatter {
  labels: Labels;
  /** The newest that are firing, the newest last. */
  named: readonly Notification[];
  news: News;
}

/** The digest of a group's news and of what is firing in it. */
export function buildDigest(
  { labels, named, news }: DigestMatter,
  { id, nowMs, firingCount }: { id: string; nowMs: number; firingCount: number },
): Digest {
  const resolvedMax = Math.max(RESOLVED_NAMED_MIN, DIGEST_NAMED_MAX - named.length);
  const resolved = news.ended.slice(-resolvedMax);
  const firing = named.slice(-(DIGEST_NAMED_MAX - resolved.length));
  return {
    id,
    group: Object.fromEntries(
      Object.entries(labels).filter((entry): entry is [string, string] => entry[1] !== null),
    ),
    ...{ firing, resolved, firingCount, resolvedCount: news.endedCount },
    fromMs: news.fromMs ?? firing[0]?.startedMs ?? nowMs,
    toMs: nowMs,
    isRepeat: !isNews(news),
  };
}
