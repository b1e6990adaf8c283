import { deepStrictEqual, match, strictEqual } from "node:assert";
import { add, emptyMoments } from "../../stats/moments.ts";
import { partitionOf } from "../../topology.ts";
import { Reference } from "./reference.ts";
import { PARTITION_COUNT, TIMES } from "./samples.ts";
import { type FoundWindow, windowsProblems } from "./verify.ts";

const MARKET = "x:a";
const START_MS = 1_000 * TIMES.windowSizeMs;
const KEY = `${MARKET}@${START_MS}`;
const PRICES = [1e9 + 0.25, 1e9 + 0.5, 1e9 + 1];

function expected() {
  const partition = partitionOf(MARKET, PARTITION_COUNT);
  const reference = new Reference({ ...TIMES, partition, partitionCount: PARTITION_COUNT });
  PRICES.forEach((price, offset) => {
    const timestampMs = START_MS + offset;
    const sample = { v: 1, exchange: "x", instrument: "a", price, timestampMs };
    const value = new TextEncoder().encode(JSON.stringify(sample));
    reference.add({ key: MARKET, value, headers: {}, offset, appendMs: timestampMs });
  });
  return { references: [reference] };
}

function found(): FoundWindow {
  const moments = emptyMoments();
  for (const price of PRICES) add(moments, price);
  return {
    ...moments,
    min: PRICES[0]!,
    max: PRICES[2]!,
    openPrice: PRICES[0]!,
    openMs: START_MS,
    closePrice: PRICES[2]!,
    closeMs: START_MS + 2,
    tickCount: 0,
    closed: false,
    amended: false,
    revision: 6,
  };
}

const problemsOf = (windows: Iterable<[string, FoundWindow]>) =>
  windowsProblems("here", expected(), new Map(windows));

Deno.test("windowsProblems() finds nothing where all is right", () => {
  deepStrictEqual(problemsOf([[KEY, found()]]), []);
});

const WRONG: readonly [field: keyof FoundWindow, named: string, wrong: number | boolean][] = [
  ["min", "min", 1],
  ["max", "max", 2e9],
  ["openPrice", "open", 1],
  ["openMs", "openMs", START_MS + 1],
  ["closePrice", "close", 1],
  ["closeMs", "closeMs", START_MS + 1],
  ["tickCount", "ticks", 1],
  ["closed", "closed", true],
  ["amended", "amended", true],
  ["revision", "revision", 4],
  ["meanHi", "mean", (1e9 + 1.75 / 3) * (1 + 3e-14)],
];

for (const [field, named, wrong] of WRONG) {
  Deno.test(`windowsProblems() finds a wrong ${field}, and only that`, () => {
    const problems = problemsOf([[KEY, { ...found(), [field]: wrong }]]);
    strictEqual(problems.length, 1, problems.join("\n"));
    match(problems[0]!, new RegExp(`^here: ${KEY}: ${named} is `));
  });
}

Deno.test("windowsProblems() finds a wrong count, and a deviation wrong in its 14th digit", () => {
  const right = found();
  const count = problemsOf([[KEY, { ...right, count: 2 }]]);
  match(count.join(), /count is 2, must be 3.*stddev is/);
  const deviation = problemsOf([[KEY, { ...right, m2Hi: right.m2Hi * (1 + 4e-14) }]]);
  match(deviation.join(), /^[^,]*: stddev is \S+, must be \S+$/);
});

Deno.test("windowsProblems() finds a window that is missing, and one that must not be there", () => {
  deepStrictEqual(problemsOf([]), [`here: ${KEY}: not there`]);
  deepStrictEqual(problemsOf([[KEY, found()], [`${MARKET}@0`, found()]]), [
    `here: ${MARKET}@0: no sample is in this window`,
  ]);
});
