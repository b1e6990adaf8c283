import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { decodePoll } from "../adapters/codecs/poll_codec.ts";
import { countingRandom, ManualClock } from "../adapters/memory/manual_clock.ts";
import { MemoryStateStore } from "../adapters/memory/state_store.ts";
import { MemoryBroker } from "../adapters/memory/topic_log.ts";
import { samplersOf, topicSpecs } from "../topology.ts";
import { createSampler } from "./sampler.ts";

const PARTITION_COUNT = 6;
const START_MS = Date.parse("2026-03-01T12:00:00Z");
const MINUTE_MS = 60_000;
const SOURCES = ["alpha", "beta", "gamma", "delta"];

/** Samplers on one log, and what they polled. */
function setUp() {
  const clock = new ManualClock(START_MS);
  const broker = new MemoryBroker(clock);
  for (const spec of topicSpecs("kafka", PARTITION_COUNT)) broker.create(spec);
  const polled: string[] = [];
  function start(name: string) {
    const log = broker.connect();
    const sources = SOURCES.map((source) => ({
      name: source,
      poll(tickMs: number) {
        polled.push(`${name} ${source} ${(tickMs - START_MS) / MINUTE_MS}`);
        return Promise.resolve({
          quotes: [{ exchange: source, instrument: "btcusd", price: 1 }],
          observedMs: clock.nowMs(),
          entryCount: 1,
          leftOutCount: 0,
          malformed: { count: 0, examples: [] },
          budget: null,
        });
      },
    }));
    const stop = new AbortController();
    const deps = { log, sources, clock, random: countingRandom(), registry: new Registry() };
    const sampler = createSampler(
      { ...deps, state: new MemoryStateStore(), join: log.join.bind(log) },
      { partitionCount: PARTITION_COUNT, schedule: { cron: "* * * * *" }, zeroPrices: "skip" },
    );
    const running = sampler.run(stop.signal);
    return {
      sampler,
      async stop() {
        stop.abort();
        await clock.advanceTo(clock.nowMs());
        await running;
      },
    };
  }
  return {
    clock,
    broker,
    start,
    /** What was polled since the last time, sorted. */
    taken: () => polled.splice(0).sort(),
    pass: (durationMs: number) => clock.advanceTo(clock.nowMs() + durationMs),
  };
}

Deno.test("several samplers share the sources: each is polled once a tick", async () => {
  const { start, taken, pass, clock } = setUp();
  const [one, two] = [start("one"), start("two")];
  await pass(0);
  await Promise.all([one, two].map(({ sampler }) => sampler.tick(START_MS)));
  const polls = taken();
  deepStrictEqual(polls.map((poll) => poll.split(" ")[1]).sort(), [...SOURCES].sort());
  strictEqual(new Set(polls.map((poll) => poll.split(" ")[0])).size, 2, "both do some of the work");

  await pass(MINUTE_MS);
  await Promise.all([one, two].map(({ sampler }) => sampler.tick(clock.nowMs())));
  strictEqual(taken().length, SOURCES.length);
  for (const each of [one, two]) await each.stop();
});

Deno.test("a sampler that takes sources over polls for the tick that has just fired, and for none long past", async () => {
  const { start, taken, pass, broker } = setUp();
  const [one, two] = [start("one"), start("two")];
  await pass(0);
  const sourcesOf = (name: string) => {
    const own = taken().filter((poll) => poll.startsWith(name));
    return own.map((poll) => poll.split(" ")[1]!);
  };
  // The first fires everywhere, and then dies before the next tick.
  await Promise.all([one, two].map(({ sampler }) => sampler.tick(START_MS)));
  const [left] = [sourcesOf("one")];
  ok(left.length > 0 && left.length < SOURCES.length);
  await pass(MINUTE_MS);
  await two.sampler.tick(START_MS + MINUTE_MS);
  taken();
  await pass(10_000);
  await one.stop();
  await pass(0);
  deepStrictEqual(taken(), left.map((source) => `two ${source} 1`).sort());

  const three = start("three");
  await pass(0);
  await pass(20_000);
  await three.stop();
  await pass(0);
  deepStrictEqual(taken(), [], "a tick 30 s old is over");
  await two.stop();

  const polls = broker.partitionsOf("polls")!.flatMap(({ records }) => records)
    .map(({ value }) => decodePoll(value));
  strictEqual(polls.filter(({ tickMs }) => tickMs === START_MS + MINUTE_MS).length, 4);
});

Deno.test("samplers with other sources are another group, in whatever order they are named", () => {
  strictEqual(samplersOf(["b", "a"]).id, samplersOf(["a", "b"]).id);
  ok(samplersOf(["a"]).id !== samplersOf(["a", "b"]).id);
});

Deno.test("ticks while the group is lost are counted", async () => {
  const clock = new ManualClock(START_MS);
  const registry = new Registry();
  const stop = new AbortController();
  let own!: (partition: number, revoked: AbortSignal) => Promise<void>;
  const polledMs: number[] = [];
  const source = {
    name: "alpha",
    poll(tickMs: number) {
      polledMs.push(tickMs);
      return Promise.resolve({
        quotes: [],
        observedMs: clock.nowMs(),
        entryCount: 0,
        leftOutCount: 0,
        malformed: { count: 0, examples: [] },
        budget: null,
      });
    },
  };
  const sampler = createSampler({
    log: { append: () => Promise.resolve() },
    sources: [source],
    state: new MemoryStateStore(),
    join: (_group, given, signal) => {
      own = given;
      return new Promise((resolve) => signal.addEventListener("abort", () => resolve()));
    },
    clock,
    random: countingRandom(),
    registry,
  }, { partitionCount: PARTITION_COUNT, schedule: { cron: "* * * * *" }, zeroPrices: "skip" });
  const missed = async () =>
    /^data_tracker_sampler_missed_ticks_total (\d+)/m.exec(await registry.metrics())?.[1];
  const running = sampler.run(stop.signal);
  await clock.advanceTo(START_MS);

  await sampler.tick(START_MS);
  strictEqual(await missed(), "0", "it has never polled");
  const first = new AbortController();
  const owned = own(0, first.signal);
  await clock.advanceTo(START_MS + MINUTE_MS);
  await sampler.tick(START_MS + MINUTE_MS);
  first.abort();
  await owned;
  for (const minute of [2, 3, 4]) await sampler.tick(START_MS + minute * MINUTE_MS);
  strictEqual(await missed(), "3");
  await clock.advanceTo(START_MS + 4.5 * MINUTE_MS);
  const again = own(0, stop.signal);
  await sampler.tick(START_MS + 5 * MINUTE_MS);
  deepStrictEqual(polledMs, [0, 1, 5].map((minute) => START_MS + minute * MINUTE_MS));
  strictEqual(await missed(), "3");

  stop.abort();
  await again;
  await clock.advanceTo(clock.nowMs());
  await running;
});
