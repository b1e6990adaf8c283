import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import type { Sample } from "../../stats/sample.ts";
import { countSample, isDuplicate, openWindow, type WindowState } from "../../stats/window.ts";
import { NewerSchemaError } from "./schema_version.ts";
import { decodeStatistics, encodeStatistics, STATISTICS_VERSION } from "./statistics_codec.ts";

const HOUR_MS = 3_600_000;
const START_MS = Date.UTC(2018, 3, 5, 10);

const bytes = (text: string) => new TextEncoder().encode(text);
const textOf = (value: Uint8Array) => new TextDecoder().decode(value);

const window = fc.record({
  exchange: fc.constantFrom("kraken", "börse", "__proto__"),
  instrument: fc.constantFrom("btcusd", "btc-usd", '"', "\\"),
  base: fc.option(fc.constant("btc")),
  origin: fc.constantFrom("live", "import"),
  closed: fc.boolean(),
  amended: fc.boolean(),
  prices: fc.array(
    fc.oneof(
      fc.double({ min: 0, max: 1e100, noNaN: true }),
      fc.integer({ min: 30_000_000, max: 30_000_100 }).map((n) => n / 1000),
    ),
    { minLength: 1, maxLength: 30 },
  ),
  seconds: fc.infiniteStream(fc.option(fc.nat(3599))),
}).map(({ prices, seconds, base, origin, closed, amended, exchange, instrument }): WindowState => {
  const samples = prices.map((price, i): Sample => {
    const second = seconds.next().value;
    return {
      exchange,
      instrument,
      ...(base === null ? {} : { base }),
      price,
      timestampMs: START_MS + i,
      ...(second === null ? {} : { tickMs: START_MS + second * 1000, intervalMs: 1000 }),
    };
  });
  const window = openWindow(samples[0]!, HOUR_MS, origin);
  for (const [i, sample] of samples.entries()) {
    if (!isDuplicate(window, sample)) countSample(window, sample, 9e15 + i);
  }
  return Object.assign(window, { closed, amended });
});

/** A window with its ticks as text: a set hides what it holds. */
function plain(window: WindowState) {
  return { ...window, ticks: window.ticks?.encode() ?? null };
}

Deno.test("a window reads back to the same bits", () => {
  fc.assert(fc.property(window, fc.nat(), (window, streamMs) => {
    const read = decodeStatistics(encodeStatistics(window, streamMs));
    deepStrictEqual(plain(read.window), plain(window));
    strictEqual(read.streamMs, streamMs);
    strictEqual(read.revision, 2 * (window.throughOffset + 1) + Number(window.closed));
  }));
});

Deno.test("a window restored goes on counting to the same bits as one that was kept", () => {
  fc.assert(fc.property(window, fc.array(fc.nat(10_000), { maxLength: 20 }), (kept, prices) => {
    const { window: restored } = decodeStatistics(encodeStatistics(kept, 0));
    for (const [i, cents] of prices.entries()) {
      const { exchange, instrument } = kept;
      const sample = { exchange, instrument, price: cents / 100, timestampMs: START_MS + i };
      countSample(kept, sample, 9e15 + 100 + i);
      countSample(restored, sample, 9e15 + 100 + i);
    }
    deepStrictEqual(plain(restored), plain(kept));
  }));
});

Deno.test("windows have their properties in one order, wherever they are made", () => {
  const kept = openWindow({ exchange: "a", instrument: "b", price: 1, timestampMs: 0 }, HOUR_MS);
  countSample(kept, { exchange: "a", instrument: "b", price: 1, timestampMs: 0 }, 0);
  const restored = decodeStatistics(encodeStatistics(kept, 0)).window;
  deepStrictEqual(Object.keys(restored), Object.keys(kept));
});

Deno.test("a record with anything in it replaced is a record of numbers, or refused", () => {
  const replacement = fc.oneof(
    fc.json({ maxDepth: 2 }),
    fc.constantFrom("-0", "1e400", "NaN", "null", "{}", "[]", '"1:ff"', '"0:ff"', "8e12", "-1"),
  );
  fc.assert(
    fc.property(window, fc.nat(), replacement, (window, at, replacement) => {
      const text = textOf(encodeStatistics(window, 0));
      const values = [...text.matchAll(/(?<=[:[,])("(\\.|[^"\\])*"|[^",[\]{}]+)(?=[\],}])/g)];
      const { index, 0: value } = values[at % values.length]!;
      const changed = text.slice(0, index) + replacement + text.slice(index + value.length);
      let read;
      try {
        read = decodeStatistics(bytes(changed));
      } catch (error) {
        ok(error instanceof TypeError || error instanceof NewerSchemaError);
        return;
      }
      for (const value of Object.values(read.window)) {
        ok(typeof value !== "number" || Number.isFinite(value));
      }
    }),
    { numRuns: 1000 },
  );
});

Deno.test("hostile JSON is refused, a newer schema by its number", () => {
  throws(() => decodeStatistics(null), TypeError);
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
    throws(
      () => decodeStatistics(bytes(text)),
      (error) => error instanceof TypeError || error instanceof NewerSchemaError,
    );
  }));
  throws(() => decodeStatistics(bytes('{"v":1,"__proto__":{"exchange":"a"}}')), TypeError);
  throws(
    () => decodeStatistics(bytes(`{"v":${STATISTICS_VERSION + 1}}`)),
    (error: Error) => error instanceof NewerSchemaError && /version 2.*knows 1/.test(error.message),
  );
});
