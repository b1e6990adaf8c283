import { deepStrictEqual, ok, strictEqual } from "node:assert";
import fc from "fast-check";
import { type Interval, INTERVAL_SIZES_MS, intervalStartMs } from "./interval.ts";
import { windowStartMs } from "./window.ts";

const INTERVALS = Object.keys(INTERVAL_SIZES_MS) as Interval[];
const timeMs = fc.integer({ min: 0, max: 253_402_300_799_999 });

Deno.test.each(INTERVALS)(
  "every time is in exactly one interval of %s, which starts as the calendar of UTC says",
  (interval) => {
    fc.assert(fc.property(timeMs, (timeMs) => {
      const startMs = intervalStartMs(timeMs, interval);
      const endMs = startMs + INTERVAL_SIZES_MS[interval];
      ok(startMs <= timeMs && timeMs < endMs);
      strictEqual(intervalStartMs(startMs, interval), startMs);
      strictEqual(intervalStartMs(endMs - 1, interval), startMs);
      strictEqual(intervalStartMs(endMs, interval), endMs);
      const start = new Date(startMs);
      const clock = start.toISOString().slice(11);
      if (interval === "1h") strictEqual(clock.slice(2), ":00:00.000Z");
      else if (interval === "4h") {
        ok(start.getUTCHours() % 4 === 0 && clock.endsWith(":00:00.000Z"));
      } else strictEqual(clock, "00:00:00.000Z");
      if (interval === "1w") strictEqual(start.getUTCDay(), 1);
    }));
  },
);

Deno.test("windows of an hour never straddle an interval", () => {
  fc.assert(fc.property(timeMs, fc.constantFrom(...INTERVALS), (timeMs, interval) => {
    const hourMs = intervalStartMs(timeMs, "1h");
    strictEqual(intervalStartMs(hourMs, interval), intervalStartMs(hourMs + 3_599_999, interval));
  }));
});

Deno.test("the week of the first day of 1970 began in 1969", () => {
  strictEqual(new Date(intervalStartMs(0, "1w")).toISOString(), "1969-12-29T00:00:00.000Z");
});

Deno.test.each(["Pacific/Kiritimati", "America/New_York", "Australia/Lord_Howe", "Asia/Tehran"])(
  "a machine in %s has the same intervals and windows, across its changes of the clock",
  async (zone) => {
    const timesMs = ["2018-03-11", "2018-04-01", "2018-10-07", "2018-11-04", "2018-12-31"]
      .flatMap((day) => Array.from({ length: 60 }, (_, i) => Date.parse(day) + i * 1_800_000 + i));
    const starts = INTERVALS.map((interval) => timesMs.map((t) => intervalStartMs(t, interval)));
    const code = `
      import { intervalStartMs } from ${JSON.stringify(import.meta.resolve("./interval.ts"))};
      import { windowStartMs } from ${JSON.stringify(import.meta.resolve("./window.ts"))};
      const timesMs = ${JSON.stringify(timesMs)};
      console.log(JSON.stringify({
        zone: Intl.DateTimeFormat().resolvedOptions().timeZone,
        starts: ${JSON.stringify(INTERVALS)}
          .map((interval) => timesMs.map((t) => intervalStartMs(t, interval))),
        windows: timesMs.map((t) => windowStartMs(t, 900_000)),
      }));`;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["eval", "--no-config", "--no-lock", code],
      env: { TZ: zone },
    }).output();
    deepStrictEqual(JSON.parse(new TextDecoder().decode(stdout)), {
      zone,
      starts,
      windows: timesMs.map((timeMs) => windowStartMs(timeMs, 900_000)),
    });
  },
);
