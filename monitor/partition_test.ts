import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { encodePoll } from "../adapters/codecs/poll_codec.ts";
import { encodeSample } from "../adapters/codecs/sample_codec.ts";
import { encodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import type { LogRecord } from "../ports/topic_log.ts";
import { countSample, openWindow } from "../stats/window.ts";
import { MonitorPartition } from "./partition.ts";
import type { Rule } from "./rules.ts";
import { watchedBytesMax } from "./watched.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const T0 = Date.UTC(2026, 0, 5, 10);
const PRICE = { filters: {}, sampleCountMin: 2, leavesOutAlarmed: false };
const LEAP: Rule = { name: "leap", kind: "ratioAbove", threshold: 3, ...PRICE };
const DOWN: Rule = {
  ...{ name: "down", kind: "sourceSilent", threshold: 10 * MINUTE_MS, filters: {} },
  sources: null,
};
const GONE: Rule = {
  ...{ name: "gone", kind: "marketSilent", threshold: 10 * MINUTE_MS, filters: {} },
  sources: null,
};

let offset = 0;

function record(value: Uint8Array, appendMs: number, key: string | null = null): LogRecord {
  return { offset: offset++, appendMs, key, value, headers: {} };
}

function poll(appendMs: number, extra: { outcome?: "ok" | "failed"; marketCount?: number } = {}) {
  return record(
    encodePoll({
      ...{ source: "kraken", tickMs: appendMs, outcome: "ok", reason: null, marketCount: 5 },
      ...{ entryCount: 5, zeroPriceCount: 0, leftOutCount: 0, malformedCount: 0, latencyMs: 1 },
      ...{ budget: null, ...extra },
    }),
    appendMs,
  );
}

function sample(appendMs: number, price: number, timestampMs = appendMs) {
  const value = encodeSample({ exchange: "kraken", instrument: "btcusd", price, timestampMs });
  return record(value, appendMs);
}

function statistics(appendMs: number, startMs: number, prices: readonly number[]) {
  const first = { exchange: "kraken", instrument: "btcusd", price: 1, timestampMs: startMs };
  const window = openWindow(first, HOUR_MS);
  prices.forEach((price, i) =>
    countSample(window, { ...first, price, timestampMs: startMs + i }, i)
  );
  const key = `kraken:btcusd@${startMs}`;
  return record(encodeStatistics(window, appendMs), appendMs, key);
}

const partitionOf = (...rules: Rule[]) =>
  new MonitorPartition({ rules, windowSizeMs: HOUR_MS, maxSkewMs: MINUTE_MS });

const found = ({ found }: MonitorPartition) =>
  found.map(({ rule, subject, state, startedMs, endedMs }) =>
    `${rule} ${subject} ${state} ${((endedMs ?? startedMs) - T0) / MINUTE_MS}`
  );

Deno.test("a source gone silent is told, and when its polls bring something again", () => {
  const partition = partitionOf(DOWN);
  partition.foldPoll(poll(T0));
  partition.foldPoll(poll(T0 + 5 * MINUTE_MS, { outcome: "failed" }));
  partition.foldPoll(poll(T0 + 8 * MINUTE_MS, { marketCount: 0 }));
  partition.advance(T0 + 10 * MINUTE_MS);
  deepStrictEqual(found(partition), []);
  partition.advance(T0 + 11 * MINUTE_MS);
  partition.foldPoll(poll(T0 + 20 * MINUTE_MS));
  deepStrictEqual(found(partition), ["down kraken firing 10", "down kraken resolved 20"]);
});

Deno.test("what falls silent every hour for a month takes no more room than after a day", () => {
  const partition = partitionOf(DOWN, GONE);
  for (let hour = 0; hour < 30 * 24; hour++) {
    partition.foldPoll(poll(T0 + hour * HOUR_MS));
    // Its own clock stands still.
    partition.foldSample(sample(T0 + hour * HOUR_MS + 1, 100, T0));
  }
  strictEqual(partition.counters.firing, 2 * (30 * 24 - 1));
  for (const watched of partition.watched()) {
    ok(watched.alarms.length <= 4, `${watched.subject} keeps ${watched.alarms.length} alarms`);
    ok(JSON.stringify(watched).length <= watchedBytesMax(2));
  }
  ok(partition.neededWindows().notifications.size <= 4);
});

Deno.test("a silence that lasts over a take-over is over only when a poll comes after it", () => {
  const before = partitionOf(DOWN);
  const last = poll(T0);
  before.foldPoll(last);
  before.advance(T0 + 30 * MINUTE_MS);
  const [firing] = before.found;
  const after = partitionOf(DOWN);
  after.restoreAlarm(firing!, last);
  after.restorePoll(last);
  deepStrictEqual(found(after), []);
  after.advance(T0 + 40 * MINUTE_MS);
  after.foldPoll(poll(T0 + 50 * MINUTE_MS));
  deepStrictEqual(found(after), ["down kraken resolved 50"]);
});

Deno.test("a silence that this process's clock began too early does not end before it began", () => {
  const partition = partitionOf(GONE);
  partition.foldSample(sample(T0, 100));
  partition.advance(T0 + 12 * MINUTE_MS);
  partition.foldSample(sample(T0 + 9 * MINUTE_MS, 100));
  deepStrictEqual(found(partition), [
    "gone kraken:btcusd firing 10",
    "gone kraken:btcusd resolved 10",
  ]);
});

Deno.test("an hour that alarmed stays out of the baseline when it is published again late", () => {
  const partition = partitionOf({ ...LEAP, leavesOutAlarmed: true });
  const at = (hour: number) => T0 + hour * HOUR_MS;
  partition.foldStatistics(statistics(at(1) - 1, at(0), [100, 100]));
  for (const hour of [1, 2, 3]) {
    partition.foldSample(sample(at(hour) + 1, 1000));
    partition.foldStatistics(statistics(at(hour) + 2, at(hour), [1000, 1000]));
  }
  // The first of the hours that alarmed was amended.
  partition.foldStatistics(statistics(at(3) + 3, at(1), [1000, 1000, 1001]));
  partition.foldSample(sample(at(4) + 1, 1000));
  strictEqual(partition.counters.firing, 4);
  strictEqual(partition.found.at(-1)!.baseline!.startMs, at(0));
});
