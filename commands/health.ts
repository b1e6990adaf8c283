/**
 * `deno task health`: whether the process that this configuration describes is alive, or ready; for
 * a container's health check.
 *
 * @module
 */
import { type Config, loadConfig } from "../config.ts";
import { inWords } from "../errors.ts";
import { type Command, EXIT, runCommand } from "./command.ts";

/** A process that has not answered within this time, in ms, does not answer. */
const ANSWER_TIME_MAX_MS = 3_000;

/** Where a process that listens everywhere is reached from beside it. */
const LOOPBACK: Readonly<Record<string, string>> = { "0.0.0.0": "127.0.0.1", "::": "::1" };

const options = {
  ready: { about: "Whether all its roles do their work, not only whether it is alive" },
} as const;

/** The command. */
export const healthCommand: Command<typeof options> = {
  name: "health",
  about: `
Asks the process at HOST and PORT whether it is alive, and ends with 0 if it is, else with 1 and the
reason in a line.`,
  options,
  async run({ options: { ready = false } }, output) {
    const address = addressOf(loadConfig({ dev: true }));
    const problem = await problemAt(`http://${address}/${ready ? "readyz" : "healthz"}`);
    if (problem === null) output.out(`${address}: ${ready ? "ready" : "alive"}\n`);
    else output.err(`${address}: ${problem}\n`);
    return problem === null ? EXIT.ok : EXIT.failure;
  },
};

/**
 * `host:port` to ask at.
 *
 * @throws {Error} Where the configuration leaves the port to chance.
 */
export function addressOf({ host, port }: Pick<Config, "host" | "port">): string {
  if (port === 0) {
    throw new Error("PORT=0: the process took any free port; set PORT to one that can be asked");
  }
  const reached = LOOPBACK[host] ?? host;
  return `${reached.includes(":") ? `[${reached}]` : reached}:${port}`;
}

/** What is wrong, or `null`. */
async function problemAt(url: string): Promise<string | null> {
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(ANSWER_TIME_MAX_MS) });
    const { detail } = await response.json();
    return response.ok ? null : detail ?? `answered ${response.status}`;
  } catch (error) {
    if ((error as Error).name === "TimeoutError") {
      return `no answer within ${ANSWER_TIME_MAX_MS} ms`;
    }
    return /refused/.test(inWords(error))
      ? "nothing listens there; is the process running, with this HOST and PORT?"
      : "what answers there is not this program";
  }
}

if (import.meta.main) Deno.exitCode = await runCommand(healthCommand);
