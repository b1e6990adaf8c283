import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import { TICK_UNIT_MS, TickSet } from "./tick_set.ts";

const HOUR_MS = 3_600_000;

/** A window of whole seconds up to two days, a schedule that need not fit it, and ticks in it. */
const cases = fc.record({
  seconds: fc.oneof(fc.constantFrom(60, 900, 3600, 86_400), fc.integer({ min: 1, max: 172_800 })),
  interval: fc.option(
    fc.oneof(fc.constantFrom(1, 10, 60, 300, 5400, 90_000), fc.integer({ min: 1, max: 200_000 })),
  ),
}).chain(({ seconds, interval }) =>
  fc.record({
    sizeMs: fc.constant(seconds * TICK_UNIT_MS),
    intervalMs: fc.constant(interval === null ? null : interval * TICK_UNIT_MS),
    ticks: fc.array(
      fc.oneof(
        fc.integer({ min: 0, max: seconds - 1 }),
        fc.integer({ min: 0, max: seconds - 1 }).map((s) => s - s % Math.min(seconds, 60)),
      ).map((s) => s * TICK_UNIT_MS),
      { maxLength: 100 },
    ),
  })
);

Deno.test("a tick set holds what a set of numbers holds, before and after it was encoded", () => {
  fc.assert(
    fc.property(cases, fc.nat(172_800), ({ sizeMs, intervalMs, ticks }, other) => {
      const model = new Set<number>();
      let set = TickSet.empty(sizeMs, intervalMs);
      for (const [i, tick] of ticks.entries()) {
        strictEqual(set.has(tick), model.has(tick));
        strictEqual(set.add(tick, sizeMs), !model.has(tick));
        model.add(tick);
        strictEqual(set.size, model.size);
        if (i % 3 === 0) set = TickSet.decode(set.encode(), sizeMs);
      }
      for (const tick of [...ticks, other * TICK_UNIT_MS, other * 500]) {
        strictEqual(set.has(tick), model.has(tick), `tick ${tick}`);
      }
      const text = set.encode();
      strictEqual(TickSet.decode(text, sizeMs).encode(), text);
      ok(text.length <= 8 + 2 * Math.ceil(sizeMs / TICK_UNIT_MS / 8), "longer than its seconds");
    }),
    { numRuns: 300 },
  );
});

Deno.test("an hour of minutes takes eight bytes", () => {
  const set = TickSet.empty(HOUR_MS, 60_000);
  for (let tickMs = 0; tickMs < HOUR_MS; tickMs += 60_000) set.add(tickMs, HOUR_MS);
  strictEqual(set.encode(), "60:ffffffffffffff0f");
  strictEqual(set.size, 60);
});

Deno.test("a tick off the grid makes it finer and keeps what was there", () => {
  const set = TickSet.empty(HOUR_MS, 60_000);
  set.add(60_000, HOUR_MS);
  set.add(90_000, HOUR_MS);
  set.add(91_000, HOUR_MS);
  deepStrictEqual([60_000, 90_000, 91_000, 61_000].map((tick) => set.has(tick)), [
    true,
    true,
    true,
    false,
  ]);
  strictEqual(set.size, 3);
});

Deno.test("a schedule slower than the window leaves room for its one tick", () => {
  const set = TickSet.empty(HOUR_MS, 90 * 60_000);
  strictEqual(set.add(30 * 60_000, HOUR_MS), true);
  strictEqual(set.encode(), "1800:02");
});

Deno.test.each([-1000, 500, 1.5, NaN, HOUR_MS, HOUR_MS + 60_000])(
  "a tick at %d ms of an hour is refused",
  (offsetMs) => {
    const set = TickSet.empty(HOUR_MS, 60_000);
    throws(() => set.add(offsetMs, HOUR_MS), RangeError);
    strictEqual(set.has(offsetMs), false);
    strictEqual(set.size, 0);
  },
);

Deno.test.each([
  "",
  ":",
  "ff",
  ":ff",
  "0:ff",
  "-60:ff",
  "60.5:ff",
  "6e1:ff",
  "0x3c:ff",
  " 60:ff",
  "060:ff",
  "NaN:ff",
  "Infinity:ff",
  "99999999999999999999999:01",
  "7:ff", // does not divide the hour
  "7200:01", // longer than the hour
  "60:f",
  "60:fg",
  "60: ff",
  "60:ff:ff",
  "60:ffffffffffffff1f", // a 61st minute
  "3600:02", // a second hour
  "60:0000000000000000ff",
])("%j is no tick set of an hour", (text) => {
  throws(() => TickSet.decode(text, HOUR_MS), TypeError);
});

Deno.test("a window of years takes no memory for its ticks", () => {
  throws(() => TickSet.decode("1:01", 8e12), TypeError);
  throws(() => TickSet.decode("1:01", Infinity), TypeError);
  strictEqual(TickSet.decode("1:01", 86_400_000).size, 1);
});

Deno.test("a text of megabytes is refused and its message stays short", () => {
  throws(() => TickSet.decode(`60:${"00".repeat(1_000_000)}`, HOUR_MS), (error: Error) => {
    return error instanceof TypeError && error.message.length < 200;
  });
});

Deno.test("decode() of any text gives a set of the window or a TypeError", () => {
  const texts = fc.tuple(
    fc.oneof(fc.nat(4000).map(String), fc.string()),
    fc.string({ unit: "grapheme" }),
  )
    .map(([unit, hex]) => `${unit}:${hex}`);
  const hexes = fc.tuple(fc.nat(4000), fc.uint8Array({ maxLength: 500 }))
    .map(([unit, bytes]) => `${unit}:${bytes.toHex()}`);
  fc.assert(fc.property(fc.oneof(texts, hexes), (text) => {
    let set;
    try {
      set = TickSet.decode(text, HOUR_MS);
    } catch (error) {
      ok(error instanceof TypeError);
      return;
    }
    let count = 0;
    for (let tickMs = 0; tickMs < HOUR_MS; tickMs += 1000) if (set.has(tickMs)) count++;
    strictEqual(set.size, count);
  }));
});
