/**
 * The race: this program's aggregator and Kafka Streams do the same job in turn, on the same samples
 * of the same broker, with the same definition of done: the group has committed the end of every
 * partition, and what was published is right.
 *
 * Its throughput is counted from the moment at which a group has its partitions; CPU time and memory
 * are those of the whole life of the process.
 *
 * @module
 */
import { openKafkaTopicLog } from "../adapters/kafka/topic_log.ts";
import { type Output, UsageError } from "../commands/command.ts";
import { showProgress } from "../commands/import/progress.ts";
import { startKafka } from "../tests/integration/kafka_server.ts";
import { OURS } from "./race_ours.ts";
import { reportOf, type Result } from "./race_report.ts";
import { type Contestant, run, type RunFigures } from "./race_run.ts";
import { type ExpectedWindows, fill, type Scenario } from "./race_samples.ts";
import { buildStreams, streamsContestant, streamsVariants } from "./streams/streams.ts";

const RUN_COUNT = 5;
const SAMPLE_COUNT = 1_000_000;
const MARKET_COUNTS = [2_000, 200_000];
/** As Kafka's own scripts start a broker. */
const BROKER_FLAGS = ["-Xms1g", "-Xmx1g", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"];
/**
 * How long a new group waits for all its members, in ms (Kafka's default: 3,000). With none the first
 * of two processes may have all partitions, and counts for nothing until the other has come.
 */
const JOIN_DELAY_MS = 500;

/** The race's options on the command line. */
export const RACE_OPTIONS = {
  runs: { value: "N", about: `race: how often each runs; medians are told (${RUN_COUNT})` },
  samples: { value: "N", about: `race: how many samples (${SAMPLE_COUNT})` },
  markets: { value: "N", about: `race: of how many markets (${MARKET_COUNTS.join(", then ")})` },
  only: { value: "ours|streams", about: "race: one of the two alone" },
  report: { value: "FILE", about: "race: where to write its tables, too" },
} as const;

/** What was given of {@link RACE_OPTIONS}. */
export type RaceOptions = { readonly [K in keyof typeof RACE_OPTIONS]?: string };

/** Runs the race and prints its tables. @throws {UsageError} Where an option makes no sense. */
export async function race(options: RaceOptions, output: Output): Promise<void> {
  const runCount = wholeOf("runs", options.runs) ?? RUN_COUNT;
  const sampleCount = wholeOf("samples", options.samples) ?? SAMPLE_COUNT;
  const marketCount = wholeOf("markets", options.markets);
  const { only, report } = options;
  if (only !== undefined && only !== "ours" && only !== "streams") {
    throw new UsageError(`bench: --only ${only}: must be ours or streams`);
  }
  const reports: string[] = [];
  await using streams = only === "ours" ? null : await buildStreams();
  for (const count of marketCount === null ? MARKET_COUNTS : [marketCount]) {
    const tickCount = Math.max(1, Math.round(sampleCount / count));
    const scenario = { marketCount: count, tickCount };
    const contestants = streams === null
      ? []
      : streamsVariants(scenario).map((variant) =>
        streamsContestant(variant, scenario, streams.classPath)
      );
    if (only !== "streams") contestants.unshift(...OURS);
    const text = reportOf(scenario, await raceOf(scenario, contestants, runCount, output));
    output.out(`${text}\n`);
    reports.push(text);
    if (report !== undefined) await Deno.writeTextFile(report, reports.join("\n"));
  }
}

/** Fills a topic, and lets all count it, one after the other and again. */
async function raceOf(
  scenario: Scenario,
  contestants: readonly Contestant[],
  runCount: number,
  output: Output,
): Promise<Result[]> {
  await using kafka = await startKafka(
    { "group.initial.rebalance.delay.ms": `${JOIN_DELAY_MS}` },
    { javaFlags: BROKER_FLAGS },
  );
  const expected = await filled(scenario, kafka.broker, output);
  const total = contestants.length * runCount;
  using progress = showProgress(`${scenario.marketCount} markets: runs`, total, output);
  const runs = new Map<Contestant, RunFigures[]>(contestants.map((who) => [who, []]));
  for (let done = 0; done < total;) {
    for (const [contestant, figures] of runs) {
      figures.push(await run(contestant, kafka.broker, expected));
      progress.update(++done);
    }
  }
  return [...runs].map(([who, runs]) => ({ name: who.name, isOurs: OURS.includes(who), runs }));
}

async function filled(
  scenario: Scenario,
  broker: string,
  output: Output,
): Promise<ExpectedWindows> {
  const { marketCount, tickCount } = scenario;
  const what = `${marketCount} markets: samples into the topic`;
  using progress = showProgress(what, marketCount * tickCount, output);
  await using log = await openKafkaTopicLog({ brokers: [broker], clientId: "fill" });
  return await fill(log, scenario, (done) => progress.update(done));
}

function wholeOf(option: keyof RaceOptions, text: string | undefined): number | null {
  if (text === undefined) return null;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new UsageError(`bench: --${option} ${text}: must be a whole number from 1`);
}
