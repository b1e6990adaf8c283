/**
 * What an operator sees of the notifier.
 *
 * @module
 */
import type { Logger } from "@logtape/logtape";
import { Counter, Gauge, type Registry } from "prom-client";
import type { OwnerEvent } from "./owner.ts";

/** What is waiting to be told by one channel. */
export interface ChannelPending {
  channel: string;
  groupCount: number;
  /** Since when, in ms since the epoch; `null`: nothing is. */
  sinceMs: number | null;
}

/** Registers the metrics and returns the function that keeps them. */
export function notifierMetrics(
  registry: Registry,
  logger: Logger,
  look: { nowMs(): number; pending(): readonly ChannelPending[] },
): (event: OwnerEvent) => void {
  const registers = [registry];
  const digests = new Counter({
    name: "data_tracker_notifier_digests_total",
    help:
      "Attempts to send a digest, by outcome: sent, failed (tried again), unknown (nobody knows; tried again), refused (given up)",
    labelNames: ["channel", "outcome"],
    registers,
  });
  const taken = new Counter({
    name: "data_tracker_notifier_notifications_total",
    help:
      "Records of notifications by what became of them: news, silent (over, and nobody wants to know), known, past, stale, unwanted by all channels, rejected",
    labelNames: ["outcome"],
    registers,
  });
  const lag = new Gauge({
    name: "data_tracker_notifier_lag_records",
    help: "Records between the notifier and the end of a partition of notifications",
    labelNames: ["partition"],
    registers,
  });
  new Gauge({
    name: "data_tracker_notifier_pending_groups",
    help: "Groups with news that nobody was told yet",
    labelNames: ["channel"],
    registers,
    collect() {
      this.reset();
      for (const { channel, groupCount } of look.pending()) this.set({ channel }, groupCount);
    },
  });
  new Gauge({
    name: "data_tracker_notifier_oldest_news_seconds",
    help: "For how long the oldest news has waited to be told; 0: there are none",
    labelNames: ["channel"],
    registers,
    collect() {
      this.reset();
      for (const { channel, sinceMs } of look.pending()) {
        this.set({ channel }, sinceMs === null ? 0 : (look.nowMs() - sinceMs) / 1000);
      }
    },
  });
  const tell = telling(logger);
  return (event) => {
    if (event.kind === "sent") digests.inc({ channel: event.channel, outcome: "sent" });
    else if (event.kind === "failed") {
      const outcome = event.isUnknown ? "unknown" : "failed";
      digests.inc({ channel: event.channel, outcome });
    } else if (event.kind === "given up") {
      digests.inc({ channel: event.channel, outcome: "refused" });
    } else if (event.kind === "read") {
      lag.set({ partition: event.partition }, event.lag);
      for (const [outcome, count] of Object.entries(event.counts)) taken.inc({ outcome }, count);
    } else if (event.kind === "rejected") taken.inc({ outcome: "rejected" }, event.count);
    else if (event.kind === "left") lag.reset();
    tell(event);
  };
}

/** Says what happened, in an operator's words; what goes on for hours once. */
function telling(logger: Logger): (event: OwnerEvent) => void {
  /** Per channel, the failure that was told last. */
  const told = new Map<string, string>();
  return (event) => {
    switch (event.kind) {
      case "restored":
        return logger.info(
          "Telling people by {channels}: {groupCount} groups as the last notifier left them ({recordCount} records of deliveries, {durationMs} ms)",
          { ...event, channels: event.channels.join(", ") || "no channel" },
        );
      case "dropped":
        return logger.warn(
          "{channel} is no channel any more: {groupCount} groups of it are forgotten, {pendingCount} of them with news that nobody was told",
          { ...event },
        );
      case "passed over":
        return logger.warn("{topic}, offset {offset}: passed over: {reason}", { ...event });
      case "rejected":
        return logger.warn(
          "{count} record of notifications, partition {partition}, is none of ours: see topic rejected ({reason})",
          { ...event },
        );
      case "skipped":
        return logger.warn(
          "notifications, partition {partition}: goes on at {startOffset}, retention dropped what was from {offset}",
          { ...event },
        );
      case "read":
        if (event.counts.stale === undefined) return;
        return logger.warn(
          "{count} crossings that were over more than a day ago are told to nobody",
          { count: event.counts.stale },
        );
      case "sent": {
        told.delete(event.channel);
        const { channel, to, digest, outageMs } = event;
        const { firingCount, resolvedCount, isRepeat, id } = digest;
        const again = isRepeat ? "again " : "";
        const late = outageMs === null
          ? ""
          : `, after ${Math.round(outageMs / 1000)} s in which it failed`;
        return logger.info(
          "{channel}: told {to} {again}of {firingCount} firing and {resolvedCount} over{late} (digest {id})",
          { channel, to, again, firingCount, resolvedCount, late, id },
        );
      }
      case "failed": {
        const level = told.get(event.channel) === event.reason ? "debug" : "warn";
        told.set(event.channel, event.reason);
        const waitS = Math.round(event.waitMs / 100) / 10;
        return logger[level](
          "{channel}: a digest did not get there: {reason}; tried again in {waitS} s, and until it does",
          { ...event, waitS },
        );
      }
      case "given up":
        return logger.error(
          "{channel}: a digest was refused and is not tried again: {reason} ({firingCount} firing, {resolvedCount} over, digest {id})",
          { ...event, ...event.digest },
        );
    }
  };
}
