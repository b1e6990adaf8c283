import { deepStrictEqual } from "node:assert";
import type { Logger } from "@logtape/logtape";
import { Registry } from "prom-client";
import type { Digest } from "../ports/channel.ts";
import { type ChannelPending, notifierMetrics } from "./metrics.ts";

const DIGEST: Digest = {
  ...{ id: "d1", group: {}, firing: [], resolved: [], firingCount: 3, resolvedCount: 1 },
  ...{ fromMs: 0, toMs: 0, isRepeat: false },
};

function setUp(pending: ChannelPending[] = []) {
  const registry = new Registry();
  const lines: string[] = [];
  const at = (level: string) => (message: string, values: Record<string, unknown>) => {
    lines.push(`${level} ${message.replaceAll(/\{(\w+)\}/g, (_, name) => String(values[name]))}`);
  };
  const logger = Object.fromEntries(
    ["debug", "info", "warn", "error"].map((level) => [level, at(level)]),
  ) as unknown as Logger;
  const observe = notifierMetrics(registry, logger, {
    nowMs: () => 61_000,
    pending: () => pending,
  });
  const figures = async () =>
    (await registry.metrics()).split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  return { lines, observe, figures };
}

Deno.test("what becomes of digests is counted by channel, and said in an operator's words", async () => {
  const { lines, observe, figures } = setUp();
  const failed = { kind: "failed", channel: "ops", waitMs: 750, isUnknown: false } as const;
  observe({ ...failed, reason: "connection refused" });
  observe({ ...failed, reason: "connection refused" });
  observe({ ...failed, reason: "no answer within 40 s", isUnknown: true });
  observe({ kind: "sent", channel: "ops", digest: DIGEST, to: "a@b.example", outageMs: 5_000 });
  observe({ kind: "given up", channel: "sms", digest: DIGEST, reason: "no such number" });
  deepStrictEqual(lines, [
    "warn ops: a digest did not get there: connection refused; tried again in 0.8 s, and until it does",
    "debug ops: a digest did not get there: connection refused; tried again in 0.8 s, and until it does",
    "warn ops: a digest did not get there: no answer within 40 s; tried again in 0.8 s, and until it does",
    "info ops: told a@b.example of 3 firing and 1 over, after 5 s in which it failed (digest d1)",
    "error sms: a digest was refused and is not tried again: no such number (3 firing, 1 over, digest d1)",
  ]);
  deepStrictEqual(await figures(), [
    'data_tracker_notifier_digests_total{channel="ops",outcome="failed"} 2',
    'data_tracker_notifier_digests_total{channel="ops",outcome="unknown"} 1',
    'data_tracker_notifier_digests_total{channel="ops",outcome="sent"} 1',
    'data_tracker_notifier_digests_total{channel="sms",outcome="refused"} 1',
  ]);
});

Deno.test("who waits to be told shows, and for how long", async () => {
  const { observe, figures } = setUp([
    { channel: "ops", groupCount: 2, sinceMs: 1_000 },
    { channel: "sms", groupCount: 0, sinceMs: null },
  ]);
  observe({ kind: "read", partition: 1, lag: 7, counts: { news: 5, past: 2 } });
  deepStrictEqual(await figures(), [
    'data_tracker_notifier_notifications_total{outcome="news"} 5',
    'data_tracker_notifier_notifications_total{outcome="past"} 2',
    'data_tracker_notifier_lag_records{partition="1"} 7',
    'data_tracker_notifier_pending_groups{channel="ops"} 2',
    'data_tracker_notifier_pending_groups{channel="sms"} 0',
    'data_tracker_notifier_oldest_news_seconds{channel="ops"} 60',
    'data_tracker_notifier_oldest_news_seconds{channel="sms"} 0',
  ]);
});

Deno.test("what is passed over, dropped or too old is said, and nothing else of what is read", () => {
  const { lines, observe } = setUp();
  observe({ kind: "dropped", channel: "old", groupCount: 3, pendingCount: 1 });
  observe({ kind: "read", partition: 0, lag: 0, counts: { stale: 4 } });
  observe({ kind: "read", partition: 0, lag: 0, counts: { news: 4 } });
  observe({ kind: "rejected", partition: 2, count: 1, reason: "not JSON" });
  observe({ kind: "skipped", partition: 2, offset: 5, startOffset: 9 });
  observe({ kind: "passed over", topic: "deliveries", offset: 3, reason: "not JSON" });
  const restored = { channels: ["ops", "sms"], groupCount: 2, recordCount: 40, durationMs: 12 };
  observe({ kind: "restored", ...restored });
  deepStrictEqual(lines, [
    "warn old is no channel any more: 3 groups of it are forgotten, 1 of them with news that nobody was told",
    "warn 4 crossings that were over more than a day ago are told to nobody",
    "warn 1 record of notifications, partition 2, is none of ours: see topic rejected (not JSON)",
    "warn notifications, partition 2: goes on at 9, retention dropped what was from 5",
    "warn deliveries, offset 3: passed over: not JSON",
    "info Telling people by ops, sms: 2 groups as the last notifier left them (40 records of deliveries, 12 ms)",
  ]);
});
