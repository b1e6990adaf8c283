/**
 * The Docker engine of this machine and the project's own image on it, for tests.
 *
 * @module
 */
import { GenericContainer, getContainerRuntimeClient, getReaper } from "testcontainers";
import { heldOpen } from "./event_loop.ts";

/** The project's image as these tests build it; the layers stay, so that the next build is quick. */
export const IMAGE = "data-tracker:test";

const ROOT = new URL("../../", import.meta.url).pathname;

const problem = await whyNone();
let building: Promise<unknown> | undefined;

/** Why no engine answers; `null` where one does. */
async function whyNone(): Promise<string | null> {
  try {
    const client = await getContainerRuntimeClient();
    await getReaper(client).catch(() => Deno.env.set("TESTCONTAINERS_RYUK_DISABLED", "true"));
    return null;
  } catch (error) {
    return (error as Error).message.trim();
  }
}

/** A test that needs a Docker engine and {@link IMAGE}: skipped with a word where none answers, failed there with `CI=true`. */
export function dockerTest(name: string, run: () => Promise<void>): void {
  if (problem !== null && Deno.env.get("CI") !== "true") {
    Deno.test.ignore(`${name} (skipped: no Docker engine answers: ${problem})`, run);
    return;
  }
  // Testcontainers and the engine's client keep connections open beyond a test.
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false }, async () => {
    if (problem !== null) throw new Error(`No Docker engine answers: ${problem}`);
    await heldOpen(async () => {
      await (building ??= GenericContainer.fromDockerfile(ROOT).build(IMAGE, {
        deleteOnExit: false,
      }));
      await run();
    });
  });
}
