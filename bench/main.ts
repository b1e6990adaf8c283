/**
 * `deno task bench`: the figures that README quotes. Medians of several runs; only ratios from one run
 * of one machine mean anything.
 *
 * `deno task bench --help` names them.
 *
 * @module
 */
import { formatTable } from "../commands/table.ts";
import { EXIT, processOutput, runCommand, UsageError } from "../commands/command.ts";
import { simulate } from "../tests/simulation/simulation.ts";
import { type ApiFigures, benchApi } from "./api_bench.ts";
import { benchFreshness } from "./freshness_bench.ts";
import { benchKafka } from "./kafka_bench.ts";
import { median } from "./median.ts";
import { benchPipeline } from "./pipeline_bench.ts";
import { benchPoll } from "./poll_bench.ts";
import { race, RACE_OPTIONS } from "./race.ts";
import { benchRecovery } from "./recovery_bench.ts";
import { benchStream } from "./stream_bench.ts";
import { benchTakeover } from "./takeover_bench.ts";

const PIPELINE_RUNS = 3;
const TAKEOVER_RUNS = 5;
const SEED_COUNT = Number(Deno.env.get("SEEDS") ?? 100_000);

const RECOVERY_RUNS = 3;

const OPTIONS = {
  ...RACE_OPTIONS,
  database: {
    value: "URL",
    about: "freshness, api: DATABASE_URL (a SQLite file of its own); for api an empty one",
  },
  rows: { value: "N", about: "api: windows in the store (10000000)" },
  flush: { value: "TIME", about: "freshness: FLUSH_INTERVAL (30s)" },
} as const;

type Options = { readonly [K in keyof typeof OPTIONS]?: string };

const BENCHES: Record<string, (options: Options) => Promise<void>> = {
  race: (options) => race(options, processOutput),
  async api({ database, rows }) {
    const rowCount = rows === undefined ? null : Number(rows);
    if (rowCount !== null && !(rowCount >= 1)) throw new UsageError(`bench: --rows ${rows}`);
    const options = { ...(database && { database }), ...(rowCount && { rowCount }) };
    sayApi(await benchApi(options, processOutput));
  },
  async freshness({ database, flush }) {
    const { flushIntervalMs, ...figures } = await benchFreshness({
      ...(database !== undefined && { DATABASE_URL: database }),
      ...(flush !== undefined && { FLUSH_INTERVAL: flush }),
    });
    const [median, p99, max] = [figures.medianMs, figures.p99Ms, figures.maxMs].map(seconds);
    say(
      `freshness, sample appended → its statistics in the API, ${figures.sampleCount} samples, ` +
        `FLUSH_INTERVAL ${seconds(flushIntervalMs)}:`,
    );
    say(`  p99 ${p99} (median ${median}, at most ${max})`);
  },
  async recovery() {
    const { sessionTimeoutMs, silencesMs } = await benchRecovery(RECOVERY_RUNS);
    const [least, most] = [Math.min(...silencesMs), Math.max(...silencesMs)].map(seconds);
    say(
      `recovery, an aggregator killed → its partitions counted by another, ${RECOVERY_RUNS} kills:`,
    );
    say(
      `  ${seconds(median(silencesMs))} (${least} to ${most}) with SESSION_TIMEOUT ` +
        seconds(sessionTimeoutMs),
    );
  },
  async stream() {
    const { clientCount, sleeperCount, marketCount, toldMs, memoryMb } = await benchStream();
    const { idle, connected, most } = memoryMb;
    say(
      `live, ${clientCount} clients and ${sleeperCount} that never read, ${marketCount} markets:`,
    );
    say(
      `  publication → all told ${seconds(median(toldMs))}, at most ${
        seconds(Math.max(...toldMs))
      }`,
    );
    const perClientKb = (connected - idle) * 1024 / (clientCount + sleeperCount);
    say(
      `  memory ${Math.round(idle)} MB idle, ${Math.round(connected)} MB connected ` +
        `(${Math.round(perClientKb)} kB a client), ${Math.round(most)} MB at most`,
    );
  },
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
  async kafka() {
    say("Kafka, 1,000,000 samples of 2,000 markets, medians in one run, and against kafkajs' own:");
    for (const { name, recordsPerSecond, cpuSeconds, ratio } of await benchKafka()) {
      const speed = `${Math.round(recordsPerSecond)} samples/s, CPU ${cpuSeconds.toFixed(2)} s`;
      say(`  ${name.padEnd(21)}${speed}, ${ratio.toFixed(2)} times the speed`);
    }
  },
  takeover: () => takeover(true, "statistics compacted, 5 min of it not yet"),
  "takeover-uncompacted": () => takeover(false, "nothing compacted"),
  async simulation() {
    for (let seed = 1; seed <= SEED_COUNT; seed++) {
      try {
        await simulate(seed);
      } catch (cause) {
        throw new Error(`simulation, seed ${seed}: ${(cause as Error).message}`, { cause });
      }
      // What a history held weakly is let go of between two turns of the event loop only.
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (seed % 10_000 === 0) say(`simulation: ${seed} histories end equal to the oracle`);
    }
    say(`simulation: all ${SEED_COUNT} histories end equal to the oracle`);
  },
};

function sayApi({ built, bytesPerRow, dayOfOne, dayOfAll }: ApiFigures): void {
  const { rowCount, writtenPerSecond, mergeSeconds } = built;
  say(
    `API, ${rowCount} windows stored (${
      Math.round(writtenPerSecond)
    } a second, their days merged in ` +
      `${mergeSeconds.toFixed(0)} s), ${bytesPerRow.toFixed(1)} bytes each on disk:`,
  );
  say(formatTable(
    ["one market, 24 sealed windows", "requests/s", "of bare", "p99, ms", "server CPU, µs"],
    dayOfOne.map((way) => [
      way.name,
      Math.round(way.requestsPerSecond),
      Number(way.ratio.toFixed(2)),
      Number(way.p99Ms.toFixed(1)),
      Math.round(way.cpuMicroseconds),
    ]),
  ));
  say(
    `one day of all markets by exchange: median ${dayOfAll.medianMs.toFixed(0)} ms, ` +
      `p99 ${dayOfAll.p99Ms.toFixed(0)} ms`,
  );
}

async function takeover(compacted: boolean, log: string): Promise<void> {
  const runs = await benchTakeover(TAKEOVER_RUNS, compacted);
  say(`take-over with an empty disk, ${log}, median of ${TAKEOVER_RUNS}:`);
  for (const name of Object.keys(runs[0]!)) {
    const values = runs.map((run) => run[name]!);
    const [least, most] = [Math.min(...values), Math.max(...values)].map((x) => x.toFixed(1));
    say(`  ${name.padEnd(40)} ${median(values).toFixed(1)} (${least} to ${most})`);
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

Deno.exit(
  await runCommand({
    name: "bench",
    about: `
Measures what README's figures come from; without a name, all of it, which takes most of an hour.

  ${Object.keys(BENCHES).join(", ")}

SEEDS says how many histories the simulation plays, ${SEED_COUNT} now.`,
    positionals: "[NAME…]",
    options: OPTIONS,
    async run({ positionals, options }) {
      for (const name of positionals) {
        if (Object.hasOwn(BENCHES, name)) continue;
        throw new UsageError(`bench: no ${name}; there are ${Object.keys(BENCHES).join(", ")}`);
      }
      for (const name of positionals.length > 0 ? positionals : Object.keys(BENCHES)) {
        await BENCHES[name]!(options);
      }
      return EXIT.ok;
    },
  }),
);
