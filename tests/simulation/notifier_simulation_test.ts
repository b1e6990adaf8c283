import { ok, rejects } from "node:assert";
import { checkNotifierHistory, playNotifiers } from "./notifier_simulation.ts";

const SEED_COUNT = 150;

Deno.test(`notifier: in ${SEED_COUNT} histories of deaths, frozen owners, take-overs and a channel that comes and goes, nothing is forgotten, and told again only by the same digest`, async () => {
  let deathCount = 0;
  let repeatedCount = 0;
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    const history = await playNotifiers(seed);
    deathCount += history.deathCount;
    repeatedCount += history.delivered.length -
      new Set(history.delivered.map(({ id }) => id)).size;
    try {
      checkNotifierHistory(history);
    } catch (cause) {
      throw new Error(`seed ${seed}`, { cause });
    }
  }
  ok(deathCount > 0 && repeatedCount > 0, `${deathCount} deaths, ${repeatedCount} repeated`);
});

Deno.test("notifier: without the fence at the log, or with a failed commit taken for one that happened, the histories show it", async () => {
  for (const bug of ["idPerProcess", "failureTakenForSuccess"] as const) {
    await rejects(async () => {
      for (let seed = 1; seed <= SEED_COUNT; seed++) {
        checkNotifierHistory(await playNotifiers(seed, { [bug]: true }));
      }
    }, bug);
  }
});
