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

Deno.test("aggregators, writers, monitors, Kafka and Postgres are killed, frozen and cut off: every window and notification is the oracle's", async (test) => {
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
  // Six partitions of two roles, and newcomers at the end: without a fault there are 24.
  ok(report.claimCount > 24, `${report.claimCount} claims: partitions were taken over`);
  const { faultCount, sampleCount, windowCount, notificationCount, claimCount } = report;
  await test.step(
    `${faultCount} faults, ${sampleCount} samples, ${windowCount} windows, ${notificationCount} notifications, ${claimCount} claims`,
    () => {},
  );
});
