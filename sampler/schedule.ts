/**
 * When ticks are: pure arithmetic over a schedule. All of it in UTC, as Deno.cron is.
 *
 * @module
 */
import { Cron } from "croner";

/** Either a cron expression of five fields (Deno.cron fires it), or a spacing in whole seconds. */
export type Schedule = { cron: string } | { intervalMs: number };

const MINUTE_MS = 60_000;

/** How much before its minute Deno.cron may fire, in ms: timers and clocks disagree by less. */
const EARLY_MAX_MS = 5_000;

/**
 * The scheduled time of a cron firing: the whole minute it belongs to, for it comes a little late,
 * or even early where the clock was set.
 *
 * @example
 * ```ts
 * import { tickOfFiring } from "./schedule.ts";
 * import assert from "node:assert/strict";
 *
 * assert.equal(tickOfFiring(Date.parse("2026-01-01T12:00:00.850Z")), Date.parse("2026-01-01T12:00Z"));
 * ```
 */
export function tickOfFiring(firedMs: number): number {
  return alignDown(firedMs + EARLY_MAX_MS, MINUTE_MS);
}

/** The last multiple of `intervalMs` at or before `timeMs`. */
export function alignDown(timeMs: number, intervalMs: number): number {
  return Math.floor(timeMs / intervalMs) * intervalMs;
}

/** From the tick at `tickMs` to the next one, in ms. */
export function spacingMs(schedule: Schedule, tickMs: number): number {
  return "intervalMs" in schedule
    ? schedule.intervalMs
    : nextRunMs(parseCron(schedule.cron), tickMs) - tickMs;
}

/** The ticks in `[fromMs, toMs)`, in order. */
export function* ticksBetween(schedule: Schedule, fromMs: number, toMs: number): Iterable<number> {
  if ("intervalMs" in schedule) {
    const { intervalMs } = schedule;
    for (let t = alignDown(fromMs + intervalMs - 1, intervalMs); t < toMs; t += intervalMs) yield t;
    return;
  }
  const cron = parseCron(schedule.cron);
  for (let t = nextRunMs(cron, fromMs - 1); t < toMs; t = nextRunMs(cron, t)) yield t;
}

/**
 * Reads a cron expression as Deno.cron does: five fields, weekdays 1 (Sunday) to 7 (Saturday) or by
 * name.
 *
 * @throws {RangeError} Where it is none, or never comes.
 */
export function parseCron(expression: string): Cron {
  try {
    if (expression.startsWith("@")) throw new RangeError("Deno.cron knows no names");
    const cron = new Cron(expression, {
      mode: "5-part",
      utcOffset: 0, // much faster than a time zone's name
      alternativeWeekdays: true,
    });
    nextRunMs(cron, 0);
    return cron;
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RangeError(
      `"${expression}" is no cron expression of five fields, as "*/5 * * * *" is: ${why}`,
      { cause },
    );
  }
}

function nextRunMs(cron: Cron, afterMs: number): number {
  const next = cron.nextRun(new Date(afterMs));
  if (next === null) throw new RangeError("it never comes");
  return next.getTime();
}
