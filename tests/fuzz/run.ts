/**
 * A run of the fuzzer: rounds of Schemathesis, each with a seed of its own, until so many requests
 * were answered or something was found.
 *
 * @module
 */
import { preparePython } from "./python.ts";
import { type Round, type RoundOptions, runSchemathesis } from "./schemathesis.ts";
import { type Answers, FuzzedServer } from "./server.ts";

/** Requests that one example comes to, all operations together: about, so that a run ends near its mark. */
const REQUESTS_PER_EXAMPLE = 10;
/** With fewer a start costs more than they do; with more too much is lost where a run is stopped. */
const [EXAMPLES_MIN, EXAMPLES_MAX] = [5, 200];
/** Each request for the stream takes as long as nothing is told there. */
const STREAM_EXAMPLES = 30;
const LOOK_INTERVAL_MS = 1_000;

/** What to do. */
export interface FuzzOptions {
  /** At least so many requests, unless something is found before. */
  requestCount: number;
  seed: number;
  /** `null`: SQLite in a folder that goes afterwards. */
  databaseUrl: string | null;
  /** Whether the live stream is asked for, too, which takes a minute. */
  hasStream: boolean;
  progress?: (requestCount: number) => void;
  /** Ends it before its time; what was done by then is told. */
  signal?: AbortSignal;
}

/** What came of it. */
export interface FuzzReport {
  /** Requests that the server answered, by status. */
  answers: Answers;
  requestCount: number;
  roundCount: number;
  findingCount: number;
  /** What was found, in Schemathesis's words, and what the server's log says of errors. */
  findings: string;
  /** What the fuzzer saw, by status, type and whether there were rows. */
  kinds: Readonly<Record<string, number>>;
}

/** Runs it. */
export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const python = await preparePython();
  const folder = await Deno.makeTempDir({ prefix: "data-tracker-fuzz-" });
  try {
    await using server = await FuzzedServer.start(folder, options.databaseUrl);
    return await runRounds(folder, server, { ...options, python });
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function runRounds(
  folder: string,
  server: FuzzedServer,
  { requestCount: wanted, seed, hasStream, python, signal, progress = () => {} }: FuzzOptions & {
    python: string;
  },
): Promise<FuzzReport> {
  const before = await server.answers();
  const look = async () => less(await server.answers(), before);
  const rounds: Round[] = [];
  let answers: Answers = {};
  const play = async (round: Omit<RoundOptions, "python" | "url" | "seed" | "signal">) => {
    const tell = async () => progress(sumOf(await look()));
    const timer = setInterval(() => void tell().catch(() => {}), LOOK_INTERVAL_MS);
    try {
      const own = { python, signal, url: server.url, seed: seed + rounds.length };
      rounds.push(await runSchemathesis(folder, { ...own, ...round }));
      answers = await look();
    } finally {
      clearInterval(timer);
    }
  };

  try {
    if (hasStream) {
      await play({ exampleCount: STREAM_EXAMPLES, hasCoverage: true, isOfStream: true });
    }
    let hasCoverage = true;
    do {
      const rest = Math.ceil((wanted - sumOf(answers)) / REQUESTS_PER_EXAMPLE);
      const exampleCount = Math.max(EXAMPLES_MIN, Math.min(EXAMPLES_MAX, rest));
      await play({ exampleCount, hasCoverage, isOfStream: false });
      hasCoverage = false;
    } while (sumOf(answers) < wanted && !isFound(rounds));
  } catch (error) {
    // Told to stop: the rounds that ended count.
    if (!signal?.aborted) throw error;
  }
  return reportOf(rounds, answers, server.errors);
}

function reportOf(
  rounds: readonly Round[],
  answers: Answers,
  errors: readonly string[],
): FuzzReport {
  const found = rounds.filter((round) => round.findingCount > 0);
  return {
    answers,
    requestCount: sumOf(answers),
    roundCount: rounds.length,
    findingCount: found.reduce((sum, round) => sum + round.findingCount, errors.length),
    findings: [...found.map(({ text }) => text), ...errors].join("\n"),
    kinds: addedUp(rounds.map((round) => round.kinds)),
  };
}

function isFound(rounds: readonly Round[]): boolean {
  return rounds.some(({ findingCount }) => findingCount > 0);
}

function sumOf(answers: Answers): number {
  return Object.values(answers).reduce((sum, count) => sum + count, 0);
}

function less(answers: Answers, before: Answers): Answers {
  return Object.fromEntries(
    Object.entries(answers).map(([status, count]) => [status, count - (before[status] ?? 0)]),
  );
}

function addedUp(all: readonly Readonly<Record<string, number>>[]): Record<string, number> {
  const sums: Record<string, number> = {};
  for (const [kind, count] of all.flatMap(Object.entries)) sums[kind] = (sums[kind] ?? 0) + count;
  return sums;
}
