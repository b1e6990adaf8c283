import { AssertionError } from "node:assert";
import { PLANTED_BUGS } from "./planted_bugs.ts";
import { simulate } from "./simulation.ts";

/** Histories that `deno task test` plays; `deno task bench` plays 100,000 (SEEDS, FIRST_SEED choose others). */
const SEED_COUNT = 2000;
/** A planted bug must show within this many histories. */
const BUG_SEED_COUNT = 2000;

Deno.test(`simulation: ${SEED_COUNT} histories end equal to the oracle`, async () => {
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    try {
      await simulate(seed);
    } catch (cause) {
      throw new Error(`seed ${seed}: ${(cause as Error).message}`, { cause });
    }
  }
});

for (const [name, bugs] of Object.entries(PLANTED_BUGS)) {
  Deno.test(`simulation: finds the planted bug "${name}"`, async (test) => {
    for (let seed = 1; seed <= BUG_SEED_COUNT; seed++) {
      try {
        await simulate(seed, bugs);
      } catch (error) {
        // A bug that breaks the harness is not found.
        if (!(error instanceof AssertionError)) throw error;
        await test.step(`seed ${seed}: ${error.message.split("\n")[0]}`, () => {});
        return;
      }
    }
    throw new Error(`${BUG_SEED_COUNT} histories did not find it`);
  });
}
