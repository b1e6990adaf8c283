/**
 * Text messages by Twilio's REST API, one request a receiver.
 *
 * Twilio knows no key by which it would drop a repetition, so who has a digest is remembered here, and
 * only the others are sent it again.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { ChannelConfig, TwilioConfig } from "../../config/channels.ts";
import { channelSecrets } from "../../config/channel_secrets.ts";
import { renderDigest } from "../../notifier/templates.ts";
import { type Channel, type Delivery, type Digest, SEND_TIMEOUT_MS } from "../../ports/channel.ts";
import type { Clock } from "../../ports/clock.ts";
import { type HttpOutcome, sendHttp, sendSignal } from "./http_send.ts";
import { type Attempt, Receivers } from "./receivers.ts";

/** Tries of one send; what then fails is the notifier's to repeat. */
const ROUND_COUNT_MAX = 3;
/** First wait before a further try, in ms; doubles. */
const BACK_OFF_MIN_MS = 1000;

/** The settings of this channel. */
export type TwilioChannelConfig = Extract<ChannelConfig, TwilioConfig>;

/** Sends digests as text messages. */
export class TwilioChannel implements Channel {
  readonly name: string;
  readonly #url: URL;
  readonly #receivers: Receivers;

  constructor(private readonly config: TwilioChannelConfig, private readonly clock: Clock) {
    this.name = config.name;
    this.#receivers = new Receivers(clock);
    this.#url = new URL(config.url);
    const path = this.#url.pathname.replace(/\/+$/, "");
    this.#url.pathname = `${path}/2010-04-01/Accounts/${config.accountSid}/Messages.json`;
  }

  async send(digest: Digest, signal: AbortSignal): Promise<Delivery> {
    const { to } = this.config;
    const limit = sendSignal(signal);
    const deadlineMs = this.clock.nowMs() + SEND_TIMEOUT_MS;
    const { sms } = renderDigest(digest);
    const attempts = new Map<string, Attempt>();
    let missing = this.#receivers.missing(digest.id, to);
    for (let round = 0; missing.length > 0; round++) {
      await this.#sendAll(digest.id, sms, missing, attempts, limit);
      const failed = missing.flatMap((receiver) => {
        const attempt = attempts.get(receiver);
        return attempt?.outcome === "failed" && attempt.retryable ? [{ receiver, ...attempt }] : [];
      });
      const waitMs = Math.max(
        BACK_OFF_MIN_MS * 2 ** round,
        ...failed.map(({ retryAfterMs }) => retryAfterMs ?? 0),
      );
      const isOver = round + 1 >= ROUND_COUNT_MAX || this.clock.nowMs() + waitMs >= deadlineMs;
      if (failed.length === 0 || isOver || limit.aborted) break;
      await this.clock.sleep(waitMs, limit);
      if (limit.aborted) break;
      missing = failed.map(({ receiver }) => receiver);
    }
    return this.#receivers.delivery(digest.id, to, attempts);
  }

  /** One after the other: Twilio sends them one by one all the same. */
  async #sendAll(
    digestId: string,
    text: string,
    receivers: readonly string[],
    attempts: Map<string, Attempt>,
    signal: AbortSignal,
  ): Promise<void> {
    for (const [i, receiver] of receivers.entries()) {
      const outcome = await this.#sendOne(receiver, text, signal);
      const attempt = attemptOf(outcome);
      attempts.set(receiver, attempt);
      if (attempt.outcome === "sent") this.#receivers.add(digestId, receiver);
      // Whoever is told to slow down, or stop, is told so for the others too.
      const isForAll = attempt.outcome === "failed" &&
        (attempt.retryAfterMs !== undefined || signal.aborted);
      if (!isForAll) continue;
      for (const other of receivers.slice(i + 1)) attempts.set(other, attempt);
      return;
    }
  }

  #sendOne(receiver: string, text: string, signal: AbortSignal): Promise<HttpOutcome> {
    const { accountSid, authToken, from } = this.config;
    const sender = /^MG[0-9a-f]{32}$/.test(from) ? { MessagingServiceSid: from } : { From: from };
    const login = Buffer.from(`${accountSid}:${authToken}`).toString("base64");
    return sendHttp(
      {
        url: this.#url,
        headers: {
          "Authorization": `Basic ${login}`,
          "Content-Type": "application/x-www-form-urlencoded",
        },
        body: `${new URLSearchParams({ To: receiver, ...sender, Body: text })}`,
        secrets: [...channelSecrets(this.config), login],
      },
      this.clock,
      signal,
    );
  }
}

function attemptOf(outcome: HttpOutcome): Attempt {
  if (outcome.ok) return { outcome: "sent" };
  const { ok: _, ...failure } = outcome;
  return { outcome: "failed", ...failure };
}
