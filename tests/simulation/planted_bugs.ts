/**
 * Bugs that the simulation must find: each breaks one rule of the protocol (docs/protocol.md lists
 * them). A simulation that stays green with one of these planted proves nothing.
 *
 * @module
 */
import { RULES } from "../../aggregator/rules.ts";
import type { Bugs } from "./simulation.ts";

/** The bugs, by what is wrong. */
export const PLANTED_BUGS: Readonly<Record<string, Bugs>> = {
  "no torn mark": { noTornMark: true },
  "offset fetched before the claim": { offsetBeforeClaim: true },
  "one transactional id per process": { idPerProcess: true },
  "disk used when it is ahead of the commit": {
    rules: { trustsDisk: (row, committed) => row !== null && committed !== null && !row.torn },
  },
  "records without ticks": { recordsWithoutTicks: true },
  "a restore not written to disk": { restoreNotWritten: true },
  "restoreFrom of the oldest window only": {
    rules: {
      restoreFrom(places, statisticsThrough) {
        const oldest = Math.min(...places.keys());
        return places.get(oldest) ?? statisticsThrough + 1;
      },
    },
  },
  "first place taken after publishing": {
    rules: {
      takePlaces(places, startsMs) {
        for (const startMs of startsMs) if (!places.has(startMs)) places.set(startMs, Infinity);
      },
      restoreFrom(places, statisticsThrough) {
        for (const [startMs, place] of places) {
          if (place === Infinity) places.set(startMs, statisticsThrough + 1);
        }
        return RULES.restoreFrom(places, statisticsThrough);
      },
    },
  },
  "a failed commit taken for one that happened": { failureTakenForSuccess: true },
  "a store that keeps the last instead of the greater revision": { storeKeepsLast: true },
  "two tasks of one process on one disk": { twoTasksOneDisk: true },
};
