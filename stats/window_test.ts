import { deepStrictEqual, ok, strictEqual } from "node:assert";
import fc from "fast-check";
import { exactChange, exactStatistics, relativeError } from "../tests/oracle/exact.ts";
import type { Sample } from "./sample.ts";
import {
  countSample,
  isDuplicate,
  openWindow,
  revisionOf,
  statisticsOf,
  ticksExpected,
  windowStartMs,
  type WindowState,
} from "./window.ts";

const HOUR_MS = 3_600_000;
const MINUTE_MS = 60_000;
const START_MS = Date.UTC(2018, 3, 5, 10);

function sample(afterMs: number, price: number, rest: Partial<Sample> = {}): Sample {
  return {
    exchange: "kraken",
    instrument: "btcusd",
    price,
    timestampMs: START_MS + afterMs,
    ...rest,
  };
}

function tick(minute: number, price: number, rest: Partial<Sample> = {}): Sample {
  const tickMs = START_MS + minute * MINUTE_MS;
  return sample(minute * MINUTE_MS + 345, price, { tickMs, intervalMs: MINUTE_MS, ...rest });
}

function windowOf(samples: readonly Sample[], firstOffset = 0): WindowState {
  const window = openWindow(samples[0]!, HOUR_MS);
  for (const [i, sample] of samples.entries()) countSample(window, sample, firstOffset + i);
  return window;
}

function statistics(window: WindowState) {
  return statisticsOf({
    ...window,
    tickCount: window.ticks?.size ?? 0,
    tickCountExpected: ticksExpected(window),
  });
}

Deno.test("a window holds its start and not its end", () => {
  deepStrictEqual(
    [0, 1, HOUR_MS - 1, HOUR_MS].map((ms) => windowStartMs(START_MS + ms, HOUR_MS) - START_MS),
    [0, 0, 0, HOUR_MS],
  );
  const { startMs, endMs } = openWindow(sample(HOUR_MS - 1, 1), HOUR_MS);
  deepStrictEqual([startMs, endMs], [START_MS, START_MS + HOUR_MS]);
});

Deno.test("every time is in exactly one window of any size", () => {
  const sizes = fc.integer({ min: 1, max: 86_400 }).map((seconds) => seconds * 1000);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 253_402_300_799_999 }), sizes, (timeMs, sizeMs) => {
      const startMs = windowStartMs(timeMs, sizeMs);
      ok(startMs <= timeMs && timeMs < startMs + sizeMs);
      strictEqual(startMs % sizeMs, 0);
    }),
  );
});

Deno.test("a sample's window is that of its tick, not of when it was observed", () => {
  const late = tick(59, 1, { timestampMs: START_MS + HOUR_MS + 250 });
  strictEqual(openWindow(late, HOUR_MS).startMs, START_MS);
  strictEqual(windowOf([late]).closeMs, START_MS + 59 * MINUTE_MS);
});

Deno.test("a tick that was counted is a duplicate, whatever its price; a sample without one never is", () => {
  const window = windowOf([tick(0, 1), tick(1, 2)]);
  deepStrictEqual(
    [tick(0, 1), tick(1, 99), tick(2, 1), sample(60_345, 2)].map((s) => isDuplicate(window, s)),
    [true, true, false, false],
  );
  strictEqual(isDuplicate(windowOf([sample(0, 1)]), tick(0, 1)), false);
});

Deno.test("the earliest sample opens and the latest closes; of one time, by offset", () => {
  const samples = [sample(500, 5), sample(100, 1), sample(900, 9), sample(100, 2), sample(900, 8)];
  const window = windowOf(samples, 70);
  deepStrictEqual(
    [window.openPrice, window.openMs, window.openOffset],
    [1, START_MS + 100, 71],
  );
  deepStrictEqual(
    [window.closePrice, window.closeMs, window.closeOffset],
    [8, START_MS + 900, 74],
  );
});

Deno.test("open and close depend on times and offsets only, not on the order of counting", () => {
  const offsets = fc.uniqueArray(fc.nat(1000), { minLength: 1, maxLength: 30 });
  fc.assert(fc.property(offsets, fc.infiniteStream(fc.nat(3)), (offsets, times) => {
    const samples = offsets.map((offset) => {
      return { offset, sample: sample(times.next().value, offset + 1) };
    });
    const [window, sorted] = [openWindow(sample(0, 1), HOUR_MS), openWindow(sample(0, 1), HOUR_MS)];
    for (const { sample, offset } of samples) countSample(window, sample, offset);
    samples.sort((a, b) => a.sample.timestampMs - b.sample.timestampMs || a.offset - b.offset);
    for (const { sample, offset } of samples) countSample(sorted, sample, offset);
    deepStrictEqual([window.openPrice, window.closePrice], [sorted.openPrice, sorted.closePrice]);
    deepStrictEqual(
      [window.openOffset, window.closeOffset],
      [samples[0]!.offset, samples.at(-1)!.offset],
    );
  }));
});

Deno.test("a revision grows with every sample and with the closing, and comes from the offset", () => {
  const window = windowOf([tick(0, 1)], 41);
  strictEqual(revisionOf(window), 84);
  window.closed = true;
  strictEqual(revisionOf(window), 85);
  countSample(window, tick(1, 1), 42);
  strictEqual(revisionOf(window), 87);
});

Deno.test("a market's base and quote are those last named", () => {
  const window = windowOf([sample(0, 1), sample(1, 1, { base: "btc" }), sample(2, 1)]);
  deepStrictEqual([window.base, window.quote], ["btc", null]);
});

Deno.test("a price of −0 is counted as 0", () => {
  const { min, max, openPrice, meanHi } = windowOf([sample(0, -0)]);
  for (const value of [min, max, openPrice, meanHi]) ok(Object.is(value, 0));
});

Deno.test("every statistic of a window is within 1e-14 of exact arithmetic", () => {
  const price = fc.oneof(
    fc.double({ min: 1e-12, max: 1e100, noNaN: true }),
    fc.integer({ min: 1_000_000, max: 1_000_050 }).map((n) => n / 100),
  );
  fc.assert(fc.property(fc.array(price, { minLength: 1, maxLength: 60 }), (prices) => {
    const exact = exactStatistics(prices);
    const read = statistics(windowOf(prices.map((price, i) => tick(i, price))));
    const expected = {
      ...exact,
      open: prices[0]!,
      close: prices.at(-1)!,
      changePct: exactChange(prices[0]!, prices.at(-1)!),
      coverage: prices.length / 60,
    };
    deepStrictEqual(Object.keys(read).sort(), Object.keys(expected).sort());
    for (const [name, value] of Object.entries(expected)) {
      const error = relativeError(read[name as keyof typeof read], value);
      ok(error <= 1e-14, `${name} is off by ${error}`);
    }
  }));
});

Deno.test("what cannot be divided by is null", () => {
  const { cv, changePct, rangePct, stddev } = statistics(windowOf([sample(0, 0), sample(1, 0)]));
  deepStrictEqual([cv, changePct, rangePct, stddev], [null, null, null, 0]);
  strictEqual(statistics(windowOf([sample(0, 5)])).cv, null);
});

Deno.test("coverage is of the ticks that the schedule has in the window", () => {
  const hourWith = (intervalMs: number | null) => ({
    startMs: START_MS,
    endMs: START_MS + HOUR_MS,
    intervalMs,
  });
  deepStrictEqual(
    [null, 10_000, MINUTE_MS, 7 * MINUTE_MS, 25 * MINUTE_MS, HOUR_MS, 90 * MINUTE_MS]
      .map((intervalMs) => ticksExpected(hourWith(intervalMs))),
    [null, 360, 60, 9, 3, 1, 1],
  );
  strictEqual(statistics(windowOf([sample(0, 1)])).coverage, null);
  strictEqual(statistics(windowOf([tick(0, 1), tick(2, 1), sample(5, 1)])).coverage, 2 / 60);
});

Deno.test("a cron schedule of every seven minutes covers its hour, although the last tick is four before the next", () => {
  const minutes = [0, 7, 14, 21, 28, 35, 42, 49, 56];
  const samples = minutes.map((minute, i) =>
    tick(minute, 1, { intervalMs: ((minutes[i + 1] ?? 60) - minute) * MINUTE_MS })
  );
  strictEqual(statistics(windowOf(samples)).coverage, 1);
  strictEqual(statistics(windowOf(samples.slice(1))).coverage, 8 / 9);
});

Deno.test("two schedules in one window never cover more than all of it", () => {
  const tens = Array.from(
    { length: 180 },
    (_, i) => tick(i / 6, 1, { intervalMs: 10_000, timestampMs: START_MS }),
  );
  const minutes = Array.from({ length: 30 }, (_, i) => tick(30 + i, 1));
  strictEqual(statistics(windowOf([...tens, ...minutes])).coverage, 1);
});
