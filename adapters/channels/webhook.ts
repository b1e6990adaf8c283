/**
 * A digest by a POST to whoever wants it, signed. docs/channels.md tells receivers what comes.
 *
 * @module
 */
import { createHmac } from "node:crypto";
import type { ChannelConfig, WebhookConfig } from "../../config/channels.ts";
import { channelSecrets } from "../../config/channel_secrets.ts";
import type { Channel, Delivery, Digest } from "../../ports/channel.ts";
import type { Clock } from "../../ports/clock.ts";
import { deliveryOf, sendHttp, sendSignal } from "./http_send.ts";
import { alertmanagerForm, dataTrackerForm } from "./webhook_forms.ts";

/** The header with the signature: `t=` seconds since the epoch, `v1=` {@link signatureOf}. */
export const SIGNATURE_HEADER = "X-Data-Tracker-Signature";

/** The settings of a webhook. */
export type WebhookChannelConfig = Extract<ChannelConfig, WebhookConfig>;

/** HMAC-SHA256 over `timestamp.body`: the time is in it, so that nobody can send an old one again. */
export function signatureOf(secret: string, timestampS: number, body: string): string {
  return createHmac("sha256", secret).update(`${timestampS}.${body}`).digest("hex");
}

/** Sends digests to a URL. */
export class WebhookChannel implements Channel {
  readonly name: string;
  readonly #url: URL;

  constructor(private readonly config: WebhookChannelConfig, private readonly clock: Clock) {
    this.name = config.name;
    this.#url = new URL(config.url);
  }

  async send(digest: Digest, signal: AbortSignal): Promise<Delivery> {
    const { format, secret, headers } = this.config;
    const form = format === "alertmanager" ? alertmanagerForm : dataTrackerForm;
    const body = JSON.stringify(form(digest, this.name));
    const timestampS = Math.floor(this.clock.nowMs() / 1000);
    const outcome = await sendHttp(
      {
        url: this.#url,
        headers: {
          ...headers,
          "Content-Type": "application/json",
          // Receivers that know it may drop a repetition.
          "Idempotency-Key": headerText(digest.id),
          ...(secret !== null && {
            [SIGNATURE_HEADER]: `t=${timestampS},v1=${signatureOf(secret, timestampS, body)}`,
          }),
        },
        body,
        secrets: channelSecrets(this.config),
      },
      this.clock,
      sendSignal(signal),
    );
    return deliveryOf(outcome, this.#url.host);
  }
}

/** A header's value: what of a group's names it cannot hold is escaped. */
function headerText(text: string): string {
  return text.replaceAll(/[^!-~]/gu, (character) => encodeURIComponent(character));
}
