/**
 * Bugs that a fault run must find within ten seeds, or its green means nothing; planted_main.ts
 * plants them.
 *
 * @module
 */

/** The bugs, and what each breaks. */
export const PLANTED_BUGS = {
  "committed before stored": "a writer moves its position before the store has taken the rows",
  "committed before published": "an aggregator moves its position before its statistics are there",
  "committed before told": "a monitor moves its position before its notifications are there",
  "disk ahead of the monitor": "a monitor uses its disk whatever checkpoint it belongs to",
  "no fence": "one transactional id per process: an earlier owner of a partition can still commit",
  "short restore": "restoreFrom looks at the youngest windows only",
  "keeps the last": "the store takes the last record of a window, not the one of greater revision",
  "disk ahead": "the disk is used whatever checkpoint it belongs to",
  "sealed early": "a window is sealed as soon as it is closed",
} as const;

/** The name of a planted bug. */
export type PlantedBug = keyof typeof PLANTED_BUGS;
