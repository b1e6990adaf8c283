/**
 * The program: which roles, which engine, start, stop. One straight line.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { EXIT, runCommand } from "./commands/command.ts";
import { type Config, loadConfig } from "./config.ts";
import { inWords, OperatorError } from "./errors.ts";
import { openEngine } from "./process/engine.ts";
import { configureLogging } from "./logging.ts";
import { createRoles } from "./process/roles.ts";
import { runRoles } from "./process/running.ts";
import { openServer } from "./process/server.ts";
import { stopOnSignals } from "./process/stopping.ts";
import { tickOfFiring } from "./sampler/schedule.ts";

const config = await configOfArguments();
await configureLogging(config);
const logger = getLogger(["data-tracker"]);

// At the top level, where hosting platforms look for it.
let onCron: (tickMs: number) => Promise<void> = () => Promise.resolve();
if (config.roles.includes("sampler") && config.intervalMs === null) {
  Deno.cron("sampler", config.schedule, () => onCron(tickOfFiring(Date.now())));
}

const stop = stopOnSignals(config.roles.join(", "));
let exitCode: number = EXIT.ok;
try {
  await using server = openServer(config, stop.signal);
  await using engine = await openEngine(config, stop.signal, server.registry);
  const { roles, tick } = await createRoles(config, engine, server);
  onCron = tick;
  await runRoles(roles, engine, stop);
} catch (error) {
  // Told to stop while it was still starting, it has nothing to say.
  if (error !== stop.signal.reason) {
    const isWhole = error instanceof OperatorError;
    logger.fatal("{problem}", { problem: inWords(error), ...(isWhole ? {} : { error }) });
    exitCode = EXIT.failure;
  }
}
if (exitCode === EXIT.ok) logger.info("Stopped");
Deno.exit(exitCode);

/** Shows help, or says what is wrong with the configuration, and ends; or gives the configuration. */
async function configOfArguments(): Promise<Config> {
  let config: Config | undefined;
  const code = await runCommand({
    name: "start",
    about: `
Runs the roles that ROLES names, all of them by default, until SIGINT or SIGTERM. Settings are
environment variables; \`deno task config\` shows them all. \`deno task dev\` is the same with simulated
markets unless SOURCES names others.`,
    options: { dev: { about: "As `deno task dev`: simulated markets, and their last 24 hours" } },
    run({ options: { dev = false } }) {
      config = loadConfig({ dev, runs: true });
      return EXIT.ok;
    },
  });
  return config ?? Deno.exit(code);
}
