/**
 * Merges days that are over beside the writer's work, a step at a time: what waits to be written is
 * written between two of them. Safe to run in any number of processes, and to be cut short.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Clock } from "../ports/clock.ts";
import type { DayMerging } from "../ports/day_statistics.ts";
import type { Role } from "../ports/role.ts";
import { StoreUnavailableError } from "../ports/statistics_store.ts";

/** How often it looks for days to merge, in ms: a new one is over once a day. */
const LOOK_INTERVAL_MS = 30_000;
/** Between two steps, in ms: as long as one takes, so that half of the time is others'. */
const REST_MS = 25;

/** What it works with. */
export interface DayMergingDeps {
  days: DayMerging;
  clock: Clock;
}

/** The writer, and beside it the merging of days. */
export function mergingDays(writer: Role, deps: DayMergingDeps): Role {
  return {
    ...writer,
    async run(signal) {
      const stop = new AbortController();
      const merging = mergeUntil(AbortSignal.any([signal, stop.signal]), deps);
      try {
        await writer.run(signal);
      } finally {
        stop.abort();
        await merging;
      }
    },
  };
}

async function mergeUntil(signal: AbortSignal, { days, clock }: DayMergingDeps): Promise<void> {
  while (!signal.aborted) {
    try {
      while (await days.mergeDays() && !signal.aborted) await clock.sleep(REST_MS, signal);
    } catch (error) {
      // That the store is away is told by the writer.
      if (!(error instanceof StoreUnavailableError)) {
        const words = "Days could not be merged, answers are right but slow: {message}";
        getLogger(["data-tracker", "writer"]).warn(words, {
          message: (error as Error).message,
          error,
        });
      }
    }
    if (!signal.aborted) await clock.sleep(LOOK_INTERVAL_MS, signal);
  }
}
