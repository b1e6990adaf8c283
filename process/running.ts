/**
 * Running roles until a signal comes or one of them cannot go on.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Engine } from "./engine.ts";
import type { Role } from "../ports/role.ts";

/** A container is killed 10 s after SIGTERM: by then everything must be flushed, committed and closed. */
const SHUTDOWN_MAX_MS = 8_000;

/** A terminal's Ctrl-C reaches the program itself and again through `deno task`: one wish, not two. */
const SAME_SIGNAL_MS = 500;

const logger = getLogger(["data-tracker"]);

/**
 * Runs the roles until SIGINT or SIGTERM; a second signal ends the process at once.
 *
 * @throws The first error that a role ended with, after the others have stopped.
 */
export async function runRoles(
  roles: readonly Role[],
  engine: Pick<Engine, "maintain">,
): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  let firstMs = 0;
  const onSignal = () => {
    if (signal.aborted) {
      if (performance.now() - firstMs < SAME_SIGNAL_MS) return;
      logger.warn("Ended at once by a second signal");
      Deno.exit(130);
    }
    logger.info("Stopping: {roles}", { roles: roles.map((role) => role.name).join(", ") });
    firstMs = performance.now();
    stop.abort();
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  signal.addEventListener("abort", endInTime, { once: true });

  let failure: { role: string; error: unknown } | null = null;
  const run = async (name: string, work: (signal: AbortSignal) => Promise<void>) => {
    try {
      await work(signal);
    } catch (error) {
      failure ??= { role: name, error };
      stop.abort();
    }
  };
  logger.info("Running {roles}", { roles: roles.map((role) => role.name).join(", ") });
  await Promise.all([
    run("maintenance", engine.maintain),
    ...roles.map((role) => run(role.name, (signal) => role.run(signal))),
  ]);
  if (failure !== null) throw (failure as { error: unknown }).error;
}

function endInTime(): void {
  const timer = setTimeout(() => {
    logger.error("Not stopped after {limitMs} ms; what was not committed is read again next time", {
      limitMs: SHUTDOWN_MAX_MS,
    });
    Deno.exit(1);
  }, SHUTDOWN_MAX_MS);
  Deno.unrefTimer(timer);
}
