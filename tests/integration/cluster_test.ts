/**
 * The short form of `deno task chaos`: one seed, not half a minute of faults.
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert";
import { runSeed } from "../chaos/run.ts";

/** Of this seed's faults are nearly all kinds within the time: kills, zombies, empty disks, each server. */
const SEED = 975;
const DURATION_MS = 20_000;

Deno.test("aggregators, writers, Kafka and Postgres are killed, frozen and cut off: every window is the oracle's", async (test) => {
  const report = await runSeed({
    seed: SEED,
    durationMs: DURATION_MS,
    outage: null,
    planted: null,
    logDirectory: null,
    progress: () => {},
    say: () => {},
  });
  deepStrictEqual(report.problems.slice(0, 40), [], `deno task chaos --seed ${SEED}`);
  ok(report.claimCount > 6, "partitions were taken over");
  const { faultCount, sampleCount, windowCount, claimCount } = report;
  await test.step(
    `${faultCount} faults, ${sampleCount} samples, ${windowCount} windows, ${claimCount} claims`,
    () => {},
  );
});
