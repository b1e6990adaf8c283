/**
 * One run of a race: a contestant counts all samples of a topic, seen from outside, and what it
 * published is compared with what it had to be.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { LogRecord, TopicSpec } from "../ports/topic_log.ts";
import type { MeasuredProcess, ProcessCost } from "./measured_process.ts";
import { RaceBroker } from "./race_broker.ts";
import type { ExpectedWindow, ExpectedWindows } from "./race_samples.ts";

/** Doubles summed in another order differ by this much at most, relatively. */
const TOLERANCE = 1e-9;

/** Who takes part. */
export interface Contestant {
  name: string;
  /** Of one run: a group of Kafka Streams is not left when its process ends, and keeps its member for a while. */
  groupIdOf(runId: string): string;
  /** The topic of its statistics. */
  output: string;
  /** The topics to make for it, empty. */
  topics: readonly TopicSpec[];
  /** How many processes share the partitions. */
  processCount: number;
  /** Whether its process ends when all is counted, unasked. */
  endsItself: boolean;
  /** Starts a process, with an empty folder of its own. */
  start(at: StartPlace): MeasuredProcess;
  /** The window's key and statistics that a record of its output holds; a later one replaces an earlier. */
  windowOf(record: LogRecord): [key: string, window: ExpectedWindow];
}

/** Where a contestant's process begins. */
export interface StartPlace {
  broker: string;
  groupId: string;
  folder: string;
}

/** What a run came to. */
export interface RunFigures extends ProcessCost {
  /** From the start of the first process until the group has committed the end of every partition, in s. */
  totalSeconds: number;
  /** The same from the moment at which the group's members had their partitions. */
  countSeconds: number;
}

/** Runs a contestant once. @throws Where what it published is wrong. */
export async function run(
  contestant: Contestant,
  brokerAddress: string,
  expected: ExpectedWindows,
): Promise<RunFigures> {
  const { topics, output } = contestant;
  const groupId = contestant.groupIdOf(crypto.randomUUID());
  // A connection of its own: one that has read a topic takes all others for gone once that one is.
  await using broker = await RaceBroker.open(brokerAddress);
  await broker.reset(groupId, topics);
  const folder = await Deno.makeTempDir({ prefix: "race-" });
  try {
    await using stack = new AsyncDisposableStack();
    const processes: MeasuredProcess[] = [];
    for (let i = 0; i < contestant.processCount; i++) {
      const place = { broker: brokerAddress, groupId, folder: `${folder}/${i}` };
      await Deno.mkdir(place.folder);
      processes.push(stack.use(contestant.start(place)));
    }
    const check = () => processes.forEach((process) => process.assertRuns());
    // The first of several begins alone: what it counts until the others have joined is in the figures.
    await broker.assigned(groupId, check);
    const assignedMs = performance.now();
    await broker.counted(groupId, check);
    const countedMs = performance.now();
    // At once: who is left would take the others' partitions over.
    const costs = await Promise.all(processes.map((process) => process.end(contestant)));
    await verify(contestant, broker.records(output), expected);
    return {
      // Each is of all that have ended by then.
      cpuSeconds: Math.max(...costs.map(({ cpuSeconds }) => cpuSeconds)),
      peakMegabytes: costs.reduce((sum, { peakMegabytes }) => sum + peakMegabytes, 0),
      totalSeconds: (countedMs - processes[0]!.startedMs) / 1_000,
      countSeconds: (countedMs - assignedMs) / 1_000,
    };
  } catch (cause) {
    throw new Error(`${contestant.name}: ${(cause as Error).message}`, { cause });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function verify(
  { windowOf }: Contestant,
  records: AsyncIterable<LogRecord>,
  expected: ExpectedWindows,
): Promise<void> {
  const windows = new Map<string, ExpectedWindow>();
  for await (const record of records) windows.set(...windowOf(record));
  const total = (all: ExpectedWindows) => all.values().reduce((sum, { count }) => sum + count, 0);
  strictEqual(total(windows), total(expected), "samples counted");
  strictEqual(windows.size, expected.size, "windows");
  for (const [key, { mean, m2, ...exact }] of expected) {
    const window = windows.get(key);
    ok(window !== undefined, `no window ${key}`);
    const { count, min, max } = window;
    deepStrictEqual({ count, min, max }, exact, key);
    ok(isNear(window.mean, mean), `${key}: the mean is ${window.mean}, not ${mean}`);
    ok(isNear(window.m2, m2), `${key}: m2 is ${window.m2}, not ${m2}`);
  }
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= TOLERANCE * Math.max(Math.abs(a), Math.abs(b));
}
