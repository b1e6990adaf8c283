/**
 * One group of one channel: what is firing in it, what is news, and the digest under way. Pure:
 * every change is a function of the state, and says what became of it.
 *
 * A crossing goes from `news.begun` (nobody told) by `flight.news.begun` (a digest that tells it is
 * under way) to `told`. When it is over it is news again, once: also where nobody had been told that
 * it began. Memory is bounded by {@link HASH_COUNT_MAX} and the lists of `DIGEST_NAMED_MAX`,
 * whatever comes.
 *
 * @module
 */
import type { Digest } from "../ports/channel.ts";
import type { Notification } from "../stats/notification.ts";
import {
  both,
  bothNews,
  type Crowd,
  hashOf,
  isNews,
  leastOf,
  type News,
  noNews,
  sizeOf,
  withNamed,
} from "./crossings.ts";
import { buildDigest } from "./digest.ts";
import type { DigestPolicy, Labels } from "./policy.ts";

/**
 * Crossings of a group that are known one by one while they fire, so that each is counted out when it
 * is over; of more only the number is known. With all the names beside them they fit into one record
 * of 1 MiB, the most that Kafka takes unasked. Twice as many as markets were ever seen.
 */
export const HASH_COUNT_MAX = 40_000;

/** How far a digest has come. */
export interface Flight {
  digest: Digest;
  /** What it tells. Of what is over only the number: the digest itself has the names. */
  news: News;
  /** Crossings that it tells as firing and that are over by now: told or not, as the digest is. */
  endedSince: News;
  /** Attempts to tell these news, the one under way included. */
  attempt: number;
  /** Not before this time again. */
  retryAtMs: number;
  /** Nobody knows whether it got there, by this attempt or one before: only the very same digest may follow. */
  isUnknown: boolean;
  /** The same, by an attempt before the one under way, which may fail for sure without ending that doubt. */
  wasUnknown: boolean;
  /** What it says is no longer so. */
  isStale: boolean;
}

/** All that is known of a group. */
export interface GroupState {
  channel: string;
  labels: Labels;
  /** Firing, and told. */
  told: Crowd;
  news: News;
  flight: Flight | null;
  /** The newest that are firing, the newest last: `DIGEST_NAMED_MAX` at most. */
  named: readonly Notification[];
  /** When a digest last got there, or was given up; `null`: never. */
  lastSentMs: number | null;
}

/** Where in time a notification is taken in. */
export interface Taking {
  /** When it came. */
  atMs: number;
  /** Too long to be named: it is only counted. */
  isLong: boolean;
  /** Of what is over and was never told, what ended before this is told no more. */
  staleBeforeMs: number;
}

/** What became of a notification: it is to be told, was there before, is told to nobody, or too old. */
export type Taken = "news" | "known" | "silent" | "stale";

/** A group that nothing is known of. */
export function newGroup(channel: string, labels: Labels): GroupState {
  return {
    ...{ channel, labels, news: noNews(), flight: null, named: [], lastSentMs: null },
    told: { hashes: new Set(), overCount: 0 },
  };
}

/** Takes a group over from another machine, whose clock may be ahead of this one: nothing in it is later than now, and no retry later than it may be. */
export function takeOver(state: GroupState, nowMs: number, retryMaxMs: number): void {
  const notLater = (timeMs: number | null) => timeMs === null ? null : Math.min(timeMs, nowMs);
  state.lastSentMs = notLater(state.lastSentMs);
  state.news.firstMs = notLater(state.news.firstMs);
  const { flight } = state;
  if (flight !== null) flight.retryAtMs = Math.min(flight.retryAtMs, nowMs + retryMaxMs);
}

/** How many are firing, told or not. */
export function firingCountOf({ told, news, flight }: GroupState): number {
  return sizeOf(told) + sizeOf(news.begun) + (flight === null ? 0 : sizeOf(flight.news.begun));
}

/** Whether nobody was told all of it. */
export function isPending({ news, flight }: GroupState): boolean {
  return isNews(news) || (flight !== null && (isNews(flight.news) || isNews(flight.endedSince)));
}

/** When the first news came that nobody was told; `null`: there are none. */
export function pendingSinceMs({ news, flight }: GroupState): number | null {
  return leastOf(news.firstMs, flight?.news.firstMs ?? null);
}

/** Whether the crossing is known to be firing here. */
export function isFiring({ told, news, flight }: GroupState, id: string): boolean {
  const hash = hashOf(id);
  return told.hashes.has(hash) || news.begun.hashes.has(hash) ||
    (flight?.news.begun.hashes.has(hash) ?? false);
}

/** Takes in a crossing that has begun. */
export function takeFiring(state: GroupState, notification: Notification, taking: Taking): Taken {
  if (isFiring(state, notification.id)) return "known";
  const { news } = state;
  const hashCount = state.told.hashes.size + news.begun.hashes.size +
    (state.flight?.news.begun.hashes.size ?? 0);
  if (hashCount < HASH_COUNT_MAX) news.begun.hashes.add(hashOf(notification.id));
  else news.begun.overCount++;
  note(news, taking.atMs, notification.startedMs);
  if (!taking.isLong) state.named = withNamed(state.named, notification);
  if (state.flight !== null) state.flight.isStale = true;
  return "news";
}

/** Takes in that a crossing is over. */
export function takeResolved(
  state: GroupState,
  notification: Notification,
  policy: Pick<DigestPolicy, "sendResolved">,
  taking: Taking,
): Taken {
  const { told, news, flight } = state;
  const from = crowdOf(state, notification.id);
  if (from === null) return "known";
  state.named = state.named.filter(({ id }) => id !== notification.id);
  if (flight !== null) flight.isStale = true;
  const endedMs = notification.endedMs ?? taking.atMs;
  if (from === told) {
    if (!policy.sendResolved) return "silent";
    addEnded(news, notification, taking, endedMs);
  } else if (from !== news.begun) {
    addEnded(flight!.endedSince, notification, taking, notification.startedMs);
  } else if (endedMs < taking.staleBeforeMs) {
    if (!isNews(news)) state.news = noNews();
    return "stale";
  } else {
    addEnded(news, notification, taking, notification.startedMs);
  }
  return "news";
}

/** Takes a crossing out of where it is counted, and says where that was. Of those that are only numbers any may be it. */
function crowdOf({ told, news, flight }: GroupState, id: string): Crowd | null {
  const crowds = [told, news.begun, ...(flight === null ? [] : [flight.news.begun])];
  const hash = hashOf(id);
  const known = crowds.find((crowd) => crowd.hashes.delete(hash));
  if (known !== undefined) return known;
  const over = crowds.find((crowd) => crowd.overCount > 0);
  if (over === undefined) return null;
  over.overCount--;
  return over;
}

function addEnded(news: News, notification: Notification, taking: Taking, fromMs: number): void {
  news.endedCount++;
  if (!taking.isLong) news.ended = withNamed(news.ended, notification);
  note(news, taking.atMs, fromMs);
}

function note(news: News, atMs: number, fromMs: number): void {
  news.firstMs = leastOf(news.firstMs, atMs);
  news.fromMs = leastOf(news.fromMs, fromMs);
}

/**
 * Begins an attempt to tell the group. The same digest again where nobody knows whether it got there,
 * or nothing has changed since it failed; else a new one, of all that is to be told by now.
 *
 * @param id Of the digest, where it is a new one.
 * @returns What to send, and the digest whose place it takes; `null`: there is nothing to tell any more.
 */
export function beginAttempt(
  state: GroupState,
  { id, nowMs }: { id: string; nowMs: number },
): { digest: Digest; superseded: Digest | null } | null {
  const { flight } = state;
  if (flight !== null && (flight.isUnknown || !flight.isStale)) {
    flight.attempt++;
    flight.wasUnknown = flight.isUnknown;
    flight.isUnknown = true;
    return { digest: flight.digest, superseded: null };
  }
  if (flight !== null) {
    const { news, digest, endedSince } = flight;
    const untold = bothNews({ ...news, ended: digest.resolved }, endedSince);
    state.news = bothNews(untold, state.news);
    state.flight = null;
  }
  const firingCount = firingCountOf(state);
  if (!isNews(state.news) && firingCount === 0) return null;
  const digest = buildDigest(state, { id, nowMs, firingCount });
  const attempt = 1 + (flight?.attempt ?? 0);
  state.flight = {
    ...{ digest, news: { ...state.news, ended: [] }, endedSince: noNews(), attempt },
    ...{ retryAtMs: 0, isUnknown: true, wasUnknown: false, isStale: false },
  };
  state.news = noNews();
  return { digest, superseded: flight?.digest ?? null };
}

/** The digest under way got there, or is given up: its news are told. */
export function endFlight(
  state: GroupState,
  { sendResolved }: Pick<DigestPolicy, "sendResolved">,
  nowMs: number,
): void {
  const { news, endedSince } = state.flight!;
  state.told = both(state.told, news.begun);
  if (sendResolved) state.news = bothNews(endedSince, state.news);
  state.flight = null;
  state.lastSentMs = nowMs;
}

/** The digest under way has to be tried again; where it is known not to have got there, another may take its place. */
export function failFlight(state: GroupState, retryAtMs: number, isUnknown: boolean): void {
  const flight = state.flight!;
  flight.isUnknown = isUnknown || flight.wasUnknown;
  flight.retryAtMs = retryAtMs;
}
