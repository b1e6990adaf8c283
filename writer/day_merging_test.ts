import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { ManualClock } from "../adapters/memory/manual_clock.ts";
import type { Role } from "../ports/role.ts";
import { StoreUnavailableError } from "../ports/statistics_store.ts";
import { mergingDays } from "./day_merging.ts";

/** A writer that runs until it is told to stop, or fails at once. */
function writerThat(fails: boolean): Role {
  return {
    name: "writer",
    run: (signal) =>
      fails ? Promise.reject(new Error("it fails")) : new Promise((resolve) => {
        signal.addEventListener("abort", () => resolve());
      }),
    health: () => ({ ready: true, problems: [] }),
  };
}

Deno.test("days are merged step by step while the writer runs, and again after a failure", async () => {
  const clock = new ManualClock(0);
  const seen: number[] = [];
  const stop = new AbortController();
  const answers = [true, true, new StoreUnavailableError("away"), false];
  const mergeDays = () => {
    seen.push(clock.nowMs());
    const answer = answers.shift();
    if (answer === undefined) stop.abort();
    return answer instanceof Error ? Promise.reject(answer) : Promise.resolve(answer ?? true);
  };
  const role = mergingDays(writerThat(false), { days: { mergeDays }, clock });
  const running = role.run(stop.signal);
  await clock.advanceTo(29_000);
  strictEqual(seen.length, 3, "two steps, and one that failed");
  await clock.advanceTo(100_000);
  await running;
  strictEqual(seen.length, 5);
});

Deno.test("merging ends with the writer, and its failure is told", async () => {
  const clock = new ManualClock(0);
  const days = { mergeDays: () => Promise.resolve(false) };
  const role = mergingDays(writerThat(true), { days, clock });
  await rejects(role.run(new AbortController().signal), /it fails/);
  deepStrictEqual([role.name, role.health()], ["writer", { ready: true, problems: [] }]);
});
