import assert from "node:assert/strict";
import { parseConfig } from "../../config.ts";
import { permissionArguments, permissionsOf } from "../../config/permissions.ts";
import { waitUntil } from "./kafka_fixture.ts";
import { kafkaTest as test, startKafka } from "./kafka_server.ts";

/** What no line may be: warnings of the runtime, stack traces, errors, a fresh cluster's hesitation. */
const UNWANTED = /Warning|^ +at |"stack"|"level":"(ERROR|FATAL)"|coordinator/im;
const STOP_LIMIT_MS = 8_000;
/** Restarts of a broker and lost sessions take most of it. */
const PATIENCE_MS = 60_000;

/** The whole program as a process of its own, under its own permissions. */
async function startProgram(broker: string) {
  const DATA_DIR = await Deno.makeTempDir({ prefix: "data-tracker-" });
  const env = {
    DATA_DIR,
    KAFKA_BROKERS: broker,
    STARTUP_PATIENCE: "5m",
    SOURCES: "simulated",
    INTERVAL: "1s",
    FLUSH_INTERVAL: "1s",
    PORT: "0",
  };
  const flags = permissionArguments(permissionsOf(parseConfig(env), null));
  const program = new URL("../../main.ts", import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, program],
    env,
    stdout: "null",
    stderr: "piped",
  }).spawn();
  let text = "";
  const reading = (async () => {
    for await (const part of process.stderr.pipeThrough(new TextDecoderStream())) text += part;
  })();
  return {
    /** Waits for a line from `place` on; answers the place after it. */
    async says(line: RegExp, place = 0): Promise<number> {
      let end = -1;
      await waitUntil(`${line}`, () => {
        const found = line.exec(text.slice(place));
        end = found === null ? -1 : place + found.index + found[0].length;
        return found !== null;
      }, PATIENCE_MS).catch((cause) => Promise.reject(new Error(`${cause} in\n${text}`)));
      return end;
    },
    get text() {
      return text;
    },
    async stop(): Promise<number> {
      const startMs = performance.now();
      process.kill("SIGTERM");
      const { code } = await process.status;
      await reading;
      assert.ok(performance.now() - startMs < STOP_LIMIT_MS);
      return code;
    },
    async [Symbol.asyncDispose]() {
      try {
        process.kill("SIGKILL");
      } catch {
        // It has ended.
      }
      await process.status;
      await reading;
      await Deno.remove(DATA_DIR, { recursive: true });
    },
  };
}

test("a program waits for its broker, outlives the broker's end, and says so in single lines", async () => {
  await using kafka = await startKafka();
  await kafka.stop();
  await using program = await startProgram(kafka.broker);
  let place = await program.says(
    /Kafka: cannot reach \S+ \(connection refused\); trying again for \d+m/,
  );
  await kafka.restart();
  place = await program.says(/Kafka answers/, place);
  place = await program.says(/Made topic rejected/, place);
  const joined = [
    /Group aggregator: this process has partitions 0, 1/,
    /Group writer: this process has partitions 0, 1/,
    /Polling simulated/,
  ];
  await Promise.all(joined.map((line) => program.says(line, place)));
  place = program.text.length;
  await kafka.kill();
  place = await program.says(/Lost \S+: connection (lost|refused); trying again/, place);
  // Until the sessions are over, too.
  place = await program.says(/Group writer: lost the session; joining again/, place);
  const readiness = async () => {
    const [url] = /http:\/\/127.0.0.1:\d+/.exec(program.text)!;
    const response = await fetch(`${url}/readyz`);
    return { status: response.status, text: await response.text() };
  };
  const away = await readiness();
  assert.equal(away.status, 503);
  for (const role of ["sampler", "aggregator", "writer"]) {
    assert.match(away.text, new RegExp(`${role}: Kafka has not answered for \\d+`));
  }
  await kafka.restart();
  place = await program.says(/Kafka answers again, after \d+/, place);
  await Promise.all(joined.map((line) => program.says(line, place)));
  await waitUntil("readiness", async () => (await readiness()).status === 200, PATIENCE_MS);

  // It can neither commit nor leave its groups, and must not be waiting for that.
  place = program.text.length;
  await kafka.kill();
  await program.says(/Lost \S+: connection (lost|refused); trying again/, place);
  assert.equal(await program.stop(), 0, program.text);
  assert.doesNotMatch(program.text, UNWANTED);
  // The connection says it for all partitions.
  assert.doesNotMatch(program.text, /Partition \d/);
  assert.equal(program.text.match(/Lost \S+:/g)?.length, 2, program.text);
});

test("a program that waits for its broker ends at once when it is told to", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  await using program = await startProgram(`127.0.0.1:${port}`);
  await program.says(/cannot reach 127.0.0.1:\d+ \(connection refused\); trying again for 5m/);
  assert.equal(await program.stop(), 0, program.text);
  assert.doesNotMatch(program.text, UNWANTED);
});
