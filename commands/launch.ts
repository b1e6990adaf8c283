/**
 * Writes the command that runs a part of the program under the least permissions that the present
 * configuration needs. deno.json's tasks evaluate what it prints:
 * `deno task --eval "$(deno run … commands/launch.ts dev)"`. The shell of Deno's tasks splits a
 * substitution at spaces, so a path with one would not survive as a flag; a command of its own is
 * parsed anew, quotes and all, and further arguments reach the program. Where the configuration is
 * wrong, what is printed lets the program read that again and say so, or show its help, and nothing else.
 *
 * @module
 */
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { channelNeeds } from "../adapters/channels/channels.ts";
import { sourceHosts } from "../adapters/sources/sources.ts";
import { type Config, loadConfigFile, loadSettings } from "../config.ts";
import { needsOf } from "../config/needs.ts";
import {
  permissionArguments,
  type Permissions,
  permissionsOf,
  quoteForShell,
} from "../config/permissions.ts";
import { isPermittablePath, ROLES } from "../config/settings.ts";
import { UsageError } from "./command.ts";
import { addressOf } from "./health.ts";

/** Room for young objects, in MB: with half of it they are collected too soon, with twice as much a process only grows. */
export const MEMORY_FLAG = "--v8-flags=--max-semi-space-size=8";

/** What can be launched: the module, its first arguments, and what it needs of `main.ts`'s permissions. */
const TARGETS: Readonly<Record<string, Target>> = {
  dev: { run: ["main.ts", "--dev"], dev: true, needs: (all) => all },
  start: { run: ["main.ts"], dev: false, needs: (all) => all },
  sources: {
    run: ["commands/sources.ts"],
    dev: true,
    needs: ({ env, read }, config) => ({ env, net: sourceHosts(config), read, write: [] }),
  },
  topics: {
    run: ["commands/topics.ts"],
    dev: true,
    needs: (all, config) => ({ ...all, net: config.kafka?.brokers ?? [] }),
  },
  import: {
    run: ["commands/import.ts"],
    dev: true,
    // Which files are read is said on the command line, which comes after the flags.
    needs: (all, config) => ({ ...all, net: serversOf(config), read: "all" }),
  },
  notify: {
    run: ["commands/notify.ts"],
    dev: true,
    needs({ env, read }, config) {
      const { hosts, variables, files } = channelNeeds(config);
      return { env: [...env, ...variables], net: hosts, read: [...read, ...files], write: [] };
    },
  },
  health: {
    run: ["commands/health.ts"],
    dev: true,
    needs: ({ env, read }, config) => ({ env, net: [addressOf(config)], read, write: [] }),
  },
};

/** No command but `notify` has to do with channels and their secrets. */
const ROLES_OF_COMMANDS = ROLES.filter((role) => role !== "notifier");

interface Target {
  run: readonly string[];
  /** Whether `SOURCES` may be left out. */
  dev: boolean;
  needs(all: Permissions, config: Config): Permissions;
}

/**
 * The command line that runs `target`, quoted for a shell; `flags` are further ones of `deno run`.
 *
 * @param config `null`: it is wrong, as the program is to say.
 */
export function launchCommand(
  target: string,
  config: Config | null,
  configFile: string | null,
  flags: readonly string[] = [],
): string {
  const { run, needs } = targetOf(target);
  if (config === null) {
    const read = configFile !== null && isPermittablePath(configFile) ? [configFile] : [];
    const permissions = [
      "--no-prompt",
      "--allow-env",
      ...read.map((path) => `--allow-read=${path}`),
    ];
    return quoted(["deno", "run", ...flags, ...permissions, ...run]);
  }
  // What a command looks at does not depend on the roles of the process that it stands beside.
  const asked = run[0] === "main.ts" ? config : { ...config, roles: ROLES_OF_COMMANDS };
  const permissions = permissionArguments(needs(permissionsOf(asked, configFile), config));
  return quoted(["deno", "run", ...flags, ...permissions, MEMORY_FLAG, ...run]);
}

function quoted(command: readonly string[]): string {
  return command.map(quoteForShell).join(" ");
}

function targetOf(name: string): Target {
  const target = TARGETS[name];
  if (target !== undefined) return target;
  throw new UsageError(`launch: ${name} is none of ${Object.keys(TARGETS).join(", ")}`);
}

function serversOf(config: Config): string[] {
  const { database } = needsOf(config);
  return [
    ...config.kafka?.brokers ?? [],
    ...(database.kind === "postgres" ? [database.hostPort] : []),
  ];
}

/**
 * A process that only reads a file waits until another has made it, and may not look at the folder.
 *
 * @throws {UsageError} Where there is none to make it in.
 */
function checkFolder(config: Config): void {
  const { store, database } = needsOf(config);
  if (store !== "read" || database.kind !== "sqlite") return;
  const folder = dirname(database.path);
  if (existsSync(folder)) return;
  throw new UsageError(
    `DATABASE_URL=${config.databaseUrl}: there is no folder ${folder}; make it, or name the file ` +
      "that the writers have",
  );
}

if (import.meta.main) {
  // Whatever follows on the command line must not become arguments of something that runs.
  let command = "deno eval 'Deno.exit(2)' --";
  try {
    const [target = "", ...flags] = Deno.args;
    const { config } = loadSettings({
      dev: targetOf(target).dev,
      runs: targetOf(target).run[0] === "main.ts",
    });
    if (config !== null && target === "start") checkFolder(config);
    command = launchCommand(target, config, loadConfigFile(), flags);
  } catch (error) {
    const text = error instanceof UsageError ? error.message : Deno.inspect(error);
    Deno.stderr.writeSync(new TextEncoder().encode(`${text}\n`));
  }
  Deno.stdout.writeSync(new TextEncoder().encode(command));
}
