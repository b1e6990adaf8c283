/** The image as its users run it: confined, healthy, under the permissions that it needs, and ended in time. */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import {
  GenericContainer,
  getContainerRuntimeClient,
  type StartedTestContainer,
  Wait,
} from "testcontainers";
import { parseConfig } from "../../config.ts";
import { permissionArguments, permissionsOf } from "../../config/permissions.ts";
import { dockerTest, IMAGE } from "./docker_engine.ts";

/** What the image itself sets. */
const OWN = { HOST: "0.0.0.0", DATA_DIR: "/data", LOG_FORMAT: "json" };

/** As `docker run --read-only --cap-drop ALL --network none` has it. */
class Confined extends GenericContainer {
  constructor(settings: Record<string, string>) {
    super(IMAGE);
    this.hostConfig.ReadonlyRootfs = true;
    this.hostConfig.CapDrop = ["ALL"];
    this.withNetworkMode("none").withEnvironment(settings).withStartupTimeout(60_000);
  }
}

/** What a container that ends by itself printed, and how it ended. */
async function ended(settings: Record<string, string>, command: string[], options: string[] = []) {
  const environment = Object.entries(settings).flatMap(([name, text]) => ["-e", `${name}=${text}`]);
  const confined = ["--rm", "--read-only", "--cap-drop", "ALL", "--network", "none"];
  const { code, stdout, stderr } = await new Deno.Command("docker", {
    args: ["run", ...confined, ...environment, ...options, IMAGE, ...command],
  }).output();
  const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, out: out!, err: err! };
}

async function inspect(container: StartedTestContainer) {
  const { container: { dockerode } } = await getContainerRuntimeClient();
  const { State } = await dockerode.getContainer(container.getId()).inspect();
  return { exitCode: State.ExitCode, isRunning: State.Running };
}

dockerTest(
  "the image runs confined, as any user, without a network, and stops in time",
  async () => {
    for (const user of ["", "12345:12345"]) {
      const container = new Confined({ SOURCES: "simulated", INTERVAL: "1s", FLUSH_INTERVAL: "1s" })
        .withUser(user).withWaitStrategy(Wait.forHealthCheck())
        .withHealthCheck({
          test: [
            "CMD",
            "deno",
            "run",
            "-q",
            "--cached-only",
            "--allow-env",
            "--allow-net",
            "commands/health.ts",
            "--ready",
          ],
          interval: 1_000,
          timeout: 5_000,
          retries: 60,
        });
      await using started = await container.start();
      const run = async (script: string) =>
        (await started.exec(["sh", "-c", script])).output.trim();

      strictEqual(await run("id -u"), user === "" ? "1993" : "12345");
      match(await run("touch /app/x /deno-dir/x /tmp/x 2>&1"), /(Read-only file system[^]*){3}/);
      // tini, and the program in the place of all that prepared it.
      const child = await run("cat /proc/1/task/1/children");
      match(child, /^\d+$/);
      const program = await run(`tr '\\0' ' ' </proc/${child}/cmdline`);
      match(program, /^deno run --cached-only --no-prompt .* main\.ts/);
      const config = parseConfig({ ...OWN, SOURCES: "simulated" });
      // The program lies elsewhere there.
      const root = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
      for (const given of permissionArguments(permissionsOf(config, null))) {
        const flag = given.replaceAll(`${root}/`, "/app/");
        ok(program.includes(` ${flag} `), `${flag} is not among ${program}`);
      }
      strictEqual(program.match(/--allow-/g)?.length, 4, program);

      const startMs = performance.now();
      const logs = await started.logs();
      await started.stop({ remove: false, timeout: 10_000 });
      ok(performance.now() - startMs < 8_000);
      deepStrictEqual(await inspect(started), { exitCode: 0, isRunning: false });
      let text = "";
      for await (const chunk of logs) text += chunk;
      match(text, /"Stopping: sampler, aggregator, writer, api, monitor, notifier"/);
      // A busy machine may be late for a tick of a second.
      const problems = text.split("\n")
        .filter((line) => /"level":"(WARN|ERROR|FATAL)/.test(line) && !/ticks missed/.test(line));
      deepStrictEqual(problems, []);
    }
  },
);

dockerTest("the image has what runs, and nothing else", async () => {
  const script = "ls /app; find /app -name '*_test.ts'; ls /deno-dir/npm/registry.npmjs.org; " +
    "find /deno-dir/npm -name '*.d.ts' -o -name '*.map'";
  const { out } = await ended({}, ["-c", script], ["--entrypoint", "sh"]);
  const names = out.trim().split("\n");
  ok(names.includes("main.ts") && names.includes("kafkajs") && names.includes("pg"), out);
  const unwanted = /^(tests|bench|docs|data|.*\.md|.*_test\.ts|.*\.d\.ts|.*\.map)$/;
  const onlyForTests = ["testcontainers", "fast-check", "@types"];
  deepStrictEqual(names.filter((n) => unwanted.test(n) || onlyForTests.includes(n)), []);
});

dockerTest("the image refuses a wrong configuration in words, and starts nothing", async () => {
  for (
    const [settings, command, problem] of [
      [
        { SOURCES: "simulated", WINDOW: "7m" },
        [],
        /^The configuration has .*\s+WINDOW=7m: must be/,
      ],
      [{}, [], /SOURCES: not set, and the sampler needs one/],
      [{ SOURCES: "simulated" }, ["nonsense"], /^launch: nonsense is none of dev, start/],
    ] satisfies [Record<string, string>, string[], RegExp][]
  ) {
    const { code, out, err } = await ended(settings, command);
    deepStrictEqual([code, out], [2, ""]);
    match(err, problem);
    ok(!/\n\s+at /.test(err), err);
  }
});

dockerTest("the image has the program's other commands", async () => {
  const permissions = await ended({ SOURCES: "simulated" }, ["permissions"]);
  match(
    permissions.out,
    /--allow-net=0\.0\.0\.0:8000 --allow-read=\/data,\/app\/adapters\S* --allow-write=\/data\n$/,
  );
  match((await ended({ SOURCES: "simulated" }, ["topics", "--help"])).out, /^deno task topics /);
});
