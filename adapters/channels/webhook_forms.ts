/**
 * The bodies of webhooks. Pure; docs/channels.md describes them.
 *
 * @module
 */
import type { Digest } from "../../ports/channel.ts";
import type { Notification } from "../../stats/notification.ts";
import { renderDigest } from "../../notifier/templates.ts";
import { summaryText } from "../../notifier/wording.ts";
import { annotationsOf, commonOf, distinctAlerts, fingerprintOf, labelsOf } from "./alerts.ts";

/** Of the form "data-tracker": grows when a field changes its meaning. */
const FORM_VERSION = 1;

/** How Alertmanager writes that there is no time. */
const NO_TIME = "0001-01-01T00:00:00Z";

/** A digest in this program's own form. */
export function dataTrackerForm(digest: Digest, channel: string) {
  const { id, group, firing, resolved, firingCount, resolvedCount, isRepeat } = digest;
  return {
    version: FORM_VERSION,
    ...{ id, channel, group },
    status: firingCount > 0 ? "firing" : "resolved",
    isRepeat,
    summary: renderDigest(digest).subject,
    ...{ from: iso(digest.fromMs), to: iso(digest.toMs), firingCount, resolvedCount },
    firing: firing.map(notificationForm),
    resolved: resolved.map(notificationForm),
  };
}

function notificationForm(notification: Notification) {
  const { id, state, rule, kind, exchange, instrument, base, quote, source } = notification;
  const { windowStartMs, windowEndMs, startedMs, endedMs, price, value, threshold, baseline } =
    notification;
  return {
    ...{ id, state, rule, kind, exchange, instrument, base, quote, source },
    summary: summaryText(notification),
    ...{ windowStart: iso(windowStartMs), windowEnd: iso(windowEndMs) },
    ...{ startedAt: iso(startedMs), endedAt: endedMs === null ? null : iso(endedMs) },
    ...{ price, value, threshold },
    baseline: baseline === null
      ? null
      : (({ startMs, ...rest }) => ({ windowStart: iso(startMs), ...rest }))(baseline),
  };
}

/** A digest as Alertmanager's own webhooks have it, version 4, for receivers that know those. */
export function alertmanagerForm(digest: Digest, channel: string) {
  const { group, firingCount, resolvedCount } = digest;
  const alerts = distinctAlerts(digest.firing, digest.resolved).map((notification) => {
    const { state, startedMs, endedMs } = notification;
    const labels = labelsOf(notification);
    return {
      status: state,
      labels,
      annotations: annotationsOf(notification),
      startsAt: iso(startedMs),
      endsAt: endedMs === null ? NO_TIME : iso(endedMs),
      generatorURL: "",
      fingerprint: fingerprintOf(labels),
    };
  });
  const groupLabels = Object.fromEntries(
    Object.entries(group).map(([name, value]) => [name === "rule" ? "alertname" : name, value]),
  );
  const groupText = Object.keys(groupLabels).sort()
    .map((name) => `${name}=${JSON.stringify(groupLabels[name])}`).join(", ");
  return {
    receiver: channel,
    status: firingCount > 0 ? "firing" : "resolved",
    alerts,
    groupLabels,
    commonLabels: commonOf(alerts.map(({ labels }) => labels)),
    commonAnnotations: commonOf(alerts.map(({ annotations }) => annotations)),
    externalURL: "",
    version: "4",
    groupKey: `{}:{${groupText}}`,
    truncatedAlerts: firingCount + resolvedCount - digest.firing.length - digest.resolved.length,
  };
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
