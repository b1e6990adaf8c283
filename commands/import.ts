/**
 * `deno task import`: history from files into the statistics store, or through the pipeline.
 *
 * @module
 */
import { fileIn } from "../adapters/deno_kv/data_directory.ts";
import { type Config, loadConfig } from "../config.ts";
import { formatDuration, parseDuration } from "../config/duration.ts";
import { ROLES } from "../config/settings.ts";
import { openEngine } from "../process/engine.ts";
import type { DayMerging } from "../ports/day_statistics.ts";
import { StoreUnavailableError } from "../ports/statistics_store.ts";
import { openStore } from "../process/store.ts";
import { configureLogging } from "../logging.ts";
import { isTickMs } from "../stats/sample.ts";
import { type Command, EXIT, type Output, runCommand, UsageError } from "./command.ts";
import { importAsSamples } from "./import/as_samples.ts";
import { STANDARD_INPUT } from "./import/input.ts";
import type { Ended } from "./import/report.ts";
import { Report } from "./import/report.ts";
import { type ImportInput, importWindows } from "./import/windows.ts";

/** The pipeline's own news would stand between the lines of the progress. */
const LOG_LEVEL = "warning";

/** A scratch file this old is nobody's any more. */
const LEFTOVER_MS = 3 * 86_400_000;

const options = {
  interval: {
    value: "DURATION",
    about: "Rows are ticks of a schedule, so spaced (1m): gives coverage, drops repeated ones",
  },
  "as-samples": {
    about: "Send them through topic `samples` and the aggregator, for an empty deployment",
  },
} as const;

/** The command. */
export const importCommand: Command<typeof options> = {
  name: "import",
  positionals: `FILE… (${STANDARD_INPUT}: standard input)`,
  about: `
Brings history in: CSV with the header exchange,instrument,timestamp,price in any order, further
columns ignored, or NDJSON of the same fields; packed with gzip or not. A timestamp is ISO 8601 (UTC
where it has no zone) or epoch milliseconds. Lines that are no rows are shown, counted and left out.

Works beside a running process. Windows are replaced only by such as count more samples, so an import
can be repeated, and the order of files and lines makes no difference. Ends when all is stored.

With --as-samples nothing else may run in the data directory.`,
  options,
  async run({ positionals: paths, options }, output) {
    const config = loadConfig({ dev: true });
    if (paths.length === 0) throw new UsageError("import: which files?");
    const input = {
      paths,
      windowSizeMs: config.windowSizeMs,
      intervalMs: intervalOf(options.interval, config),
      byteCount: await totalBytes(paths),
      limits: {
        timeMaxMs: Date.now() + config.maxSkewMs,
        skipsZeroPrices: config.zeroPrices === "skip",
      },
      spillPath: fileIn(config.dataDirectory, `import-${Deno.pid}.tmp`),
    };
    await configureLogging({ ...config, log: { ...config.log, level: LOG_LEVEL } });
    const report = new Report(output);
    const ended = options["as-samples"]
      ? await throughPipeline(input, config, report, output)
      : await intoStore(input, config, report, output);
    report.print(ended);
    return ended.countedCount > 0 ? EXIT.ok : EXIT.failure;
  },
};

async function throughPipeline(
  input: ImportInput,
  config: Config,
  report: Report,
  output: Output,
): Promise<Ended> {
  await using engine = await openEngine({
    ...config,
    roles: ROLES,
    // Else old history would be deleted as it comes.
    keepStatisticsMs: null,
  });
  return await importAsSamples(input, config, engine, report, output);
}

/** Opens the store without the data directory's lock: it lets the process that has it go on. */
async function intoStore(
  input: ImportInput,
  config: Config,
  report: Report,
  output: Output,
): Promise<Ended> {
  const { dataDirectory } = config;
  await Deno.mkdir(dataDirectory, { recursive: true }).catch((cause) => {
    throw new Error(`DATA_DIR: cannot write to ${dataDirectory}; set it to another folder`, {
      cause,
    });
  });
  await removeLeftovers(dataDirectory);
  await using store = await openStore({ ...config, startupPatienceMs: 0 });
  const ended = await importWindows(input, store, report, output);
  await mergeAllDays(store);
  return ended;
}

/** So that answers are quick at once; where another process is in the way, it does it in its time. */
async function mergeAllDays(store: DayMerging): Promise<void> {
  try {
    while (await store.mergeDays());
  } catch (error) {
    if (!(error instanceof StoreUnavailableError)) throw error;
  }
}

/** An import that was killed leaves its scratch file; none runs for days. */
async function removeLeftovers(directory: string): Promise<void> {
  for await (const { name } of Deno.readDir(directory)) {
    if (!/^import-\d+\.tmp$/.test(name)) continue;
    const { mtime } = await Deno.stat(fileIn(directory, name));
    if (Date.now() - (mtime?.getTime() ?? 0) > LEFTOVER_MS) {
      await Deno.remove(fileIn(directory, name));
    }
  }
}

function intervalOf(text: string | undefined, { windowSizeMs }: Config): number | null {
  if (text === undefined) return null;
  const intervalMs = parseDuration(text);
  if (
    intervalMs !== null && intervalMs > 0 && isTickMs(intervalMs) && windowSizeMs % intervalMs === 0
  ) return intervalMs;
  throw new UsageError(
    `import: --interval ${text}: must be whole seconds that WINDOW=${
      formatDuration(windowSizeMs)
    } ` +
      "is a multiple of, written like 1m",
  );
}

async function totalBytes(paths: readonly string[]): Promise<number> {
  let byteCount = 0;
  for (const path of paths) {
    if (path === STANDARD_INPUT) return 0;
    const info = await Deno.stat(path).catch((cause) => {
      throw new UsageError(`import: ${path}: cannot be found`, { cause });
    });
    if (info.isDirectory) throw new UsageError(`import: ${path}: is a folder; name its files`);
    byteCount += info.size;
  }
  return byteCount;
}

if (import.meta.main) Deno.exitCode = await runCommand(importCommand);
