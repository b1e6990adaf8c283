/**
 * How a process is told to stop.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";

/** A container is killed 10 s after SIGTERM: by then everything must be flushed, committed and closed. */
const SHUTDOWN_MAX_MS = 8_000;

/** A terminal's Ctrl-C reaches the program itself and again through `deno task`: one wish, not two. */
const SAME_SIGNAL_MS = 500;

const logger = getLogger(["data-tracker"]);

/**
 * A controller that SIGINT and SIGTERM abort, from now on. A second signal ends the process at once,
 * and so does time: whatever aborted the controller, after {@link SHUTDOWN_MAX_MS}.
 *
 * @param what What stops, for the log.
 */
export function stopOnSignals(what: string): AbortController {
  const stop = new AbortController();
  let firstMs = 0;
  const onSignal = () => {
    if (firstMs > 0) {
      if (performance.now() - firstMs < SAME_SIGNAL_MS) return;
      logger.warn("Ended at once by a second signal");
      Deno.exit(130);
    }
    logger.info("Stopping: {what}", { what });
    firstMs = performance.now();
    stop.abort();
  };
  for (const name of ["SIGINT", "SIGTERM"] as const) Deno.addSignalListener(name, onSignal);
  stop.signal.addEventListener("abort", endInTime, { once: true });
  return stop;
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
