import assert from "node:assert/strict";
import { decodePoll } from "../adapters/codecs/poll_codec.ts";
import { decodeSample } from "../adapters/codecs/sample_codec.ts";
import { SimulatedSource } from "../adapters/sources/simulated.ts";
import type { NewRecord } from "../ports/topic_log.ts";
import type { Sample } from "../stats/sample.ts";
import { ManualClock } from "../adapters/memory/manual_clock.ts";
import { isReplayable, playHistory } from "./history.ts";

const TO_MS = Date.parse("2026-03-01T12:00:30Z");
const HOUR_MS = 3_600_000;
const source = new SimulatedSource(new ManualClock(TO_MS), { seed: 1, marketCount: 120 });
const config = {
  partitionCount: 6,
  schedule: { cron: "* * * * *" },
  zeroPrices: "skip",
  fromMs: TO_MS - 4 * HOUR_MS,
  toMs: TO_MS,
} as const;

Deno.test("the past is every tick in order, each sample observed at its tick, as the source gives it live", async () => {
  const batches: (readonly NewRecord[])[] = [];
  let appending = 0;
  const log = {
    async append(records: readonly NewRecord[]) {
      assert.equal(++appending, 1, "one append at a time");
      await new Promise((resolve) => setTimeout(resolve, 1));
      batches.push(records);
      appending--;
    },
  };
  assert.ok(isReplayable(source));
  const played = await playHistory(log, source, config);
  assert.deepEqual(played, { tickCount: 240, sampleCount: 240 * 120 });

  const records = batches.flat();
  assert.ok(batches.every((batch) => batch.length <= 10_200), "memory is bounded");
  const samples = records.filter((r) => r.topic === "samples")
    .map((r) => decodeSample(r.value) as Sample & { tickMs: number });
  assert.equal(samples.length, played.sampleCount);
  for (const [i, sample] of samples.entries()) {
    assert.equal(sample.timestampMs, sample.tickMs);
    assert.equal(sample.intervalMs, 60_000);
    assert.ok(i === 0 || sample.tickMs >= samples[i - 1]!.tickMs);
  }
  assert.equal(samples[0]?.tickMs, Date.parse("2026-03-01T08:01:00Z"));
  assert.equal(samples.at(-1)?.tickMs, Date.parse("2026-03-01T12:00:00Z"));
  const live = source.quotesAt(samples.at(-1)!.tickMs).at(-1);
  assert.equal(samples.at(-1)?.price, live?.price);

  const polls = records.filter((r) => r.topic === "polls").map((r) => decodePoll(r.value));
  assert.equal(polls.length, 240);
  assert.deepEqual([polls[0]?.outcome, polls[0]?.marketCount], ["ok", 120]);
});

Deno.test("the past stops at a signal, and an append that fails is an error", async () => {
  const stop = new AbortController();
  const log = { append: () => (stop.abort(), Promise.resolve()) };
  const { tickCount } = await playHistory(log, source, config, stop.signal);
  assert.ok(tickCount < 240);
  const full = { append: () => Promise.reject(new Error("disk full")) };
  await assert.rejects(playHistory(full, source, config), { message: "disk full" });
});
