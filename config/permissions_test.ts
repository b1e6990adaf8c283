import { deepStrictEqual, strictEqual } from "node:assert";
import { parseConfig } from "../config.ts";
import type { Attempts } from "../tests/permissions_probe.ts";
import { permissionArguments, permissionsOf, quoteForShell } from "./permissions.ts";

const PROBE = new URL("../tests/permissions_probe.ts", import.meta.url).href;

/** Runs the probe as `main.ts` would be run with these settings. */
async function probe(
  settings: Record<string, string>,
  configFile: string | null,
  attempts: Attempts,
  // deno-lint-ignore no-explicit-any -- JSON of the probe
): Promise<any> {
  const flags = permissionArguments(permissionsOf(parseConfig(settings), configFile));
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", ...flags, PROBE, JSON.stringify(attempts)],
    env: { ...settings, SECRET_OF_ANOTHER: "sesame" },
    stdout: "piped",
    stderr: "piped",
  }).output();
  strictEqual(success, true, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

const CRYPTOWATCH = { SOURCES: "cryptowatch", CRYPTOWATCH_URL: "http://127.0.0.1:9" };
const KAFKA = { KAFKA_BROKERS: "127.0.0.1:19092" };

for (
  const [name, settings, net] of [
    ["everything, embedded", { SOURCES: "simulated", PORT: "0" }, ["127.0.0.1:0"]],
    ["the API alone", { ROLES: "api", PORT: "0" }, ["127.0.0.1:0"]],
    ["a sampler", { ROLES: "sampler", ...CRYPTOWATCH, ...KAFKA }, [
      "127.0.0.1:9",
      "127.0.0.1:19092",
    ]],
    ["an aggregator", { ROLES: "aggregator", ...CRYPTOWATCH, ...KAFKA }, ["127.0.0.1:19092"]],
    ["a writer", { ROLES: "writer", ...KAFKA }, ["127.0.0.1:19092"]],
  ] as const
) {
  Deno.test(`permissionsOf() lets ${name} do its work and nothing else`, async () => {
    const DATA_DIR = await Deno.makeTempDir({ prefix: "it's a data directory " });
    try {
      const addresses = ["127.0.0.1:0", "127.0.0.1:9", "127.0.0.1:19092", "127.0.0.2:9"];
      const outside = `${DATA_DIR}-not`;
      const configFile = `${DATA_DIR}.json`;
      const outcomes = await probe({ ...settings, DATA_DIR }, configFile, {
        read: [`${DATA_DIR}/x`, configFile, outside, "/etc/passwd", "deno.json"],
        write: [`${DATA_DIR}/x`, configFile, outside],
        net: addresses,
        env: ["DATA_DIR", "SECRET_OF_ANOTHER", "HOME"],
      });
      deepStrictEqual(outcomes, {
        read: {
          ...{ [`${DATA_DIR}/x`]: "permitted", [configFile]: "permitted" },
          ...{ [outside]: "refused", "/etc/passwd": "refused", "deno.json": "refused" },
        },
        write: { [`${DATA_DIR}/x`]: "permitted", [configFile]: "refused", [outside]: "refused" },
        net: Object.fromEntries(
          addresses.map((address) => [
            address,
            (net as readonly string[]).includes(address) ? "permitted" : "refused",
          ]),
        ),
        env: { DATA_DIR, SECRET_OF_ANOTHER: null, HOME: null },
        ...{ run: "refused", ffi: "refused", sys: "refused" },
      });
    } finally {
      await Deno.remove(DATA_DIR, { recursive: true });
    }
  });
}

Deno.test("quoteForShell() leaves what needs no quotes as it is", () => {
  strictEqual(quoteForShell("--allow-net=127.0.0.1:80,a.b:1"), "--allow-net=127.0.0.1:80,a.b:1");
  strictEqual(quoteForShell("a$b"), "'a$b'");
  strictEqual(quoteForShell("it's"), `'it'"'"'s'`);
  strictEqual(quoteForShell(""), "''");
});
