/**
 * The program: which roles, which engine, start, stop. One straight line.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { loadConfig } from "./config.ts";
import { openEngine } from "./engine.ts";
import { configureLogging } from "./logging.ts";
import { createRoles } from "./roles/roles.ts";
import { runRoles } from "./roles/running.ts";
import { tickOfFiring } from "./sampler/schedule.ts";

const config = loadConfig({ dev: Deno.args.includes("--dev") });
await configureLogging(config);
const logger = getLogger(["data-tracker"]);

// At the top level, where hosting platforms look for it.
let onCron: (tickMs: number) => Promise<void> = () => Promise.resolve();
if (config.roles.includes("sampler") && config.intervalMs === null) {
  Deno.cron("sampler", config.schedule, () => onCron(tickOfFiring(Date.now())));
}

let exitCode = 0;
try {
  await using engine = await openEngine(config);
  const { roles, tick } = await createRoles(config, engine);
  onCron = tick;
  await runRoles(roles, engine);
} catch (error) {
  logger.fatal("{problem}", { problem: (error as Error).message, error });
  exitCode = 1;
}
Deno.exit(exitCode);
