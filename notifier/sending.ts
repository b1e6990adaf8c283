/**
 * One channel's digests: sends each when it is due, one at a time, and tries again what failed.
 *
 * Safe to run twice: what is about to be sent is written down before, which fails where another owner
 * has taken over; and what became of it after. Between the two nobody knows: then the very same
 * digest is sent again, with the same id.
 *
 * @module
 */
import { digestOfRecord, type SentRecord } from "../adapters/codecs/delivery_codec.ts";
import type { Channel, Digest } from "../ports/channel.ts";
import type { Clock, Random } from "../ports/clock.ts";
import { type Attempt, attemptToSend } from "./attempt.ts";
import { Bell } from "./bell.ts";
import {
  beginAttempt,
  endFlight,
  failFlight,
  type GroupState,
  isPending,
  pendingSinceMs,
} from "./group.ts";
import type { ChannelGroups } from "./groups.ts";
import type { Journal } from "./journal.ts";
import { dueMs, forgetMs, retryWaitMs } from "./timing.ts";

/** What happened, for metrics and logs. */
export type SendingEvent =
  | { kind: "sent"; channel: string; digest: Digest; to: string; outageMs: number | null }
  | { kind: "failed"; channel: string; reason: string; waitMs: number; isUnknown: boolean }
  | { kind: "given up"; channel: string; digest: Digest; reason: string };

/** What digests are sent with. */
export interface SendingDeps {
  clock: Clock;
  random: Random;
  journal: Journal;
  observe(event: SendingEvent): void;
}

/** Writes down how a digest stands: the one under way, or the one in whose place it is. */
type Note = (
  outcome: SentRecord["outcome"],
  details: { to?: string | null; reason?: string | null },
  of?: Digest,
) => void;

/** One channel's loop. */
export class ChannelSender {
  readonly #changed = new Bell();
  /** Attempts that failed in a row, of any group, and since when. */
  #failureCount = 0;
  #failingSinceMs: number | null = null;
  #retryAtMs: number;
  #problem: string | null = null;

  constructor(
    private readonly channel: Channel,
    readonly groups: ChannelGroups,
    private readonly deps: SendingDeps,
  ) {
    // What a receiver asked of the last owner holds for this one.
    const retries = [...groups.all()].map(({ flight }) => flight?.retryAtMs ?? 0);
    this.#retryAtMs = retries.reduce((a, b) => Math.max(a, b), 0);
  }

  /** What is wrong with it, in words for an operator; `null`: nothing. */
  get problem(): string | null {
    return this.#problem;
  }

  /** How many groups have news that nobody was told, and since when the first. */
  pending(): { groupCount: number; sinceMs: number | null } {
    let groupCount = 0;
    let sinceMs: number | null = null;
    for (const group of this.groups.all()) {
      if (!isPending(group)) continue;
      groupCount++;
      const firstMs = pendingSinceMs(group);
      if (firstMs !== null) sinceMs = Math.min(sinceMs ?? firstMs, firstMs);
    }
    return { groupCount, sinceMs };
  }

  /** Groups have changed. */
  changed(): void {
    this.#changed.ring();
  }

  /** Sends what is due, until `signal` aborts; one that is under way then may end. `failed` aborts where it must not. */
  async run(signal: AbortSignal, failed: AbortSignal): Promise<void> {
    const { clock } = this.deps;
    while (!signal.aborted) {
      const next = this.#next();
      const inMs = next === null ? null : next.atMs - clock.nowMs();
      if (inMs === null || inMs > 0) await this.#changed.wait(clock, inMs, signal);
      else if (next!.isOver) this.#forgetOver();
      else await this.#tell(next!.group, signal, failed);
    }
  }

  /** What is to be done first, and when. Among what is due what has failed least often. */
  #next(): { group: GroupState; atMs: number; isOver: boolean } | null {
    const nowMs = this.deps.clock.nowMs();
    let best: { group: GroupState; atMs: number; isOver: boolean; rank: number } | null = null;
    for (const group of this.groups.all()) {
      const due = dueMs(group, this.groups.policy);
      const isOver = due === null;
      const at = due === null
        ? forgetMs(group, this.groups.policy)
        : Math.max(due, this.#retryAtMs);
      if (at === null) continue;
      const atMs = Math.max(at, nowMs);
      const rank = isOver ? -1 : group.flight?.attempt ?? 0;
      if (best === null || atMs < best.atMs || (atMs === best.atMs && rank < best.rank)) {
        best = { group, atMs, isOver, rank };
      }
    }
    return best;
  }

  /** Forgets all groups that nothing is in any more. */
  #forgetOver(): void {
    const nowMs = this.deps.clock.nowMs();
    for (const group of [...this.groups.all()]) {
      const atMs = forgetMs(group, this.groups.policy);
      if (atMs === null || atMs > nowMs) continue;
      this.groups.delete(group);
      this.deps.journal.forget(group);
    }
    this.deps.journal.commitSoon();
  }

  async #tell(group: GroupState, signal: AbortSignal, failed: AbortSignal): Promise<void> {
    const { clock, random, journal } = this.deps;
    const attempt = beginAttempt(group, { id: random.id(), nowMs: clock.nowMs() });
    journal.touch(group);
    if (attempt === null) return journal.commitSoon();
    const { digest, superseded } = attempt;
    const note = this.#noting(group, digest);
    if (superseded !== null) {
      note("superseded", {}, superseded);
    }
    note("sending", {});
    // Here whoever was taken over finds out, before anybody is told anything.
    await journal.commit();
    if (signal.aborted) return;
    const delivery = await attemptToSend(this.channel, digest, { clock, signal, failed });
    if (failed.aborted) return;
    this.#conclude(group, digest, delivery, note);
    await journal.commit();
  }

  /** Makes what writes down how the digest of a group stands. */
  #noting(group: GroupState, digest: Digest): Note {
    const { attempt } = group.flight!;
    return (outcome, { to = null, reason = null }, of = digest) =>
      this.deps.journal.note({
        ...digestOfRecord(of),
        ...{ channel: this.channel.name, outcome, to, reason },
        attempt: of === digest ? attempt : attempt - 1,
        atMs: this.deps.clock.nowMs(),
        supersededBy: of === digest ? null : digest.id,
      });
  }

  #conclude(
    group: GroupState,
    digest: Digest,
    delivery: Attempt,
    note: Note,
  ): void {
    const { clock, random, journal, observe } = this.deps;
    const channel = this.channel.name;
    const nowMs = clock.nowMs();
    if (delivery.outcome === "stopped") return;
    journal.touch(group);
    if (delivery.outcome === "sent") {
      const { to } = delivery;
      endFlight(group, this.groups.policy, nowMs);
      note("sent", { to });
      const outageMs = this.#failingSinceMs === null ? null : nowMs - this.#failingSinceMs;
      this.#works();
      return observe({ kind: "sent", channel, digest, to, outageMs });
    }
    const { reason } = delivery;
    if (delivery.outcome === "failed" && !delivery.retryable) {
      // Its news are told as far as this goes: what of them goes on firing is in the next digest.
      endFlight(group, this.groups.policy, nowMs);
      note("given up", { reason });
      this.#problem = `${channel}: a digest was refused: ${reason}`;
      return observe({ kind: "given up", channel, digest, reason });
    }
    const isUnknown = delivery.outcome === "unknown" || delivery.isUnknown === true;
    const retryAfterMs = delivery.outcome === "unknown" ? 0 : delivery.retryAfterMs;
    this.#failureCount++;
    this.#failingSinceMs ??= nowMs;
    const waitMs = retryWaitMs(group.flight!.attempt, random, retryAfterMs);
    // One group that a receiver does not like must not hold up the others for long.
    this.#retryAtMs = nowMs + retryWaitMs(this.#failureCount, random, retryAfterMs);
    failFlight(group, nowMs + waitMs, isUnknown);
    note("failed", { reason });
    this.#problem = `${channel}: nobody is told at present: ${reason}`;
    observe({ kind: "failed", channel, reason, waitMs, isUnknown });
  }

  #works(): void {
    this.#failureCount = 0;
    this.#failingSinceMs = null;
    this.#retryAtMs = 0;
    this.#problem = null;
  }
}
