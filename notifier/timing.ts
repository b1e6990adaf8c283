/**
 * When a group is told. Pure, and exact: nothing is rounded up to a multiple of anything.
 *
 * @module
 */
import type { Random } from "../ports/clock.ts";
import { isNews } from "./crossings.ts";
import { firingCountOf, type GroupState } from "./group.ts";
import type { DigestPolicy } from "./policy.ts";

/** First wait after an attempt that failed, in ms: a hiccup is over by then. */
export const RETRY_MIN_MS = 1000;
/** Longest wait, in ms: what was repaired is told this soon. */
export const RETRY_MAX_MS = 60_000;
/** A receiver that says to come again later than this is asked after it all the same, in ms. */
export const RETRY_AFTER_MAX_MS = 3_600_000;

/**
 * When the group's next digest is due, in ms since the epoch; `null`: never, unless something comes.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { newGroup } from "./group.ts";
 *
 * const state = newGroup("ops", {});
 * state.news.endedCount = 1;
 * state.news.firstMs = 1000;
 * const policy = { waitMs: 30, intervalMs: 300, repeatMs: null };
 * strictEqual(dueMs(state, policy), 1030);
 * strictEqual(dueMs({ ...state, lastSentMs: 900 }, policy), 1200);
 * ```
 */
export function dueMs(
  state: GroupState,
  { waitMs, intervalMs, repeatMs }: Pick<DigestPolicy, "waitMs" | "intervalMs" | "repeatMs">,
): number | null {
  const { flight, news, lastSentMs } = state;
  if (flight !== null) return flight.retryAtMs;
  if (isNews(news)) {
    const heardMs = news.firstMs! + waitMs;
    return lastSentMs === null ? heardMs : Math.max(lastSentMs + intervalMs, heardMs);
  }
  if (firingCountOf(state) === 0 || repeatMs === null || lastSentMs === null) return null;
  return lastSentMs + repeatMs;
}

/**
 * When the group may be forgotten, in ms since the epoch; `null`: there is something in it. Not before
 * the interval after its last digest, which the next one must keep.
 */
export function forgetMs(
  state: GroupState,
  { intervalMs }: Pick<DigestPolicy, "intervalMs">,
): number | null {
  if (state.flight !== null || isNews(state.news) || firingCountOf(state) > 0) return null;
  return state.lastSentMs === null ? 0 : state.lastSentMs + intervalMs;
}

/** How long to wait after `failureCount` attempts in a row have failed, in ms; longer, where the receiver said so. */
export function retryWaitMs(
  failureCount: number,
  random: Pick<Random, "fraction">,
  retryAfterMs = 0,
): number {
  const longestMs = Math.min(RETRY_MAX_MS, RETRY_MIN_MS * 2 ** Math.min(failureCount - 1, 30));
  const waitMs = Math.round(longestMs * (0.5 + random.fraction() / 2));
  return Math.max(waitMs, Math.min(retryAfterMs, RETRY_AFTER_MAX_MS));
}
