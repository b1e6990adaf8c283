/**
 * Days on their way from one thread to another: numbers in one piece of memory, which is handed over,
 * and texts in one list. As objects, each would carry the names of its fields along, and take longer
 * to pass on than to read.
 *
 * @module
 */
import type { DayRow } from "../../ports/day_statistics.ts";

const STATES = ["open", "closed", "sealed"] as const;
/** Of each day, in the order of {@link packDays}. */
const [NUMBER_COUNT, TEXT_COUNT] = [20, 5];

/** Days, packed. */
export interface DayColumns {
  numbers: Float64Array<ArrayBuffer>;
  texts: (string | null)[];
}

/** Packs days. */
export function packDays(days: readonly DayRow[]): DayColumns {
  const numbers = new Float64Array(days.length * NUMBER_COUNT);
  const texts: (string | null)[] = [];
  let at = 0;
  for (const day of days) {
    numbers[at++] = day.startMs;
    numbers[at++] = day.endMs;
    numbers[at++] = day.count;
    numbers[at++] = day.meanHi;
    numbers[at++] = day.meanLo;
    numbers[at++] = day.m2Hi;
    numbers[at++] = day.m2Lo;
    numbers[at++] = day.min;
    numbers[at++] = day.max;
    numbers[at++] = day.openPrice;
    numbers[at++] = day.openMs;
    numbers[at++] = day.closePrice;
    numbers[at++] = day.closeMs;
    numbers[at++] = day.tickCount;
    numbers[at++] = day.revision;
    numbers[at++] = STATES.indexOf(day.state);
    numbers[at++] = Number(day.amended);
    numbers[at++] = day.parts.windowCount;
    numbers[at++] = day.parts.scheduledMs;
    numbers[at++] = day.parts.scheduledTickCount;
    texts.push(day.exchange, day.instrument, day.base, day.quote, day.origin);
  }
  return { numbers, texts };
}

/** The days of {@link packDays}. */
export function unpackDays({ numbers, texts }: DayColumns): DayRow[] {
  const days: DayRow[] = [];
  for (let at = 0, text = 0; at < numbers.length; at += NUMBER_COUNT, text += TEXT_COUNT) {
    days.push({
      exchange: texts[text]!,
      instrument: texts[text + 1]!,
      base: texts[text + 2]!,
      quote: texts[text + 3]!,
      startMs: numbers[at]!,
      endMs: numbers[at + 1]!,
      count: numbers[at + 2]!,
      meanHi: numbers[at + 3]!,
      meanLo: numbers[at + 4]!,
      m2Hi: numbers[at + 5]!,
      m2Lo: numbers[at + 6]!,
      min: numbers[at + 7]!,
      max: numbers[at + 8]!,
      openPrice: numbers[at + 9]!,
      openMs: numbers[at + 10]!,
      closePrice: numbers[at + 11]!,
      closeMs: numbers[at + 12]!,
      tickCount: numbers[at + 13]!,
      intervalMs: null,
      revision: numbers[at + 14]!,
      state: STATES[numbers[at + 15]!]!,
      amended: numbers[at + 16] === 1,
      origin: texts[text + 4]!,
      parts: {
        windowCount: numbers[at + 17]!,
        scheduledMs: numbers[at + 18]!,
        scheduledTickCount: numbers[at + 19]!,
      },
    });
  }
  return days;
}
