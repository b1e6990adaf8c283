/**
 * `deno task chaos`: real processes on a real Kafka and Postgres, killed, frozen and robbed of their
 * disks.
 *
 * @module
 */
import { EXIT, type Output, runCommand, UsageError } from "../../commands/command.ts";
import { showProgress } from "../../commands/import/progress.ts";
import { parseDuration } from "../../config/duration.ts";
import { inWords } from "../../errors.ts";
import { PLANTED_BUGS } from "./planted_bugs.ts";
import { type RunOptions, type RunReport, runSeed } from "./run.ts";

const MINUTE_MS = 60_000;
/** A planted bug must show within this many seeds. */
const PLANTED_SEED_COUNT = 10;
/** Of one run so many problems at most are printed. */
const PROBLEM_COUNT_MAX = 40;

const TABLE_HEAD = [
  "| seed | faults | samples | windows | published | rejected | notifications | checkpoints | claims | memory, MiB | s | verdict |",
  "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |",
];

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(name, () => stop.abort(new Error("Stopped")));
}

const code = await runCommand({
  name: "chaos",
  about: `
Three aggregators, two writers and two monitors over six partitions of a real Kafka, and a real
Postgres: processes are killed, frozen beyond their session, robbed of their disks, leave and join;
the broker and the database are stopped, killed and frozen, connections cut, in an order that the
seed decides. At the end every window in Kafka and in Postgres, and every notification, must be
exactly the reference's. TEST_KAFKA and TEST_POSTGRES (docker or native) say how they run.

Exit code 0: all runs were right (with --planted: the bug was found); 1: not; 2: wrong arguments.
Planted bugs: ${Object.keys(PLANTED_BUGS).join(", ")}.`,
  options: {
    seed: { value: "N", about: "The first seed (1)" },
    seeds: {
      value: "COUNT",
      about: "How many seeds, one after the other (1; planted: 10 at most)",
    },
    minutes: { value: "M", about: "How long the faults of each last (2)" },
    outage: {
      value: "SERVER=LENGTH",
      about: "In place of faults: kafka or postgres is away for so long (postgres=10m)",
    },
    planted: { value: "BUG", about: "Plant a bug that must be found" },
    report: { value: "FILE", about: "Write the table of all runs there, too" },
    logs: { value: "DIR", about: "Keep the members' logs in DIR/SEED" },
    verbose: { about: "Print each fault as it happens" },
  },
  async run({ options }, output) {
    const planted = options.planted ?? null;
    if (planted !== null && !(planted in PLANTED_BUGS)) {
      throw new UsageError(
        `--planted ${planted}: must be one of ${Object.keys(PLANTED_BUGS).join(", ")}`,
      );
    }
    const outage = options.outage === undefined ? null : outageFrom(options.outage);
    const first = numberOf("seed", options.seed, 1, { isWhole: true });
    const fallback = planted === null ? 1 : PLANTED_SEED_COUNT;
    const count = numberOf("seeds", options.seeds, fallback, { isWhole: true });
    const durationMs = numberOf("minutes", options.minutes, 2) * MINUTE_MS;
    const rows: string[] = [...TABLE_HEAD];
    output.out(`${rows.join("\n")}\n`);
    let redCount = 0;
    let unplayedCount = 0;
    for (let seed = first; seed < first + count; seed++) {
      const logDirectory = options.logs === undefined ? null : `${options.logs}/${seed}`;
      const isVerbose = options.verbose ?? false;
      const run = play({ seed, durationMs, outage, planted, logDirectory }, isVerbose, output);
      const report = await run.catch((error: Error) => {
        stop.signal.throwIfAborted();
        // No verdict on this seed; the others need not wait for who looks into it.
        output.err(`seed ${seed}: could not be played: ${inWords(error)}\n`);
        return null;
      });
      if (report === null) {
        unplayedCount++;
        continue;
      }
      rows.push(rowOf(report));
      output.out(`${rows.at(-1)}\n`);
      if (options.report !== undefined) {
        await Deno.writeTextFile(options.report, `${rows.join("\n")}\n`);
      }
      if (report.problems.length === 0) continue;
      redCount++;
      tell(report, output);
      if (planted !== null) break;
    }
    if (planted === null) return redCount + unplayedCount === 0 ? EXIT.ok : EXIT.failure;
    output.out(redCount > 0 ? `"${planted}" was found\n` : `"${planted}" was not found\n`);
    return redCount > 0 ? EXIT.ok : EXIT.failure;
  },
});
Deno.exit(code);

async function play(
  options: Pick<RunOptions, "seed" | "durationMs" | "outage" | "planted" | "logDirectory">,
  isVerbose: boolean,
  output: Output,
): Promise<RunReport> {
  using bar = showProgress(`seed ${options.seed}`, 1000, output);
  return await runSeed({
    ...options,
    signal: stop.signal,
    progress: (share) => bar.update(Math.floor(1000 * share)),
    say: (line) => isVerbose && output.err(`${line}\n`),
  });
}

function rowOf(report: RunReport): string {
  const verdict = report.problems.length === 0 ? "right" : `${report.problems.length} problems`;
  const cells = [
    report.seed,
    report.faultCount,
    report.sampleCount,
    report.windowCount,
    report.publishedCount,
    report.rejectedCount,
    report.notificationCount,
    report.checkpointCount,
    report.claimCount,
    Object.values(report.peakBytes).map((bytes) => Math.round(bytes / 1024 ** 2)).join(" + "),
    Math.round(report.durationMs / 1000),
    verdict,
  ];
  return `| ${cells.join(" | ")} |`;
}

function tell({ seed, problems }: RunReport, output: Output): void {
  for (const problem of problems.slice(0, PROBLEM_COUNT_MAX)) {
    output.err(`seed ${seed}: ${problem}\n`);
  }
  const more = problems.length - PROBLEM_COUNT_MAX;
  if (more > 0) output.err(`seed ${seed}: and ${more} more\n`);
}

function outageFrom(text: string): RunOptions["outage"] {
  const [, name, length = ""] = /^(kafka|postgres)=(.+)$/.exec(text) ?? [];
  const forMs = parseDuration(length);
  if (forMs === null || forMs === 0) {
    throw new UsageError(`--outage ${text}: must be like postgres=10m`);
  }
  return { server: name === "kafka" ? "broker" : "database", forMs };
}

function numberOf(
  name: string,
  text: string | undefined,
  fallback: number,
  { isWhole = false } = {},
): number {
  const number = text === undefined ? fallback : Number(text);
  if (number > 0 && Number.isFinite(number) && (!isWhole || Number.isInteger(number))) {
    return number;
  }
  throw new UsageError(`--${name} ${text}: must be a ${isWhole ? "whole " : ""}number above 0`);
}
