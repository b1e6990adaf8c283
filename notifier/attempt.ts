/**
 * One attempt to send a digest, which takes no longer than it may, whatever the channel does.
 *
 * @module
 */
import { inWords } from "../errors.ts";
import { type Channel, type Delivery, type Digest, SEND_TIMEOUT_MS } from "../ports/channel.ts";
import type { Clock } from "../ports/clock.ts";
import { aborted } from "../signals.ts";

/** A channel that has not answered after this time has hung, in ms: it should have given up by itself, and closed what it had open. */
export const SEND_MAX_MS = SEND_TIMEOUT_MS + 10_000;
/** So long a sending that is under way may take when the process is told to stop, in ms: what became of it must be written down in what is left of `LAST_WORK_MAX_MS`. */
export const SEND_LAST_MS = 3_000;

/** How an attempt ended: as the channel says, or so that nobody knows; `stopped` where that does not matter any more. */
export type Attempt = Delivery | { outcome: "unknown"; reason: string } | { outcome: "stopped" };

/** What ends an attempt. */
export interface AttemptLimits {
  clock: Clock;
  /** The process is to stop: what is under way may end, if it does so soon. */
  signal: AbortSignal;
  /** The claim is lost, or in doubt: nothing may be under way any more. */
  failed: AbortSignal;
}

/** Sends a digest; what is still under way when this resolves is told to stop. */
export async function attemptToSend(
  channel: Channel,
  digest: Digest,
  { clock, signal, failed }: AttemptLimits,
): Promise<Attempt> {
  const ended = new AbortController();
  const either = (one: AbortSignal) => AbortSignal.any([one, ended.signal]);
  const sending = async (): Promise<Attempt> => {
    try {
      return await channel.send(digest, ended.signal);
    } catch (error) {
      return { outcome: "unknown", reason: inWords(error) };
    }
  };
  const hanging = async (): Promise<Attempt> => {
    await clock.sleep(SEND_MAX_MS, ended.signal);
    return { outcome: "unknown", reason: `no answer within ${SEND_MAX_MS / 1000} s` };
  };
  const stopping = async (): Promise<Attempt> => {
    await aborted(either(signal));
    await clock.sleep(SEND_LAST_MS, ended.signal);
    return { outcome: "stopped" };
  };
  const failing = async (): Promise<Attempt> => {
    await aborted(either(failed));
    return { outcome: "stopped" };
  };
  try {
    return await Promise.race([sending(), hanging(), stopping(), failing()]);
  } finally {
    ended.abort();
  }
}
