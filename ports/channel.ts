/**
 * A channel: one way to tell people. What a digest says is the notifier's; how it is put, and how it
 * gets there, is the channel's.
 *
 * @module
 */
import type { Notification } from "../stats/notification.ts";

/** Most notifications that a digest names one by one; what is beyond is only counted. */
export const DIGEST_NAMED_MAX = 100;

/** What one send of a channel may take, in ms: an answer that takes longer is not coming. */
export const SEND_TIMEOUT_MS = 30_000;

/** What one channel tells of one group at once. */
export interface Digest {
  /** The same for every attempt to send it, also after a restart: receivers that know it may drop a repetition. */
  id: string;
  /** What its notifications have in common, by the channel's `groupBy`: `{rule: "leap", exchange: "kraken"}`. */
  group: Readonly<Record<string, string>>;
  /** What is firing now, the newest last: {@link DIGEST_NAMED_MAX} at most of these and the next together. */
  firing: readonly Notification[];
  /** What was told as firing before, or begun since, and is over. */
  resolved: readonly Notification[];
  /** How many there are in all, also where the lists are cut short. */
  firingCount: number;
  resolvedCount: number;
  /** When the first of what is new in it began, in ms since the epoch. */
  fromMs: number;
  /** When it was put together. */
  toMs: number;
  /** Nothing is new in it: it says again what goes on firing. */
  isRepeat: boolean;
}

/** How one attempt ended. */
export type Delivery =
  | {
    outcome: "sent"; /** To whom, for the record: addresses or a host, never a secret. */
    to: string;
  }
  | {
    outcome: "failed";
    /** Whether the same digest may get there later: the receiver was away, or said to come again. */
    retryable: boolean;
    /** In words for an operator, without secrets. */
    reason: string;
    /**
     * Somebody may have it all the same: the answer was lost, or did not come in time; or some of
     * several receivers have it. Then only the very same digest is sent after it. Not where it is
     * certain that nobody has it: no connection, or an answer that says so.
     */
    isUnknown?: true;
    /** When to come again at the earliest, where the receiver said so, in ms from now. */
    retryAfterMs?: number;
  };

/** The port. */
export interface Channel {
  readonly name: string;
  /**
   * Sends one digest; takes {@link SEND_TIMEOUT_MS} at most. Never rejects: a failure is an outcome. May
   * be called again with the same digest: after a crash nobody knows whether it was sent.
   */
  send(digest: Digest, signal: AbortSignal): Promise<Delivery>;
}
