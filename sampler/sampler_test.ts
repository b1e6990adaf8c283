import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { decodePoll } from "../adapters/codecs/poll_codec.ts";
import { decodeSample } from "../adapters/codecs/sample_codec.ts";
import { MemoryStateStore } from "../adapters/memory/state_store.ts";
import { type Budget, type MarketSource, type Poll, SourceError } from "../ports/market_source.ts";
import type { NewRecord } from "../ports/topic_log.ts";
import type { Sample } from "../stats/sample.ts";
import { countingRandom, ManualClock } from "../adapters/memory/manual_clock.ts";
import { createSampler, type SamplerConfig } from "./sampler.ts";

const START_MS = Date.parse("2026-03-01T12:00:00Z");
const MINUTE_MS = 60_000;
const CRON = { cron: "* * * * *" };

/** A sampler with its surroundings; the sources' `poll` is a function of the tick. */
function setUp(
  polls: Record<string, MarketSource["poll"]>,
  config: Partial<SamplerConfig> = {},
  shared = { clock: new ManualClock(START_MS), state: new MemoryStateStore() },
) {
  const records: NewRecord[] = [];
  const registry = new Registry();
  const log = {
    failures: 0,
    append(appended: readonly NewRecord[]) {
      if (appended[0]?.topic === "samples" && log.failures-- > 0) {
        return Promise.reject(new Error("broker away"));
      }
      records.push(...appended);
      return Promise.resolve();
    },
  };
  const sources = Object.entries(polls).map(([name, poll]) => ({ name, poll }));
  const sampler = createSampler(
    { log, sources, random: countingRandom(), registry, ...shared },
    { partitionCount: 6, schedule: CRON, zeroPrices: "skip", ...config },
  );
  return {
    ...shared,
    sampler,
    log,
    registry,
    samples: () =>
      records.filter((r) => r.topic === "samples").map((r) => decodeSample(r.value) as Sample),
    polls: () => records.filter((r) => r.topic === "polls").map((r) => decodePoll(r.value)),
  };
}

function poll(changes: Partial<Poll> = {}): Poll {
  return {
    quotes: [
      { exchange: "kraken", instrument: "btcusd", base: "btc", quote: "usd", price: 100 },
      { exchange: "kraken", instrument: "dead", price: 0 },
    ],
    observedMs: START_MS + 250,
    entryCount: 2,
    leftOutCount: 0,
    malformed: { count: 0, examples: [] },
    budget: null,
    ...changes,
  };
}

Deno.test("a tick publishes one sample per market and one record of each source's outcome", async () => {
  const { sampler, samples, polls, registry } = setUp({
    one: () => Promise.resolve(poll({ leftOutCount: 3, entryCount: 5 })),
    two: () => Promise.reject(new SourceError("two: answered 404: gone", "failed")),
  });
  await sampler.tick(START_MS);
  assert.deepEqual(samples(), [{
    exchange: "kraken",
    instrument: "btcusd",
    base: "btc",
    quote: "usd",
    price: 100,
    timestampMs: START_MS + 250,
    tickMs: START_MS,
    intervalMs: MINUTE_MS,
  }]);
  const [bad, good] = polls().sort((a, b) => a.outcome < b.outcome ? -1 : 1);
  assert.deepEqual(good, {
    source: "one",
    tickMs: START_MS,
    outcome: "ok",
    reason: null,
    marketCount: 1,
    entryCount: 5,
    zeroPriceCount: 1,
    leftOutCount: 3,
    malformedCount: 0,
    latencyMs: 250,
    budget: null,
  });
  assert.deepEqual([bad?.source, bad?.outcome, bad?.reason], [
    "two",
    "failed",
    "two: answered 404: gone",
  ]);
  assert.deepEqual(sampler.health().problems, ["two: two: answered 404: gone"]);
  const metrics = await registry.metrics();
  assert.match(metrics, /data_tracker_sampler_polls_total\{source="two",outcome="failed"\} 1/);
  assert.match(metrics, /data_tracker_sampler_entries_total\{source="one",became="zero_price"\} 1/);
});

Deno.test("a source still busy is skipped, and says so; the others go on", async () => {
  let answer = (_: Poll) => {};
  let asked = 0;
  const { sampler, clock, polls, samples } = setUp({
    slow: () => (asked++, new Promise((resolve) => answer = resolve)),
    quick: () => Promise.resolve(poll()),
  });
  const first = sampler.tick(START_MS);
  await clock.advanceTo(START_MS + MINUTE_MS);
  await sampler.tick(START_MS + MINUTE_MS);
  assert.equal(asked, 1);
  const skipped = polls().find(({ outcome }) => outcome === "skipped");
  assert.equal(skipped?.source, "slow");
  assert.equal(skipped?.tickMs, START_MS + MINUTE_MS);
  assert.equal(skipped?.reason, "the poll of 2026-03-01T12:00:00.000Z is still running");
  assert.equal(polls().filter(({ source }) => source === "quick").length, 2);
  answer(poll());
  await first;
  assert.equal(samples().length, 3);
  assert.equal(polls().filter(({ outcome }) => outcome === "ok").length, 3);
});

Deno.test("a tick that is fired again is polled once", async () => {
  const { sampler, samples, polls } = setUp({ one: () => Promise.resolve(poll()) });
  await Promise.all([sampler.tick(START_MS), sampler.tick(START_MS)]);
  await sampler.tick(START_MS);
  assert.deepEqual([samples().length, polls().length], [1, 1]);
});

Deno.test("publishing that fails is tried again within the interval, with the same tick", async () => {
  const { sampler, log, clock, samples, polls } = setUp({ one: () => Promise.resolve(poll()) });
  log.failures = 3;
  const tick = sampler.tick(START_MS);
  await clock.advanceTo(START_MS + 10_000);
  await tick;
  assert.deepEqual(samples().map(({ tickMs }) => tickMs), [START_MS]);
  assert.equal(polls()[0]?.outcome, "ok");
});

Deno.test("publishing that fails for the whole interval is given up, and said where that is possible", async () => {
  const { sampler, log, clock, samples, polls } = setUp({ one: () => Promise.resolve(poll()) });
  log.failures = Infinity;
  const tick = sampler.tick(START_MS);
  await clock.advanceTo(START_MS + 59_999);
  await tick;
  assert.equal(samples().length, 0);
  assert.deepEqual(
    polls().map(({ outcome, reason, entryCount }) => [outcome, reason, entryCount]),
    [
      ["failed", "not published: broker away", 2],
    ],
  );
});

Deno.test("one simulated day of 10 credits, 0.015 a poll, restarted at noon: even, never refused", async () => {
  const shared = { clock: new ManualClock(START_MS), state: new MemoryStateStore() };
  let remaining = 10;
  let refused = 0;
  const asked: number[] = [];
  const paid = (tickMs: number): Promise<Poll> => {
    asked.push(tickMs);
    if (remaining < 0.015) {
      refused++;
      return Promise.reject(new SourceError("out of allowance", "refused"));
    }
    remaining -= 0.015;
    const budget: Budget = { costPerPoll: 0.015, remaining, resetMs: null };
    return Promise.resolve(poll({ budget }));
  };
  const outcomes = [];
  let set = setUp({ paid }, {}, shared);
  for (let minute = 0; minute < 1440; minute++) {
    if (minute % 720 === 719) {
      outcomes.push(...set.polls());
      set = setUp({ paid }, {}, shared);
    }
    await set.sampler.tick(START_MS + minute * MINUTE_MS);
  }
  outcomes.push(...set.polls());
  assert.equal(refused, 0);
  assert.ok(asked.length >= 660, `${asked.length} polls`);
  const gaps = asked.slice(1).map((ms, i) => (ms - asked[i]!) / MINUTE_MS);
  assert.deepEqual(new Set(gaps), new Set([2, 3]));
  assert.equal(outcomes.length, 1440);
  const skipped = outcomes.find(({ outcome }) => outcome === "skipped");
  assert.equal(
    skipped?.reason,
    "9.985 credits at 0.015 a poll must last until 2026-03-02T12:00:00Z: next poll due 2026-03-01T12:02:11Z",
  );
  assert.equal(skipped?.budget?.remaining, 9.985);
});

Deno.test("a source that names a time is left alone until then", async () => {
  const retryAtMs = START_MS + 3 * MINUTE_MS;
  let asked = 0;
  const { sampler, polls } = setUp({
    one: () => (asked++, Promise.reject(new SourceError("slow down", "refused", { retryAtMs }))),
  });
  for (let minute = 0; minute < 4; minute++) await sampler.tick(START_MS + minute * MINUTE_MS);
  assert.equal(asked, 2);
  assert.deepEqual(polls().map(({ outcome }) => outcome), [
    "failed",
    "skipped",
    "skipped",
    "failed",
  ]);
});

Deno.test("a kept budget that is damaged is left; one of a newer program stops the role", async () => {
  const state = new MemoryStateStore();
  const shared = { clock: new ManualClock(START_MS), state };
  await state.write("sampler-one", '{"v":1,"dueMs":');
  const damaged = setUp({ one: () => Promise.resolve(poll()) }, {}, shared);
  await damaged.sampler.tick(START_MS);
  assert.equal(damaged.polls()[0]?.outcome, "ok");

  await state.write("sampler-one", '{"v":2}');
  const { sampler } = setUp({ one: () => Promise.resolve(poll()) }, {}, shared);
  await assert.rejects(sampler.run(new AbortController().signal), {
    message: "sampler-one: the kept budget cannot be used",
  });
});

Deno.test("by INTERVAL the role ticks itself, at its multiples, and leaves out what it missed", async () => {
  const schedule = { intervalMs: 10_000 };
  const asked: number[] = [];
  const clock = new ManualClock(START_MS + 4_321);
  const { sampler } = setUp(
    { one: (tickMs) => (asked.push(tickMs - START_MS), Promise.resolve(poll())) },
    { schedule },
    { clock, state: new MemoryStateStore() },
  );
  const stop = new AbortController();
  const running = sampler.run(stop.signal);
  await clock.advanceTo(START_MS + 9_999);
  assert.deepEqual(asked, []);
  assert.equal(sampler.health().ready, true);
  await clock.advanceTo(START_MS + 30_000);
  assert.deepEqual(asked, [10_000, 20_000, 30_000]);
  // A machine asleep: its clock is far ahead when the timer fires.
  clock.sleep = ((sleep) => (ms, signal) => sleep(ms + 60_000, signal))(clock.sleep.bind(clock));
  await clock.advanceTo(START_MS + 40_000);
  await clock.advanceTo(START_MS + 115_000);
  assert.deepEqual(asked.slice(3), [40_000, 110_000]);
  stop.abort();
  await running;
  assert.equal(sampler.health().ready, false);
});

Deno.test.each([0, 1500, 999])("an interval of %i ms is refused", (intervalMs) => {
  assert.throws(() => setUp({}, { schedule: { intervalMs } }), {
    message: `Interval of ${intervalMs} ms: must be whole seconds, 1 or more`,
  });
});

Deno.test("at the signal a running poll may finish, within limits; later ticks do nothing", async () => {
  let answer = (_: Poll) => {};
  const { sampler, clock, samples, polls } = setUp({
    one: () => new Promise((resolve) => answer = resolve),
    hung: (_, signal) => new Promise((_, reject) => signal.onabort = () => reject(signal.reason)),
    dead: () => new Promise(() => {}),
  });
  const stop = new AbortController();
  const running = sampler.run(stop.signal);
  void sampler.tick(START_MS);
  await clock.advanceTo(START_MS + 100);
  stop.abort();
  await clock.advanceTo(START_MS + 200);
  answer(poll());
  await clock.advanceTo(START_MS + 8_000);
  await running;
  assert.equal(samples().length, 1);
  assert.deepEqual(polls().map(({ source, outcome }) => [source, outcome]), [
    ["one", "ok"],
    ["hung", "skipped"],
  ]);
  await sampler.tick(START_MS + MINUTE_MS);
  assert.equal(polls().length, 2);
});
