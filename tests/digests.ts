/**
 * Notifications and digests for tests.
 *
 * @module
 */
import type { Digest } from "../ports/channel.ts";
import { type Notification, notificationIdOf } from "../stats/notification.ts";

const HOUR_MS = 3_600_000;
/** When the digests of tests are put together. */
export const NOW_MS = Date.parse("2026-03-14T10:06:00Z");

/** A market that leapt a minute ago, but for what is given. */
export function notificationOf(given: Partial<Notification> = {}): Notification {
  const exchange = given.exchange === undefined ? "kraken" : given.exchange;
  const instrument = given.instrument === undefined ? "btcusd" : given.instrument;
  const windowStartMs = Math.floor(NOW_MS / HOUR_MS) * HOUR_MS;
  const own = {
    ...{ rule: "leap", windowStartMs, windowEndMs: windowStartMs + HOUR_MS },
    subject: given.source ?? `${exchange}:${instrument}`,
    ...given,
  };
  return {
    ...{ id: notificationIdOf(own), state: "firing", kind: "ratioAbove", exchange, instrument },
    ...{ base: "btc", quote: "usd", source: null, startedMs: NOW_MS - 60_000, endedMs: null },
    ...{ price: 130_864.25, value: 3.2615384615384617, threshold: 3, past: false },
    baseline: {
      ...{ startMs: windowStartMs - HOUR_MS, count: 60, mean: 40_123.41234567891 },
      stddev: 12.5,
    },
    ...own,
  };
}

/** The same, over after `durationMs`. */
export function resolvedOf(given: Partial<Notification> = {}, durationMs = 754_000): Notification {
  const startedMs = NOW_MS - durationMs;
  return notificationOf({ state: "resolved", startedMs, endedMs: NOW_MS, ...given });
}

/** A digest of these. */
export function digestOf(
  firing: readonly Notification[],
  resolved: readonly Notification[] = [],
  given: Partial<Digest> = {},
): Digest {
  return {
    ...{ id: "mail/leap/1", group: { rule: "leap" }, firing, resolved, isRepeat: false },
    ...{ firingCount: firing.length, resolvedCount: resolved.length },
    ...{ fromMs: NOW_MS - 60_000, toMs: NOW_MS },
    ...given,
  };
}
