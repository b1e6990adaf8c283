/**
 * `deno task fuzz`: Schemathesis, which makes requests up from the OpenAPI document, against a server
 * of our own.
 *
 * @module
 */
import { EXIT, runCommand, UsageError } from "../../commands/command.ts";
import { showProgress } from "../../commands/import/progress.ts";
import { fuzz, type FuzzReport } from "./run.ts";

const REQUESTS = 10_000;

const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(name, () => stop.abort(new Error("Stopped")));
}

const code = await runCommand({
  name: "fuzz",
  about: `
Starts the program with a simulated market and two days of odd history, and lets Schemathesis ask its
API what its OpenAPI document allows, and what it does not: nothing may be answered with 5xx, off its
schema, by an undocumented status, or be taken or refused against the document.

Needs Python 3.10 or later; Schemathesis itself is installed into .cache/ at first.
Exit code 0: nothing was found; 1: something was; 2: wrong arguments.`,
  options: {
    requests: { value: "N", about: `At least so many requests (${REQUESTS})` },
    database: { value: "URL", about: "An empty postgres://, which is written to (SQLite)" },
    seed: { value: "S", about: "The first round's; each round has the next (by chance)" },
  },
  async run({ options }, output) {
    const requestCount = numberOf("requests", options.requests, REQUESTS);
    const seed = numberOf("seed", options.seed, Math.floor(Math.random() * 1e6) + 1);
    using bar = showProgress("requests", requestCount, output);
    const report = await fuzz({
      requestCount,
      seed,
      databaseUrl: options.database ?? null,
      hasStream: true,
      progress: (count) => bar.update(count),
      signal: stop.signal,
    });
    if (report.findingCount > 0) output.out(`${report.findings}\n`);
    output.out(`${summaryOf(report, seed)}\n`);
    const isWhole = report.requestCount >= requestCount;
    if (!isWhole) output.err(`Stopped before ${requestCount} requests\n`);
    return report.findingCount === 0 && isWhole ? EXIT.ok : EXIT.failure;
  },
});
Deno.exit(code);

function summaryOf(
  { requestCount, roundCount, answers, kinds, findingCount }: FuzzReport,
  seed: number,
): string {
  return [
    table("answered with", answers),
    table("seen", kinds),
    `${requestCount} requests in ${roundCount} rounds from seed ${seed}: ` +
    (findingCount > 0 ? `${findingCount} findings` : "nothing found"),
  ].join("\n\n");
}

function table(head: string, counts: Readonly<Record<string, number>>): string {
  const rows = Object.entries(counts).toSorted(([a], [b]) => a < b ? -1 : 1)
    .map(([name, count]) => `| ${name} | ${count} |`);
  return [`| ${head} | requests |`, "| --- | ---: |", ...rows].join("\n");
}

function numberOf(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const number = Number(text);
  if (Number.isSafeInteger(number) && number > 0) return number;
  throw new UsageError(`--${name} ${text}: must be a whole number above 0`);
}
