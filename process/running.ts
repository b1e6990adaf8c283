/**
 * Running roles until they are told to stop or one of them cannot go on.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Engine } from "./engine.ts";
import type { Role } from "../ports/role.ts";

/**
 * Runs the roles until `stop` is aborted; one that ends with an error aborts it.
 *
 * @throws The first error that a role ended with, after the others have stopped.
 */
export async function runRoles(
  roles: readonly Role[],
  engine: Pick<Engine, "maintain">,
  stop: AbortController,
): Promise<void> {
  const failures: unknown[] = [];
  const run = async (work: (signal: AbortSignal) => Promise<void>) => {
    try {
      await work(stop.signal);
    } catch (error) {
      failures.push(error);
      stop.abort();
    }
  };
  const names = roles.map((role) => role.name).join(", ");
  getLogger(["data-tracker"]).info("Running {roles}", { roles: names });
  await Promise.all([
    run((signal) => engine.maintain(signal)),
    ...roles.map((role) => run((signal) => role.run(signal))),
  ]);
  if (failures.length > 0) throw failures[0];
}
