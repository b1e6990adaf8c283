import { strictEqual } from "node:assert";
import fc from "fast-check";
import { formatDuration, parseDuration } from "./duration.ts";

Deno.test("parseDuration() reads every unit, alone and together", () => {
  for (
    const [text, ms] of [
      ["250ms", 250],
      ["30s", 30_000],
      ["5m", 300_000],
      ["1h", 3_600_000],
      ["90d", 7_776_000_000],
      ["1h30m", 5_400_000],
      ["1m1ms", 60_001],
      [" 10s ", 10_000],
      ["0s", 0],
    ] as const
  ) strictEqual(parseDuration(text), ms, text);
});

Deno.test("parseDuration() refuses what has no unit, a sign, a fraction or another order", () => {
  for (const text of ["", "30", "-1s", "1.5h", "1m1h", "1w", "soon", "1s 1", "s", "5M"]) {
    strictEqual(parseDuration(text), null, text);
  }
});

Deno.test("parseDuration() reads back what formatDuration() writes", () => {
  fc.assert(fc.property(fc.integer({ min: 0, max: 1e13 }), (ms) => {
    strictEqual(parseDuration(formatDuration(ms)), ms);
  }));
});
