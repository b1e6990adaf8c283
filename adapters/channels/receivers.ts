/**
 * Who of several receivers has a digest already, so that a repeated attempt is for the others alone.
 *
 * It is remembered in memory, by the digest's id: after a restart those who had it may get it again.
 * As long as some lack it, no other digest may follow, or the others would be told the same under two
 * ids.
 *
 * @module
 */
import type { Delivery } from "../../ports/channel.ts";
import type { Clock } from "../../ports/clock.ts";

/** Digests remembered: those of some hours, and more than are under way at once. */
const DIGEST_COUNT_MAX = 1000;

/**
 * Where some have a digest, the others are tried for so long, in ms: servers that let unknown senders
 * wait do so for five minutes, and a mailbox that stays full must not keep everybody from what is new.
 */
const STRAGGLERS_MAX_MS = 10 * 60_000;

/** How an attempt with one receiver ended. */
export type Attempt =
  | { outcome: "sent" }
  | Extract<Delivery, { outcome: "failed" }>;

/** One channel's memory. */
export class Receivers {
  readonly #sent = new Map<string, { receivers: Set<string>; firstMs: number }>();

  constructor(private readonly clock: Pick<Clock, "nowMs">) {}

  /** Those of `all` who do not have the digest yet. */
  missing(digestId: string, all: readonly string[]): string[] {
    const sent = this.#sent.get(digestId)?.receivers;
    return sent === undefined ? [...all] : all.filter((receiver) => !sent.has(receiver));
  }

  /** Remembers that somebody has it. */
  add(digestId: string, receiver: string): void {
    const sent = this.#sent.get(digestId) ??
      { receivers: new Set(), firstMs: this.clock.nowMs() };
    sent.receivers.add(receiver);
    this.#sent.delete(digestId);
    this.#sent.set(digestId, sent);
    if (this.#sent.size > DIGEST_COUNT_MAX) {
      this.#sent.delete(this.#sent.keys().next().value as string);
    }
  }

  /**
   * What the attempts come to, together with those before: it failed as long as anybody is still to
   * get it, or nobody has it.
   */
  delivery(digestId: string, all: readonly string[], failures: Map<string, Attempt>): Delivery {
    const missing = this.missing(digestId, all);
    const had = all.filter((receiver) => !missing.includes(receiver));
    const failed = missing.flatMap((receiver) => {
      const attempt = failures.get(receiver);
      return attempt?.outcome === "failed" ? [{ receiver, ...attempt }] : [];
    });
    const firstMs = this.#sent.get(digestId)?.firstMs;
    const isLate = firstMs !== undefined && this.clock.nowMs() - firstMs >= STRAGGLERS_MAX_MS;
    const isToCome = isLate ? [] : failed.filter(({ retryable }) => retryable);
    const notTo = [...Map.groupBy(failed, ({ reason }) => reason)]
      .map(([reason, of]) => `${of.map(({ receiver }) => receiver).join(", ")} (${reason})`)
      .join(", ");
    if (had.length > 0 && isToCome.length === 0) {
      return { outcome: "sent", to: had.join(", ") + (notTo && `; not to ${notTo}`) };
    }
    const isUnknown = isToCome.some((one) => one.isUnknown || had.length > 0);
    const waitsMs = isToCome.flatMap(({ retryAfterMs }) => retryAfterMs ?? []);
    return {
      ...{ outcome: "failed", retryable: isToCome.length > 0 },
      ...(isUnknown && { isUnknown }),
      reason: `not to ${notTo}${had.length > 0 ? `; sent to ${had.join(", ")}` : ""}`,
      ...(waitsMs.length > 0 && { retryAfterMs: Math.max(...waitsMs) }),
    };
  }
}
