/**
 * One run of Schemathesis against a server.
 *
 * @module
 */
const CONFIG = new URL("schemathesis.toml", import.meta.url).pathname;
const HOOKS = new URL("hooks.py", import.meta.url).pathname;

/** The route that never ends. */
const STREAM = "/v1/statistics/stream";

/** What a run is to do. */
export interface RoundOptions {
  /** The Python that has Schemathesis. */
  python: string;
  url: string;
  seed: number;
  /** How many requests it makes up of each operation, more or less. */
  exampleCount: number;
  /** Whether to try the values at the edges of every schema, too: the same with every seed. */
  hasCoverage: boolean;
  /** Whether to ask for the stream, and nothing else, or for all else. */
  isOfStream: boolean;
  /** Ends it before its time. */
  signal?: AbortSignal | undefined;
}

/** What came of a run. */
export interface Round {
  /** What Schemathesis said; of interest where it found something. */
  text: string;
  findingCount: number;
  /** Answers by status, type, and whether they had rows, as the hooks saw them. */
  kinds: Readonly<Record<string, number>>;
}

/** Runs it in a folder of its own. */
export async function runSchemathesis(
  folder: string,
  { python, url, seed, exampleCount, hasCoverage, isOfStream, signal }: RoundOptions,
): Promise<Round> {
  const phases = ["fuzzing", "stateful", ...(hasCoverage ? ["examples", "coverage"] : [])];
  const [report, kinds] = [`${folder}/report-${seed}.json`, `${folder}/kinds-${seed}.json`];
  const { code, stdout, stderr } = await new Deno.Command(python, {
    args: [
      ...["-m", "schemathesis.cli", "--config-file", CONFIG, "run", `${url}/openapi.json`],
      ...["--seed", `${seed}`, "--max-examples", `${exampleCount}`, "--phases", phases.join()],
      ...[isOfStream ? "--include-path" : "--exclude-path", STREAM],
      ...["--report", "json", "--report-json-path", report, "--no-color"],
      // What it found before is not remembered: a seed means the same everywhere.
      ...["--generation-database", "none"],
    ],
    cwd: folder,
    env: { SCHEMATHESIS_HOOKS: HOOKS, FUZZ_KINDS: kinds, PYTHONDONTWRITEBYTECODE: "1" },
    stdin: "null",
    ...(signal && { signal }),
  }).output();
  signal?.throwIfAborted();
  const text = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  const read = async (path: string) => {
    try {
      return JSON.parse(await Deno.readTextFile(path));
    } catch (cause) {
      throw new Error(`Schemathesis broke off (exit code ${code}):\n${text}`, { cause });
    }
  };
  const { test_cases: cases, errors } = await read(report);
  return {
    text,
    findingCount: Math.max(code, cases.unique_failures + errors.length),
    kinds: await read(kinds),
  };
}
