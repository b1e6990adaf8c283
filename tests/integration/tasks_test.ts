/**
 * The program as a user starts it: `deno task dev` and `deno task start`, each under the permissions
 * that its configuration needs.
 *
 * @module
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { kafkaTest as test, startKafka } from "./kafka_server.ts";
import { freePort } from "./postgres_session.ts";

const ROOT = new URL("../../", import.meta.url);
/** Of a machine that does much else at the time. */
const PATIENCE_MS = 60_000;

/** A task under way. */
class Task implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  log = "";

  constructor(name: string, settings: Record<string, string>) {
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["task", "-q", name],
      cwd: ROOT,
      env: { ...settings, NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    }).spawn();
    this.#reading = this.#read();
  }

  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** Waits for a line of the log, fails where the process ends without it. */
  async logged(pattern: RegExp): Promise<RegExpExecArray> {
    let ended = false;
    this.status.then(() => ended = true);
    return await eventually(() => {
      const found = pattern.exec(this.log);
      ok(found !== null || !ended, `ended without ${pattern}:\n${this.log}`);
      return Promise.resolve(found);
    });
  }

  async stop(): Promise<number> {
    this.#child.kill("SIGTERM");
    const { code } = await this.status;
    await this.#reading;
    return code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGTERM");
    } catch {
      // It has ended.
    }
    await this.status;
    await this.#reading;
  }

  async #read(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.log += text;
    }
  }
}

async function eventually<T>(look: () => Promise<T | null | undefined>): Promise<T> {
  const deadlineMs = performance.now() + PATIENCE_MS;
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined) return found;
    ok(performance.now() < deadlineMs, `not within ${PATIENCE_MS} ms: ${look}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function addressOf(task: Task): Promise<string> {
  return (await task.logged(/The API listens at (http:\/\/[^"\s]+)/))[1]!;
}

// deno-lint-ignore no-explicit-any -- JSON of the API
async function statisticsAt(address: string): Promise<any[] | null> {
  const response = await fetch(`${address}/v1/statistics/latest?limit=10`);
  const { data } = await response.json();
  return data.length > 0 ? data : null;
}

async function withDirectory(test: (path: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "it's a data tracker " });
  try {
    await test(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("`deno task dev` serves statistics, under a path with spaces and quotes, and stops when told", async () => {
  await withDirectory(async (directory) => {
    const DATA_DIR = `${directory}/data`;
    await using task = new Task("dev", { DATA_DIR, PORT: "0" });
    const [row] = await eventually(async () => await statisticsAt(await addressOf(task)));
    match(row.exchange, /^simulated-/);
    strictEqual(await task.stop(), 0, task.log);
    match(task.log, /"Stopped"[^\n]*\n$/);
  });
});

Deno.test("a task whose permissions cannot be made starts nothing", async () => {
  await withDirectory(async (directory) => {
    const DATA_DIR = `${directory}/data`;
    for (
      const [settings, problem] of [
        [{ WINDOW: "7m" }, /WINDOW=7m: must be/],
        [{ CONFIG_FILE: "/nowhere.json" }, /CONFIG_FILE=\/nowhere\.json: cannot be read/],
        [{ DATA_DIR: `${directory}/a,b` }, /DATA_DIR=.*: must be a path without commas/],
      ] as const
    ) {
      for (const name of ["dev", "start", "topics"]) {
        await using task = new Task(name, { DATA_DIR, SOURCES: "simulated", ...settings });
        deepStrictEqual((await task.status).code, 2);
        await task.logged(problem);
      }
    }
    deepStrictEqual(await Array.fromAsync(Deno.readDir(directory)), []);
  });
});

Deno.test("a task says what is not there, and shows its help where the configuration is wrong", async () => {
  await withDirectory(async (directory) => {
    const database = { ROLES: "api", DATABASE_URL: `sqlite:${directory}/missing/statistics.db` };
    for (
      const [name, args, settings, code, words] of [
        ["start", ["--help"], {}, 0, /^deno task start \[options\]/],
        ["start", [], database, 2, /there is no folder \S.*missing; make it, or name the file/],
        ["health", [], { PORT: `${freePort()}` }, 1, /^127\.0\.0\.1:\d+: nothing listens there;/],
      ] as const
    ) {
      const ended = await new Deno.Command(Deno.execPath(), {
        args: ["task", "-q", name, ...args],
        cwd: ROOT,
        env: { NO_COLOR: "1", DATA_DIR: `${directory}/data`, ...settings },
      }).output();
      const text = new TextDecoder().decode(code === 0 ? ended.stdout : ended.stderr);
      match(text, words);
      strictEqual(ended.code, code, text);
    }
    deepStrictEqual(await Array.fromAsync(Deno.readDir(directory)), []);
  });
});

test("each role runs on Kafka in a process of its own, under its own permissions", async () => {
  await using kafka = await startKafka();
  await withDirectory(async (directory) => {
    const start = (ROLES: string) =>
      new Task("start", {
        ROLES,
        SOURCES: "simulated",
        INTERVAL: "1s",
        FLUSH_INTERVAL: "1s",
        PARTITIONS: "2",
        PORT: "0",
        KAFKA_BROKERS: kafka.broker,
        DATA_DIR: `${directory}/${ROLES.replace(",", " ")}`,
      });
    await using sampler = start("sampler");
    await using aggregator = start("aggregator");
    await using writer = start("writer,api");
    const address = await addressOf(writer);
    const [row] = await eventually(() => statisticsAt(address));
    strictEqual(row.origin, "live");
    for (const task of [sampler, aggregator, writer]) strictEqual(await task.stop(), 0, task.log);
  });
});
