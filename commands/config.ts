/**
 * `deno task config`: the effective configuration, and where each value came from.
 *
 * @module
 */
import { ConfigError, loadSettings } from "../config.ts";
import { type Command, EXIT, runCommand } from "./command.ts";
import { formatTable } from "./table.ts";

const options = {
  dev: { about: "As `deno task dev` has it" },
  json: { about: "As JSON, for programs" },
} as const;

/** The command. */
export const configCommand: Command<typeof options> = {
  name: "config",
  about: `
Shows the effective configuration: every setting, its value and where it came from, secrets hidden.
Settings are environment variables, or keys of the JSON file that CONFIG_FILE names; the environment
wins. Ends with 2 where something is wrong, and says all that is.`,
  options,
  run({ options: { dev = false, json = false } }, output) {
    const { rows, problems } = loadSettings({ dev, runs: true });
    if (json) output.out(`${JSON.stringify({ settings: rows, problems }, null, 2)}\n`);
    else {
      output.out(formatTable(
        ["setting", "value", "from", "what"],
        rows.map(({ name, text, origin, about }) => [name, text, origin, about]),
      ));
    }
    if (problems.length === 0) return EXIT.ok;
    if (!json) output.err(`\n${new ConfigError(problems).message}\n`);
    return EXIT.usage;
  },
};

if (import.meta.main) Deno.exitCode = await runCommand(configCommand);
