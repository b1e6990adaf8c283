/**
 * What all commands share: arguments, `--help`, exit codes, and errors in words.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ConfigError } from "../config.ts";
import { inWords } from "../errors.ts";

/** Exit codes, as shells expect them. */
export const EXIT = { ok: 0, failure: 1, usage: 2 } as const;

/** An option of a command. */
export interface Option {
  about: string;
  /** What its value is called; without one it is a switch. */
  value?: string;
}

/** A command of the program: `deno task NAME`. */
export interface Command<O extends Record<string, Option> = Record<string, Option>> {
  name: string;
  /** What it does; the first line stands in `--help` before the options. */
  about: string;
  /** The arguments after the name, as `--help` shows them; without it none are taken. */
  positionals?: string;
  options: O;
  /** Does the work; the exit code. */
  run(given: Given<O>, output: Output): Promise<number> | number;
}

/** What was given on the command line. */
export interface Given<O extends Record<string, Option>> {
  positionals: readonly string[];
  options: { readonly [K in keyof O]?: O[K] extends { value: string } ? string : boolean };
}

/** Where a command prints. */
export interface Output {
  /** Results. */
  out(text: string): void;
  /** Everything else: progress, warnings, errors. */
  err(text: string): void;
  /** Whether somebody watches `err`. */
  isTerminal: boolean;
}

/** The arguments make no sense; the message says which and why. */
export class UsageError extends Error {
  override name = "UsageError";
}

/** This process's own streams. */
export const processOutput: Output = {
  out: (text) => writeAll(Deno.stdout, text),
  err: (text) => writeAll(Deno.stderr, text),
  isTerminal: Deno.stderr.isTerminal(),
};

/** Runs a command and returns its exit code; errors become words on `output.err`. */
export async function runCommand<O extends Record<string, Option>>(
  command: Command<O>,
  args: readonly string[] = Deno.args,
  output: Output = processOutput,
): Promise<number> {
  try {
    const given = parse(command, args);
    if (given === "help") {
      output.out(helpOf(command));
      return EXIT.ok;
    }
    return await command.run(given, output);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    if (error instanceof UsageError) {
      output.err(`${error.message}\nSee: deno task ${command.name} --help\n`);
      return EXIT.usage;
    }
    output.err(`${inWords(error)}\n`);
    return error instanceof ConfigError ? EXIT.usage : EXIT.failure;
  }
}

function parse<O extends Record<string, Option>>(
  { name, positionals: allowed, options }: Command<O>,
  args: readonly string[],
): Given<O> | "help" {
  let parsed;
  try {
    const known = Object.entries(options).map(([option, { value }]) =>
      [option, { type: value === undefined ? "boolean" : "string" }] as const
    );
    parsed = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { ...Object.fromEntries(known), help: { type: "boolean", short: "h" } },
    });
  } catch (error) {
    // The second sentence of node:util is about its own conventions.
    throw new UsageError(`${name}: ${(error as Error).message.split(". ")[0]}`, { cause: error });
  }
  const { positionals, values } = parsed;
  if (values.help === true) return "help";
  if (allowed === undefined && positionals.length > 0) {
    throw new UsageError(`${name}: takes no argument such as ${positionals[0]}`);
  }
  return { positionals, options: values as Given<O>["options"] };
}

function helpOf({ name, about, positionals, options }: Command): string {
  const lines = Object.entries({ ...options, help: { about: "Show this" } as Option }).map(
    ([option, { about, value }]) =>
      `  ${`--${option}${value === undefined ? "" : ` ${value}`}`.padEnd(22)}  ${about}`,
  );
  const usage = ["deno task", name, positionals, "[options]"].filter(Boolean).join(" ");
  return `${usage}\n\n${about.trim()}\n\n${lines.join("\n")}\n`;
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length;) at += stream.writeSync(bytes.subarray(at));
}
