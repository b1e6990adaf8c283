import { deepStrictEqual, ok, strictEqual } from "node:assert";
import fc from "fast-check";
import { RATE_WINDOW_MS, TokenBuckets } from "./token_bucket.ts";

/** A timeline of one client's requests at 60 a minute: a token a second. */
function timeline(rate = 60) {
  const buckets = new TokenBuckets({ rate, clientCountMax: 10 });
  return {
    at(second: number, count = 1) {
      const taken = Array.from({ length: count }, () => buckets.take("a", second * 1000));
      return { allowed: taken.filter((t) => t.isAllowed).length, last: taken.at(-1)! };
    },
  };
}

Deno.test("a full bucket serves a minute's requests at once, then one a second, and fills in a minute", () => {
  const { at } = timeline();
  strictEqual(at(0, 100).allowed, 60);
  deepStrictEqual(at(0).last, {
    isAllowed: false,
    remainingCount: 0,
    fullInMs: 60_000,
    retryInMs: 1000,
  });
  strictEqual(at(0.5).last.retryInMs, 500);
  strictEqual(at(1, 5).allowed, 1);
  strictEqual(at(11, 100).allowed, 10);
  strictEqual(at(10_000, 100).allowed, 60);
});

Deno.test("what is left and when all is back are told with each request", () => {
  const { at } = timeline();
  deepStrictEqual(at(0).last, {
    isAllowed: true,
    remainingCount: 59,
    fullInMs: 1000,
    retryInMs: 0,
  });
  deepStrictEqual(at(0, 9).last.remainingCount, 50);
  deepStrictEqual(at(5).last.remainingCount, 54);
});

Deno.test("a clock that is set back keeps nobody out for longer than a minute", () => {
  const { at } = timeline();
  strictEqual(at(1e6, 60).allowed, 60);
  strictEqual(at(0).last.retryInMs, 1000);
  strictEqual(at(1).allowed + at(2).allowed, 2);
});

Deno.test("clients do not share, and those that asked longest ago are forgotten", () => {
  const buckets = new TokenBuckets({ rate: 1, clientCountMax: 3 });
  strictEqual(buckets.take("a", 0).isAllowed, true);
  strictEqual(buckets.take("a", 0).isAllowed, false);
  for (const client of ["b", "c"]) strictEqual(buckets.take(client, 0).isAllowed, true);
  strictEqual(buckets.take("a", 0).isAllowed, false);
  strictEqual(buckets.take("d", 0).isAllowed, true);
  strictEqual(buckets.clientCount, 3);
  strictEqual(buckets.take("b", 0).isAllowed, true, "it was forgotten");
  strictEqual(buckets.take("a", 0).isAllowed, false, "it asked after b and c");
});

Deno.test("in any stretch of time a client gets at most a bucket and what flowed in, and waits no longer than told", () => {
  const gaps = fc.array(fc.integer({ min: 0, max: 20_000 }), { maxLength: 200 });
  fc.assert(fc.property(fc.integer({ min: 1, max: 700 }), gaps, (rate, gapsMs) => {
    const buckets = new TokenBuckets({ rate, clientCountMax: 1 });
    let nowMs = 0;
    let allowedCount = 0;
    for (const gapMs of gapsMs) {
      nowMs += gapMs;
      const taken = buckets.take("a", nowMs);
      if (taken.isAllowed) allowedCount++;
      else {
        nowMs += Math.ceil(taken.retryInMs);
        ok(buckets.take("a", nowMs).isAllowed);
        allowedCount++;
      }
      ok(allowedCount <= rate + nowMs * rate / RATE_WINDOW_MS + 1e-3);
    }
  }));
});
