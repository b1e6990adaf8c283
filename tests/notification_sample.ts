/**
 * Notifications for tests.
 *
 * @module
 */
import { type Notification, notificationIdOf } from "../stats/notification.ts";

const HOUR_MS = 3_600_000;

/** A crossing of rule `leap` by a market `exchange:instrument`, begun at this time. */
export function crossing(
  market: string,
  startedMs: number,
  extra: Partial<Notification> = {},
): Notification {
  const [exchange, instrument] = market.split(":") as [string, string];
  const windowStartMs = Math.floor(startedMs / HOUR_MS) * HOUR_MS;
  const rule = extra.rule ?? "leap";
  return {
    id: notificationIdOf({ rule, subject: market, windowStartMs }),
    ...{ state: "firing", rule, kind: "ratioAbove", subject: market, exchange, instrument },
    ...{ base: "btc", quote: "usd", source: null, windowStartMs, startedMs, endedMs: null },
    ...{ windowEndMs: windowStartMs + HOUR_MS, price: 310, value: 3.1, threshold: 3 },
    baseline: { startMs: windowStartMs - HOUR_MS, count: 60, mean: 100, stddev: 1.5 },
    past: false,
    ...extra,
  };
}

/** The same crossing, over. */
export function over(notification: Notification, endedMs: number): Notification {
  return { ...notification, state: "resolved", endedMs };
}
