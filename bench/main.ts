/**
 * `deno task bench`: the figures that README quotes. Medians of several runs; only ratios from one run
 * of one machine mean anything.
 *
 * `deno task bench [pipeline|poll|simulation …]`; SEEDS says how many histories the simulation plays.
 *
 * @module
 */
import { simulate } from "../tests/simulation/simulation.ts";
import { benchPipeline } from "./pipeline_bench.ts";
import { benchPoll } from "./poll_bench.ts";

const PIPELINE_RUNS = 3;
const SEED_COUNT = Number(Deno.env.get("SEEDS") ?? 100_000);

const BENCHES: Record<string, () => Promise<void>> = {
  async pipeline() {
    const runs = [];
    for (let i = 0; i < PIPELINE_RUNS; i++) runs.push(await benchPipeline());
    const { sampleCount } = runs[0]!;
    say(`embedded pipeline, ${sampleCount} samples of 2,000 markets, median of ${PIPELINE_RUNS}:`);
    say(
      `  counted and stored   ${
        Math.round(sampleCount / median(runs.map((run) => run.countSeconds)))
      } samples/s`,
    );
    say(
      `  appended             ${
        Math.round(sampleCount / median(runs.map((run) => run.appendSeconds)))
      } samples/s`,
    );
    say(`  CPU, counting        ${median(runs.map((run) => run.cpuSeconds)).toFixed(1)} s`);
    say(`  peak memory          ${Math.round(median(runs.map((run) => run.peakMegabytes)))} MB`);
  },
  async poll() {
    for (const { name, minMs, medianMs, maxMs } of await benchPoll()) {
      say(`${name}: ${medianMs.toFixed(0)} ms (${minMs.toFixed(0)} to ${maxMs.toFixed(0)})`);
    }
  },
  async simulation() {
    for (let seed = 1; seed <= SEED_COUNT; seed++) {
      try {
        await simulate(seed);
      } catch (cause) {
        throw new Error(`simulation, seed ${seed}: ${(cause as Error).message}`, { cause });
      }
      if (seed % 10_000 === 0) say(`simulation: ${seed} histories end equal to the oracle`);
    }
    say(`simulation: all ${SEED_COUNT} histories end equal to the oracle`);
  },
};

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

const names = Deno.args.length > 0 ? Deno.args : Object.keys(BENCHES);
for (const name of names) {
  const bench = BENCHES[name];
  if (bench === undefined) {
    say(`bench: no ${name}; there are ${Object.keys(BENCHES).join(", ")}`);
    Deno.exit(2);
  }
  await bench();
}
