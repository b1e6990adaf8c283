import { ok } from "node:assert";
import { type MonitorBugs, simulateMonitor } from "./monitor_simulation.ts";

/** 2,000 take over a minute; these find every planted bug several times. */
const SEED_COUNT = 300;

Deno.test("simulation: whatever happens to monitors, what they publish is the reference's", async () => {
  let count = 0;
  for (let seed = 1; seed <= SEED_COUNT; seed++) {
    try {
      count += await simulateMonitor(seed);
    } catch (error) {
      throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
  ok(count > 10 * SEED_COUNT, `${count} notifications prove little`);
});

const BUGS: Record<string, MonitorBugs> = {
  "a disk of another checkpoint trusted": { trustsAnyDisk: true },
  "no torn mark": { noTornMark: true },
  "the position read before the claim": { offsetBeforeClaim: true },
  "a failed commit taken for one that happened": { failureTakenForSuccess: true },
  "one transactional id per process": { idPerProcess: true },
};

for (const [name, bugs] of Object.entries(BUGS)) {
  Deno.test(`simulation: finds the monitor's planted bug "${name}"`, async (t) => {
    for (let seed = 1; seed <= 3000; seed++) {
      try {
        await simulateMonitor(seed, bugs);
      } catch (error) {
        await t.step(`seed ${seed}: ${(error as Error).message.split("\n")[0]}`, () => {});
        return;
      }
    }
    throw new Error("not found");
  });
}
