import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { configure, reset } from "@logtape/logtape";
import { countingRandom, ManualClock } from "../adapters/memory/manual_clock.ts";
import { type Claim, FencedError, LogAwayError } from "../ports/topic_log.ts";
import {
  BACK_OFF_MAX_MS,
  LAST_WORK_MAX_MS,
  type PartitionTask,
  type PartitionWork,
  runPartition,
  StopPartitionError,
  WrongSettingError,
} from "./partition_task.ts";

/** Owns partition 3 of a log that notes claims and releases. */
function own(work: PartitionWork, claimErrors: Error[] = []) {
  const clock = new ManualClock(0);
  const problems = new Map<number, string>();
  const revoke = new AbortController();
  const claimedMs: number[] = [];
  let heldCount = 0;
  const claim: Claim = {
    positions: {},
    commit: () => Promise.resolve(),
    release: () => Promise.resolve(void heldCount--),
  };
  const ended = runPartition({
    log: {
      claim: () => {
        claimedMs.push(clock.nowMs());
        const error = claimErrors.shift();
        if (error !== undefined) return Promise.reject(error);
        heldCount++;
        return Promise.resolve(claim);
      },
    },
    group: { id: "writer", topics: [] },
    partition: 3,
    revoked: revoke.signal,
    clock,
    random: countingRandom(),
    problems,
  }, work);
  return { clock, problems, claimedMs, revoke, ended, held: () => heldCount };
}

const untilRevoked = (signal: AbortSignal) =>
  new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));

Deno.test("runPartition() claims again after an error, ever later, and soon again after progress", async () => {
  let isBroken = true;
  const task = own(async (_claim, signal, progress) => {
    if (isBroken) throw new Error("no store", { cause: new Error("disk full") });
    progress();
    await untilRevoked(signal);
  });
  await task.clock.advanceTo(120_000);
  const waits = task.claimedMs.slice(1).map((ms, i) => ms - task.claimedMs[i]!);
  deepStrictEqual(waits.slice(0, 4), [75, 150, 300, 600]);
  ok(waits.every((ms) => ms <= BACK_OFF_MAX_MS));
  ok(task.claimedMs.length > 15, "it never gives up");
  deepStrictEqual([...task.problems], [[3, "writer, partition 3: no store (disk full)"]]);
  isBroken = false;
  await task.clock.advanceTo(130_000);
  strictEqual(task.problems.size, 0);
  strictEqual(task.held(), 1);
  task.revoke.abort();
  await task.ended;
  strictEqual(task.held(), 0, "every claim is released");
});

Deno.test("runPartition() takes a failed claim for an error like any other", async () => {
  const task = own((_claim, signal, progress) => {
    progress();
    return untilRevoked(signal);
  }, [new Error("no broker")]);
  await task.clock.advanceTo(10);
  match(task.problems.get(3)!, /no broker/);
  await task.clock.advanceTo(1_000);
  deepStrictEqual([task.claimedMs.length, task.problems.size], [2, 0]);
  task.revoke.abort();
  await task.ended;
});

Deno.test("runPartition() claims again a while after being fenced, and calls that no problem", async () => {
  let isFenced = true;
  const task = own(async (_claim, signal) => {
    if (isFenced) throw new FencedError("a later claim exists");
    await untilRevoked(signal);
  });
  await task.clock.advanceTo(700);
  deepStrictEqual([task.claimedMs.length, task.problems.size, task.held()], [1, 0, 0]);
  isFenced = false;
  await task.clock.advanceTo(1_000);
  strictEqual(task.claimedMs.length, 2);
  task.revoke.abort();
  await task.ended;
});

Deno.test("runPartition() stops for good where the work says so, and says why until it is revoked", async () => {
  const task = own(() => Promise.reject(new StopPartitionError("the topic was made again")));
  await task.clock.advanceTo(3_600_000);
  strictEqual(task.claimedMs.length, 1);
  strictEqual(task.held(), 0);
  match(task.problems.get(3)!, /partition 3: the topic was made again/);
  task.revoke.abort();
  await task.ended;
  strictEqual(task.problems.size, 0);
});

Deno.test("runPartition() gives its claim up and fails where a setting is wrong for all partitions", async () => {
  const task = own(() => Promise.reject(new WrongSettingError("WINDOW was 1h and is 1m")));
  await rejects(task.ended, WrongSettingError);
  strictEqual(task.held(), 0);
});

Deno.test("runPartition() ends without a problem where work fails because it was revoked", async () => {
  const task = own(async (_claim, signal) => {
    await untilRevoked(signal);
    throw new Error("aborted");
  });
  await task.clock.advanceTo(10);
  task.revoke.abort();
  await task.ended;
  deepStrictEqual([task.problems.size, task.held()], [0, 0]);
});

Deno.test("runPartition() abandons work that hangs after it was told to end, and gives its claim up", async () => {
  const task = own(() => new Promise(() => {}));
  await task.clock.advanceTo(60_000);
  task.revoke.abort();
  await task.clock.advanceTo(60_000 + LAST_WORK_MAX_MS - 1);
  strictEqual(task.held(), 1);
  await task.clock.advanceTo(60_000 + LAST_WORK_MAX_MS);
  await task.ended;
  strictEqual(task.held(), 0);
});

Deno.test("runPartition() ends at once where it is revoked while it waits for its claim", async () => {
  const clock = new ManualClock(0);
  const revoke = new AbortController();
  const log: PartitionTask["log"] = {
    claim: (_group, _partition, signal) =>
      new Promise((_resolve, reject) => signal?.addEventListener("abort", reject)),
  };
  const group = { id: "writer", topics: [] };
  const problems = new Map<number, string>();
  const ended = runPartition(
    { log, group, partition: 3, revoked: revoke.signal, clock, random: countingRandom(), problems },
    () => Promise.reject(new Error("it has no claim")),
  );
  await clock.advanceTo(60_000);
  revoke.abort();
  await ended;
  strictEqual(problems.size, 0);
});

Deno.test("runPartition() leaves it to the log to say that it is away, and is not ready meanwhile", async () => {
  const lines: string[] = [];
  await configure({
    sinks: { lines: (record) => void lines.push(`${record.level}: ${record.message.join("")}`) },
    loggers: [
      { category: ["data-tracker", "writer"], lowestLevel: "info", sinks: ["lines"] },
      { category: ["logtape", "meta"], lowestLevel: "error", sinks: [] },
    ],
  });
  let error: Error = new LogAwayError("cannot reach kafka:9092");
  const task = own(async (_claim, signal, progress) => {
    if (task.clock.nowMs() < 20_000) throw error;
    progress();
    await untilRevoked(signal);
  });
  await task.clock.advanceTo(10_000);
  match(task.problems.get(3)!, /cannot reach kafka:9092/);
  deepStrictEqual(lines, []);
  error = new Error("disk full");
  await task.clock.advanceTo(40_000);
  deepStrictEqual(lines, [
    "warning: Partition 3: disk full; trying again",
    "info: Partition 3 works again",
  ]);
  task.revoke.abort();
  await task.ended;
  await reset();
});
