/**
 * The program as its users start it, with something to ask after, and how many requests it answered.
 *
 * @module
 */
import { eventually, RoleProcess } from "../integration/role_process.ts";
import { historyCsv } from "./history.ts";

const ROOT = new URL("../../", import.meta.url);

/** How many requests were answered, by status. */
export type Answers = Readonly<Record<string, number>>;

/** A server with markets that are simulated and history that was imported. */
export class FuzzedServer implements AsyncDisposable {
  /** Its own counts are not the fuzzer's. */
  #lookCount = 0;

  private constructor(readonly url: string, private readonly process: RoleProcess) {}

  /**
   * Starts it; its files lie in `folder`.
   *
   * @param databaseUrl `null`: SQLite.
   */
  static async start(folder: string, databaseUrl: string | null): Promise<FuzzedServer> {
    const settings = {
      SOURCES: "simulated",
      // Fewer are asked for faster, and are as good to find anything wrong with.
      SIMULATED_MARKETS: "30",
      INTERVAL: "1s",
      FLUSH_INTERVAL: "1s",
      ZERO_PRICES: "keep",
      DATA_DIR: `${folder}/data`,
      RATE_LIMIT: "0",
      ...(databaseUrl !== null && { DATABASE_URL: databaseUrl }),
    };
    const process = new RoleProcess(settings);
    try {
      await process.ready();
      await importHistory(folder, settings);
      const url = await process.url();
      await eventually("samples of the simulated market", async () => {
        const response = await fetch(`${url}/v1/statistics/latest?exchange=simulated-*`);
        return (await response.json()).data.length > 0 || null;
      });
      const server = new FuzzedServer(url, process);
      await server.answers();
      return server;
    } catch (error) {
      await process[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** How many requests it has answered since it was started, without those of this method. */
  async answers(): Promise<Answers> {
    const response = await fetch(`${this.url}/metrics`).catch((cause) => {
      throw new Error(`The server does not answer any more:\n${this.process.log}`, { cause });
    });
    const counts = countsOf(await response.text());
    counts["200"] = (counts["200"] ?? 0) - this.#lookCount++;
    return counts;
  }

  /** What went wrong in it by its own word, a line each. */
  get errors(): string[] {
    return this.process.log.split("\n").filter((line) => line.includes('"level":"ERROR"'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process[Symbol.asyncDispose]();
  }
}

/** The requests that metrics tell of, by status. */
export function countsOf(metrics: string): Record<string, number> {
  const counts: Record<string, number> = {};
  const pattern = /^data_tracker_api_request_seconds_count\{.*status="(\d+)"\} (\d+)$/gm;
  for (const [, status, count] of metrics.matchAll(pattern)) {
    counts[status!] = (counts[status!] ?? 0) + Number(count);
  }
  return counts;
}

async function importHistory(folder: string, env: Record<string, string>): Promise<void> {
  const file = `${folder}/history.csv`;
  await Deno.writeTextFile(file, historyCsv(Date.now()));
  const { success, stderr, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["task", "-q", "import", file, "--interval", "1m"],
    cwd: ROOT,
    env,
    stdin: "null",
  }).output();
  const said = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
  if (!success) throw new Error(`deno task import failed: ${said}`);
}
