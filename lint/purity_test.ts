import { deepStrictEqual, match, strictEqual } from "node:assert";
import { fileURLToPath } from "node:url";
import plugin from "./purity.ts";

function messagesOf(path: string, source: string): string[] {
  return Deno.lint.runPlugin(plugin, path, source).map(({ id, message }) => `${id}: ${message}`);
}

Deno.test.each([
  ["Deno.cwd()", "Deno.cwd"],
  ["const { readFile } = Deno;", "Deno"],
  ["const nowMs = Date.now();", "Date.now"],
  ["const clock = { nowMs: Date.now };", "Date.now"],
  ["const now = new Date();", "new Date()"],
  ["const x = [1].map(() => Math.random());", "Math.random"],
  ["const start = performance.now();", "performance.now"],
  ["const id = crypto.randomUUID();", "crypto.randomUUID"],
  ["console.log(1);", "console.log"],
  ["const page = await fetch('http://x');", "fetch"],
  ["const get = fetch;", "fetch"],
  ["start({ fetch });", "fetch"],
  ["start(fetch);", "fetch"],
  ["setTimeout(() => {}, 1);", "setTimeout"],
  ["setInterval(() => {}, 1);", "setInterval"],
  ["const signal = AbortSignal.timeout(5);", "AbortSignal.timeout"],
  ["globalThis.fetch('http://x');", "globalThis.fetch"],
  ["process.exit(1);", "process.exit"],
])("in a pure folder, `%s` is refused by name", (source, name) => {
  for (
    const path of ["stats/a.ts", "ports/a.ts", "aggregator/a.ts", "sampler/a.ts", "topology.ts"]
  ) {
    deepStrictEqual(messagesOf(path, source), [
      `data-tracker/pure-folder: ${name} in ${path}: this folder is pure`,
    ]);
  }
  for (const path of ["adapters/a.ts", "main.ts", "stats/a_test.ts", "tests/stats/a.ts"]) {
    deepStrictEqual(messagesOf(path, source), []);
  }
});

Deno.test.each([
  "const at = new Date(nowMs);",
  "const day = Date.parse('2018-04-05');",
  "const root = Math.sqrt(2);",
  "await log.fetch(topic, 0);",
  "const read = { fetch: () => log.fetch() }; read.fetch();",
  "class A { async fetch() {} }",
  "const fetch = () => 1; fetch();",
  "function run(fetch: () => number) { return fetch(); }",
  "const { console } = deps; console.log(1);",
  "import { performance } from './ports.ts'; performance.now();",
  "const both = AbortSignal.any([a, b]);",
  "// Deno.cron, Date.now() and console.log in a comment",
  "const text = 'Math.random()';",
  "getLogger(['data-tracker', 'sampler']).info`ready`;",
])("in a pure folder, `%s` is welcome", (source) => {
  deepStrictEqual(messagesOf("writer/a.ts", source), []);
});

Deno.test("only config.ts and tests read the environment", () => {
  for (const source of ["const home = Deno.env.get('HOME');", "const { HOME } = process.env;"]) {
    for (
      const path of ["main.ts", "commands/dev.ts", "adapters/kafka/topic_log.ts", "config/a.ts"]
    ) {
      const [message, ...more] = messagesOf(path, source);
      match(message!, /config-only-env: (Deno|process)\.env in .*: only config\.ts reads/);
      deepStrictEqual(more, []);
    }
    for (const path of ["config.ts", "config_test.ts", "commands/dev_test.ts", "tests/a.ts"]) {
      deepStrictEqual(messagesOf(path, source), []);
    }
  }
});

Deno.test("files are known by their place in the project, wherever that is checked out", () => {
  const root = fileURLToPath(new URL("../", import.meta.url));
  strictEqual(messagesOf(`${root}stats/a.ts`, "console.log(1);").length, 1);
  strictEqual(messagesOf(`${root}api/stats/a.ts`, "console.log(1);").length, 0);
});
