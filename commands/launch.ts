/**
 * Writes the command that runs a part of the program under the least permissions that the present
 * configuration needs. deno.json's tasks evaluate what it prints:
 * `deno task --eval "$(deno run … commands/launch.ts dev)"`. The shell of Deno's tasks splits a
 * substitution at spaces, so a path with one would not survive as a flag; a command of its own is
 * parsed anew, quotes and all, and further arguments reach the program. Where the configuration is
 * wrong, what is printed starts nothing.
 *
 * @module
 */
import { sourceHosts } from "../adapters/sources/sources.ts";
import { type Config, ConfigError, loadConfig, loadConfigFile } from "../config.ts";
import {
  permissionArguments,
  type Permissions,
  permissionsOf,
  quoteForShell,
} from "../config/permissions.ts";

/** Young objects are few and short-lived here: more room for them costs memory and gains little speed. */
const MEMORY_FLAG = "--v8-flags=--max-semi-space-size=4";

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
    needs: (all, config) => ({ ...all, net: brokersOf(config) }),
  },
  import: {
    run: ["commands/import.ts"],
    dev: true,
    // Which files are read is said on the command line, which comes after the flags.
    needs: (all, config) => ({ ...all, net: brokersOf(config), read: "all" }),
  },
};

interface Target {
  run: readonly string[];
  /** Whether `SOURCES` may be left out. */
  dev: boolean;
  needs(all: Permissions, config: Config): Permissions;
}

/** The command line that runs `target`, quoted for a shell. */
export function launchCommand(target: string, config: Config, configFile: string | null): string {
  const { run, needs } = targetOf(target);
  const permissions = needs(permissionsOf(config, configFile), config);
  return ["deno", "run", ...permissionArguments(permissions), MEMORY_FLAG, ...run].map(
    quoteForShell,
  ).join(" ");
}

function targetOf(name: string): Target {
  const target = TARGETS[name];
  if (target !== undefined) return target;
  throw new TypeError(`launch: ${name} is none of ${Object.keys(TARGETS).join(", ")}`);
}

function brokersOf({ kafka }: Config): readonly string[] {
  return kafka?.brokers ?? [];
}

if (import.meta.main) {
  // Whatever follows on the command line must not become arguments of something that runs.
  let command = "deno eval 'Deno.exit(2)' --";
  try {
    const [target = ""] = Deno.args;
    const config = loadConfig({ dev: targetOf(target).dev });
    command = launchCommand(target, config, loadConfigFile());
  } catch (error) {
    const known = error instanceof ConfigError;
    Deno.stderr.writeSync(
      new TextEncoder().encode(`${known ? error.message : Deno.inspect(error)}\n`),
    );
  }
  Deno.stdout.writeSync(new TextEncoder().encode(command));
}
