/**
 * `deno task permissions`: the flags that the present configuration needs.
 *
 * @module
 */
import { loadConfig, loadConfigFile } from "../config.ts";
import { permissionArguments, permissionsOf, quoteForShell } from "../config/permissions.ts";
import { type Command, EXIT, runCommand } from "./command.ts";

const options = { dev: { about: "As `deno task dev` needs them" } } as const;

/** The command. */
export const permissionsCommand: Command<typeof options> = {
  name: "permissions",
  about: `
Prints the permission flags that the present configuration needs, quoted for a shell, one line.
\`deno task dev\` and \`deno task start\` run under exactly these.`,
  options,
  run({ options: { dev = false } }, output) {
    const flags = permissionArguments(permissionsOf(loadConfig({ dev }), loadConfigFile()));
    output.out(`${flags.map(quoteForShell).join(" ")}\n`);
    return EXIT.ok;
  },
};

if (import.meta.main) Deno.exitCode = await runCommand(permissionsCommand);
