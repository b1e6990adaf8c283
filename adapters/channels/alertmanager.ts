/**
 * Alerts for Prometheus Alertmanager, which groups and tells them by its own rules.
 *
 * @module
 */
import type { AlertmanagerConfig, ChannelConfig } from "../../config/channels.ts";
import { channelSecrets } from "../../config/channel_secrets.ts";
import { countText } from "../../notifier/wording.ts";
import type { Channel, Delivery, Digest } from "../../ports/channel.ts";
import type { Clock } from "../../ports/clock.ts";
import { annotationsOf, distinctAlerts, type Labels, labelsOf } from "./alerts.ts";
import { deliveryOf, sendHttp, sendSignal } from "./http_send.ts";

/**
 * A firing alert ends by itself after so many repeats: Alertmanager must not end what goes on, also
 * where two repeats were lost, and must not keep for ever what this program can no longer end. The end
 * that is given counts in the place of Alertmanager's own `resolve_timeout`.
 */
const REPEAT_COUNT = 3;
/** Where nothing is repeated, in ms: as long as the topic of notifications is kept. */
const UNREPEATED_MS = 30 * 24 * 3_600_000;
/** The alert that stands for those that a digest does not name. */
const REST_ALERT = "DataTrackerMore";

/** The settings of this channel. */
export type AlertmanagerChannelConfig = Extract<ChannelConfig, AlertmanagerConfig>;

/** One alert as `POST /api/v2/alerts` takes it. */
export interface PostedAlert {
  labels: Labels;
  annotations: Labels;
  startsAt: string;
  endsAt: string;
}

/** The alerts of a digest. Pure. */
export function alertsOf(
  digest: Digest,
  { name, labels: further, repeatMs }: Pick<
    AlertmanagerChannelConfig,
    "name" | "labels" | "repeatMs"
  >,
): PostedAlert[] {
  const endMs = digest.toMs + (repeatMs === null ? UNREPEATED_MS : REPEAT_COUNT * repeatMs);
  const alerts = distinctAlerts(digest.firing, digest.resolved).map((notification) => {
    const { startedMs, endedMs, state } = notification;
    return {
      labels: labelsOf(notification, further),
      annotations: annotationsOf(notification),
      startsAt: iso(startedMs),
      // An end before the start would be refused, and everything with it.
      endsAt: iso(Math.max(startedMs, state === "firing" ? endMs : endedMs ?? digest.toMs)),
    };
  });
  const restCount = digest.firingCount - digest.firing.length;
  if (restCount <= 0) return alerts;
  const { rule, ...group } = digest.group;
  const summary = `${countText(restCount)} more are firing that are not named here`;
  return [...alerts, {
    labels: { ...further, ...group, alertname: REST_ALERT, channel: name, ...(rule && { rule }) },
    annotations: { summary },
    ...{ startsAt: iso(digest.fromMs), endsAt: iso(endMs) },
  }];
}

/** Sends digests to Alertmanager. */
export class AlertmanagerChannel implements Channel {
  readonly name: string;
  readonly #url: URL;

  constructor(private readonly config: AlertmanagerChannelConfig, private readonly clock: Clock) {
    this.name = config.name;
    this.#url = new URL(config.url);
    this.#url.pathname = `${this.#url.pathname.replace(/\/+$/, "")}/api/v2/alerts`;
  }

  async send(digest: Digest, signal: AbortSignal): Promise<Delivery> {
    const outcome = await sendHttp(
      {
        url: this.#url,
        headers: { ...this.config.headers, "Content-Type": "application/json" },
        body: JSON.stringify(alertsOf(digest, this.config)),
        secrets: channelSecrets(this.config),
      },
      this.clock,
      sendSignal(signal),
    );
    return deliveryOf(outcome, this.#url.host);
  }
}

function iso(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
