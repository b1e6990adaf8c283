/**
 * Runs a command of the program in this process, with settings of its own.
 *
 * @module
 */
import { type Command, type Option, runCommand } from "../commands/command.ts";
import { SETTING_NAMES } from "../config/settings.ts";
import { lockEnvironment } from "./environment.ts";

/** What a command printed, and its exit code. */
export interface CommandOutput {
  code: number;
  out: string;
  err: string;
}

/** Runs it with `settings` in the place of those of the environment. */
export async function outputOf<O extends Record<string, Option>>(
  command: Command<O>,
  args: readonly string[],
  settings: Readonly<Record<string, string>> = {},
): Promise<CommandOutput> {
  using _environment = await lockEnvironment();
  const names = [...SETTING_NAMES, "CONFIG_FILE", ...Object.keys(settings)];
  const before = names.map((name) => [name, Deno.env.get(name)] as const);
  let [out, err] = ["", ""];
  try {
    for (const name of names) Deno.env.delete(name);
    for (const [name, value] of Object.entries(settings)) Deno.env.set(name, value);
    const code = await runCommand(command, args, {
      out: (text) => void (out += text),
      err: (text) => void (err += text),
      isTerminal: false,
    });
    return { code, out, err };
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}
