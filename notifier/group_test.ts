import { deepStrictEqual, ok, strictEqual } from "node:assert";
import fc from "fast-check";
import { crossing, over } from "../tests/notification_sample.ts";
import type { Digest } from "../ports/channel.ts";
import type { Notification } from "../stats/notification.ts";
import {
  beginAttempt,
  endFlight,
  failFlight,
  firingCountOf,
  type GroupState,
  HASH_COUNT_MAX,
  isPending,
  newGroup,
  takeFiring,
  takeOver,
  takeResolved,
} from "./group.ts";
import { decodeGroup, encodeGroup } from "./state_codec.ts";

const START_MS = Date.UTC(2026, 0, 5, 10);
const TAKING = { atMs: START_MS, isLong: false, staleBeforeMs: 0 };
const POLICY = { sendResolved: true };

function subjects(notifications: readonly Notification[]): string[] {
  return notifications.map(({ subject }) => subject).sort();
}

/** One group, and people who were told of it. */
class History {
  state: GroupState = newGroup("ops", { rule: "leap" });
  readonly sent: Digest[] = [];
  readonly notifications: Notification[] = [];
  #digestCount = 0;

  constructor(readonly sendResolved: boolean) {}

  begins(): void {
    const { length } = this.notifications;
    const notification = crossing(`x:${length}`, START_MS + length);
    this.notifications.push(notification);
    takeFiring(this.state, notification, TAKING);
  }

  ends(which: number): void {
    if (this.notifications.length === 0) return;
    const i = which % this.notifications.length;
    // Twice, as after a redelivery.
    const ended = over(this.notifications[i]!, START_MS + 1000 + i);
    this.notifications[i] = ended;
    for (let time = 0; time < 2; time++) takeResolved(this.state, ended, this, TAKING);
  }

  /** `lost`: it was sent, and nobody knows. */
  tells(outcome: "sent" | "failed" | "unknown" | "lost", meanwhile?: () => void): void {
    const id = `d${this.#digestCount++}`;
    const attempt = beginAttempt(this.state, { id, nowMs: START_MS });
    if (attempt === null) return;
    // What people see is what it said, were it sent.
    const isNew = this.sent.every((digest) => digest.id !== attempt.digest.id);
    if ((outcome === "sent" || outcome === "lost") && isNew) this.sent.push(attempt.digest);
    meanwhile?.();
    if (outcome === "sent") endFlight(this.state, this, START_MS);
    else failFlight(this.state, START_MS, outcome !== "failed");
    this.restarts();
  }

  restarts(): void {
    this.state = decodeGroup(encodeGroup(this.state))!;
  }

  check(): void {
    while (isPending(this.state) || this.state.flight !== null) this.tells("sent");
    // And one that repeats.
    this.tells("sent");
    const last = this.sent.at(-1);
    const firing = this.notifications.filter(({ state }) => state === "firing");
    strictEqual(firingCountOf(this.state), firing.length);
    if (firing.length > 0) deepStrictEqual(subjects(last!.firing), subjects(firing));
    const resolved = this.sent.flatMap((digest) => subjects(digest.resolved));
    strictEqual(new Set(resolved).size, resolved.length, "over, told twice");
    for (const { subject, state } of this.notifications) {
      const begun = this.sent.some((digest) => subjects(digest.firing).includes(subject));
      const isToldOver = resolved.includes(subject);
      ok(begun || isToldOver, `${subject} was never told`);
      if (state === "firing") ok(!isToldOver, `${subject} goes on`);
      else strictEqual(isToldOver, this.sendResolved || !begun, `${subject} is over`);
    }
  }
}

const step = fc.oneof(
  fc.constant({ kind: "begins" as const }),
  fc.record({ kind: fc.constant("ends" as const), which: fc.nat(30) }),
  fc.record({
    kind: fc.constant("tells" as const),
    outcome: fc.constantFrom("sent", "failed", "unknown", "lost"),
    endsMeanwhile: fc.option(fc.nat(30)),
    beginsMeanwhile: fc.boolean(),
  }),
);

Deno.test("whatever begins, ends, fails and is told in whatever order, each crossing is told, and told once to be over", () => {
  fc.assert(
    fc.property(fc.boolean(), fc.array(step, { maxLength: 30 }), (sendResolved, steps) => {
      const history = new History(sendResolved);
      for (const one of steps) {
        if (one.kind === "begins") history.begins();
        else if (one.kind === "ends") history.ends(one.which);
        else {
          history.tells(one.outcome, () => {
            if (one.endsMeanwhile !== null) history.ends(one.endsMeanwhile);
            if (one.beginsMeanwhile) history.begins();
          });
        }
      }
      history.check();
    }),
    { numRuns: 1000 },
  );
});

Deno.test("a crossing that is known is not news again", () => {
  const state = newGroup("ops", {});
  const notification = crossing("x:1", START_MS);
  strictEqual(takeFiring(state, notification, TAKING), "news");
  strictEqual(takeFiring(state, notification, TAKING), "known");
  strictEqual(
    takeResolved(state, over(crossing("x:2", START_MS), START_MS), POLICY, TAKING),
    "known",
  );
  strictEqual(firingCountOf(state), 1);
});

Deno.test("what was over long ago and never told is not told any more, what was told is", () => {
  const state = newGroup("ops", {});
  const taking = { ...TAKING, staleBeforeMs: START_MS + 10 };
  const [told, untold] = [crossing("x:1", START_MS), crossing("x:2", START_MS)];
  takeFiring(state, told, taking);
  beginAttempt(state, { id: "d", nowMs: START_MS });
  endFlight(state, POLICY, START_MS);
  takeFiring(state, untold, taking);
  strictEqual(takeResolved(state, over(untold, START_MS + 9), POLICY, taking), "stale");
  strictEqual(state.news.firstMs, null);
  strictEqual(takeResolved(state, over(told, START_MS + 9), POLICY, taking), "news");
});

Deno.test("a machine whose clock was ahead does not keep the next one from telling", () => {
  const state = newGroup("ops", {});
  takeFiring(state, crossing("x:1", START_MS), { ...TAKING, atMs: START_MS + 9_000 });
  state.lastSentMs = START_MS + 8_000;
  takeOver(state, START_MS + 5, 1000);
  deepStrictEqual([state.lastSentMs, state.news.firstMs], [START_MS + 5, START_MS + 5]);
  beginAttempt(state, { id: "d", nowMs: START_MS });
  failFlight(state, START_MS + 9_000, false);
  takeOver(state, START_MS + 5, 1000);
  strictEqual(state.flight!.retryAtMs, START_MS + 1005);
});

Deno.test("of more crossings than are known one by one the numbers are right, and the record stays below 1 MiB", () => {
  const state = newGroup("ops", { rule: "leap" });
  const count = HASH_COUNT_MAX + 5_000;
  // As long as one that is named may be.
  const detail = "x".repeat(1_100);
  const notificationOf = (i: number) => crossing(`x:${i}`, START_MS + i, { base: detail });
  const takeAll = (to: number) => {
    for (let i = 0; i < to; i++) takeFiring(state, notificationOf(i), TAKING);
  };
  takeAll(count);
  const { digest } = beginAttempt(state, { id: "d", nowMs: START_MS })!;
  deepStrictEqual([digest.firingCount, digest.firing.length], [count, 100]);
  // All lists full: over since, over before, and firing.
  for (let i = 0; i < 200; i++) {
    takeResolved(state, over(notificationOf(i), START_MS), POLICY, TAKING);
  }
  for (let i = count; i < count + 400; i++) takeFiring(state, notificationOf(i), TAKING);
  for (let i = count; i < count + 200; i++) {
    takeResolved(state, over(notificationOf(i), START_MS), POLICY, TAKING);
  }
  for (let i = count + 400; i < count + 600; i++) takeFiring(state, notificationOf(i), TAKING);
  const { length } = encodeGroup(state);
  ok(length > 700_000 && length < 1_000_000, `${length} bytes`);
  strictEqual(firingCountOf(state), count + 200);
  endFlight(state, POLICY, START_MS);
  for (let i = 0; i < count + 600; i++) {
    takeResolved(state, over(notificationOf(i), START_MS), POLICY, TAKING);
  }
  strictEqual(firingCountOf(state), 0);
});
