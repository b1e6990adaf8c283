import { deepStrictEqual, ok, throws } from "node:assert";
import fc from "fast-check";
import { TickSet } from "../../stats/tick_set.ts";
import type { WindowState } from "../../stats/window.ts";
import { decodeWindow, encodeWindow, windowBytesMax } from "./window_codec.ts";

const HOUR_MS = 3_600_000;
const text = fc.string({ unit: "grapheme", maxLength: 30 });
const double = fc.double({ noNaN: true });
const ticks = fc.array(fc.nat(59), { maxLength: 60 }).map((minutes) => {
  const set = TickSet.empty(HOUR_MS, 60_000);
  for (const minute of minutes) set.add(minute * 60_000, HOUR_MS);
  return set;
});
const windows: fc.Arbitrary<WindowState> = fc.record({
  ...{ exchange: text, instrument: text, base: fc.option(text), quote: fc.option(text) },
  ...{ startMs: fc.constant(HOUR_MS), endMs: fc.constant(2 * HOUR_MS), count: fc.maxSafeNat() },
  ...{ meanHi: double, meanLo: double, m2Hi: double, m2Lo: double, min: double, max: double },
  ...{ openPrice: double, openMs: double, openOffset: double },
  ...{ closePrice: double, closeMs: double, closeOffset: double },
  ...{ ticks: fc.option(ticks), intervalMs: fc.option(fc.maxSafeNat()) },
  throughOffset: fc.maxSafeInteger(),
  ...{ closed: fc.boolean(), amended: fc.boolean(), origin: text },
});

Deno.test("a window comes back from its bytes as it was, within the size that is promised", () => {
  fc.assert(fc.property(windows, (window) => {
    const bytes = encodeWindow(window);
    ok(bytes.length <= windowBytesMax(HOUR_MS));
    deepStrictEqual(plain(decodeWindow(bytes)), plain(window));
  }));
});

Deno.test("bytes of a newer layout are refused in words", () => {
  const bytes = new Uint8Array(500);
  bytes[0] = 2;
  throws(
    () => decodeWindow(bytes),
    /version 1, the newest this program knows: 500 bytes of version 2/,
  );
});

function plain(window: WindowState) {
  return { ...window, ticks: window.ticks?.encode() };
}
