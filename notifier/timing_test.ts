import { deepStrictEqual, strictEqual } from "node:assert";
import { crossing } from "../tests/notification_sample.ts";
import { beginAttempt, endFlight, failFlight, newGroup, takeFiring } from "./group.ts";
import { dueMs, forgetMs, retryWaitMs } from "./timing.ts";

const POLICY = { waitMs: 30, intervalMs: 300, repeatMs: 1000, sendResolved: true };

function fired(atMs: number) {
  const state = newGroup("ops", {});
  takeFiring(state, crossing("x:1", atMs), { atMs, isLong: false, staleBeforeMs: 0 });
  return state;
}

Deno.test("a group is due by its first news, its last digest, and what goes on firing", () => {
  const state = newGroup("ops", {});
  strictEqual(dueMs(state, POLICY), null);
  const news = fired(1000);
  strictEqual(dueMs(news, POLICY), 1030);
  strictEqual(dueMs({ ...news, lastSentMs: 900 }, POLICY), 1200);
  strictEqual(dueMs({ ...news, lastSentMs: 701 }, POLICY), 1030);
  beginAttempt(news, { id: "d", nowMs: 1030 });
  endFlight(news, POLICY, 1031);
  strictEqual(dueMs(news, POLICY), 2031);
  strictEqual(dueMs(news, { ...POLICY, repeatMs: null }), null);
});

Deno.test("a digest that failed is due when it may be tried again", () => {
  const state = fired(1000);
  beginAttempt(state, { id: "d", nowMs: 1030 });
  strictEqual(dueMs(state, POLICY), 0);
  failFlight(state, 5000, false);
  strictEqual(dueMs(state, POLICY), 5000);
});

Deno.test("a group is forgotten when nothing is in it and its interval is over", () => {
  const empty = newGroup("ops", {});
  strictEqual(forgetMs(empty, POLICY), 0);
  strictEqual(forgetMs({ ...empty, lastSentMs: 50 }, POLICY), 350);
  strictEqual(forgetMs(fired(1), POLICY), null);
});

Deno.test("waits grow, stay below a minute, are spread by chance, and keep to what the receiver says", () => {
  const [least, most] = [{ fraction: () => 0 }, { fraction: () => 0.999 }];
  const counts = [1, 2, 3, 6, 7, 8, 5000];
  deepStrictEqual(counts.map((count) => retryWaitMs(count, least)), [
    ...[500, 1000, 2000, 16_000, 30_000, 30_000, 30_000],
  ]);
  strictEqual(retryWaitMs(9, most), 59_970);
  strictEqual(retryWaitMs(1, least, 5000), 5000);
  strictEqual(retryWaitMs(1, least, 9e9), 3_600_000);
});
