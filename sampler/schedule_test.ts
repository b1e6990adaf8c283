import assert from "node:assert/strict";
import { alignDown, parseCron, spacingMs, tickOfFiring, ticksBetween } from "./schedule.ts";

const at = (text: string) => Date.parse(`2026-03-01T${text}Z`);

Deno.test.each([
  ["on time", "12:00:00.000", "12:00"],
  ["a little late", "12:00:00.310", "12:00"],
  ["late by most of a minute", "12:00:54.999", "12:00"],
  ["a little early, where the clock was set", "11:59:59.400", "12:00"],
  ["early by more than clocks differ", "11:59:54.000", "11:59"],
])("a cron firing that comes %s belongs to its minute", (_, fired, tick) => {
  assert.equal(tickOfFiring(at(fired)), at(tick));
});

Deno.test.each([
  ["* * * * *", "12:00", 60_000],
  ["*/5 * * * *", "12:05", 300_000],
  ["0,20,50 * * * *", "12:20", 30 * 60_000],
  ["0,20,50 * * * *", "12:50", 10 * 60_000],
  // The first of March 2026 is a Sunday, in Deno.cron's count the day 1.
  ["0 12 * * 1", "12:00", 7 * 86_400_000],
  ["0 12 * * SUN,MON", "12:00", 86_400_000],
])("the tick of %s at %s is followed by one %i ms later", (cron, tick, spacing) => {
  assert.equal(spacingMs({ cron }, at(tick)), spacing);
});

Deno.test("an interval's ticks are its multiples since 1970, the end left out", () => {
  const schedule = { intervalMs: 25_000 };
  const ticks = [...ticksBetween(schedule, at("00:00:01"), at("00:02:00"))];
  assert.deepEqual(ticks.map((t) => t % 25_000), [0, 0, 0, 0]);
  assert.equal(spacingMs(schedule, ticks[0]!), 25_000);
  assert.deepEqual([...ticksBetween({ intervalMs: 60_000 }, at("00:00"), at("00:02"))], [
    at("00:00"),
    at("00:01"),
  ]);
  assert.equal(alignDown(at("00:01:59.999"), 60_000), at("00:01"));
});

Deno.test("a cron expression's ticks are all that it fires, in order, the end left out", () => {
  const ticks = [...ticksBetween({ cron: "*/20 * * * *" }, at("10:00"), at("11:00"))];
  assert.deepEqual(ticks, [at("10:00"), at("10:20"), at("10:40")]);
});

Deno.test.each([
  "",
  "x",
  "* * * *",
  "0 * * * * *",
  "61 * * * *",
  "* * * * 0",
  "0 0 30 2 *",
  "@hourly",
])(
  'what Deno.cron would refuse, or never fire, is refused: "%s"',
  (expression) => {
    assert.throws(() => parseCron(expression), {
      name: "RangeError",
      message: new RegExp(`^"${expression.replace(/[*]/g, "\\*")}" is no cron expression of five`),
    });
  },
);
