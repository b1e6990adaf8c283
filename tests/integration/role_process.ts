/**
 * The program in a process of its own, under the permissions of its settings.
 *
 * @module
 */
import { ok } from "node:assert";
import { parseConfig } from "../../config.ts";
import { permissionArguments, permissionsOf } from "../../config/permissions.ts";

const ROOT = new URL("../../", import.meta.url);
/** Of a machine that does much else at the time. */
const PATIENCE_MS = 60_000;

/** A process under way; killed when it is disposed of. */
export class RoleProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  #hasEnded = false;
  /** What it has logged. */
  log = "";

  /** Starts `main.ts`; it listens at a free port unless the settings say otherwise. */
  constructor(readonly settings: Readonly<Record<string, string>>) {
    const env = { PORT: "0", LOG_FORMAT: "json", ...settings };
    const flags = permissionArguments(permissionsOf(parseConfig(env), null));
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", ...flags, "main.ts"],
      cwd: ROOT,
      env,
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
    void this.#child.status.then(() => this.#hasEnded = true);
  }

  /** Waits for a line of the log, fails where the process ends without it. */
  async logged(pattern: RegExp): Promise<RegExpExecArray> {
    return await eventually(`${pattern}`, () => {
      const found = pattern.exec(this.log);
      ok(found !== null || !this.#hasEnded, `ended without ${pattern}:\n${this.log}`);
      return found;
    });
  }

  /** Where it serves. */
  async url(): Promise<string> {
    return (await this.logged(/(?:listens|metrics) at (http:\/\/[^"\s]+)/))[1]!;
  }

  /** Waits until all its roles are ready. */
  async ready(): Promise<void> {
    const url = await this.url();
    await eventually("ready", async () => {
      ok(!this.#hasEnded, `ended:\n${this.log}`);
      const response = await fetch(`${url}/readyz`).catch(() => null);
      await response?.body?.cancel();
      return response?.ok ? true : null;
    });
  }

  /** Sends it a signal. */
  signal(name: Deno.Signal): void {
    this.#child.kill(name);
  }

  /** Waits for its end. */
  async ended(): Promise<Deno.CommandStatus> {
    const status = await this.#child.status;
    await this.#reading;
    return status;
  }

  /** Ends it as an operator does, or at once (SIGKILL); how long that took, in ms, and its exit code. */
  async stop(
    name: "SIGTERM" | "SIGKILL" = "SIGTERM",
  ): Promise<{ code: number; durationMs: number }> {
    const startMs = performance.now();
    this.signal(name);
    const { code } = await this.ended();
    return { code, durationMs: performance.now() - startMs };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#hasEnded) this.signal("SIGKILL");
    await this.ended();
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.log += text;
    }
  }
}

/** Looks until there is something. */
export async function eventually<T>(
  what: string,
  look: () => T | null | undefined | Promise<T | null | undefined>,
): Promise<T> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined) return found;
    ok(performance.now() < deadlineMs, `not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** A folder for one test. */
export async function withFolder(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "it's a data tracker " });
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
