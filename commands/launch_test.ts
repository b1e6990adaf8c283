import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { parseConfig } from "../config.ts";
import { SETTING_NAMES } from "../config/settings.ts";
import { outputOf } from "../tests/command_output.ts";
import { launchCommand } from "./launch.ts";
import { permissionsCommand } from "./permissions.ts";

const CRYPTOWATCH = { SOURCES: "cryptowatch", CRYPTOWATCH_URL: "https://prices.example/api" };

function flags(text: string): Record<string, string> {
  return Object.fromEntries(
    text.replaceAll("'", "").split(" ").filter((flag) => flag.startsWith("--")).map((flag) =>
      flag.split("=") as [string, string]
    ),
  );
}

Deno.test("permissions prints exactly what the configuration needs", async () => {
  const { code, out } = await outputOf(permissionsCommand, [], CRYPTOWATCH);
  strictEqual(code, 0);
  deepStrictEqual(flags(out.trim()), {
    "--no-prompt": undefined,
    "--ignore-env": undefined,
    "--allow-env": [...SETTING_NAMES, "CONFIG_FILE"].join(","),
    "--allow-net": "127.0.0.1:8000,prices.example:443",
    "--allow-read": "./data",
    "--allow-write": "./data",
  });
});

Deno.test("permissions prints nothing where the configuration is wrong", async () => {
  const { code, out, err } = await outputOf(permissionsCommand, [], { PORT: "x" });
  deepStrictEqual([code, out], [2, ""]);
  match(err, /PORT=x: must be/);
});

Deno.test("launchCommand() gives each part what it needs of that, and no more", () => {
  const config = parseConfig({
    ...CRYPTOWATCH,
    KAFKA_BROKERS: "k1:9092,k2:9093",
    HOST: "::1",
    PORT: "80",
  });
  const of = (target: string) => flags(launchCommand(target, config, "/etc/tracker.json"));
  strictEqual(of("start")["--allow-net"], "[::1]:80,prices.example:443,k1:9092,k2:9093");
  strictEqual(of("start")["--allow-read"], "./data,/etc/tracker.json");
  strictEqual(of("sources")["--allow-net"], "prices.example:443");
  strictEqual(of("sources")["--allow-write"], undefined);
  strictEqual(of("topics")["--allow-net"], "k1:9092,k2:9093");
  strictEqual(of("import")["--allow-write"], "./data");
  for (const target of ["dev", "start", "sources", "topics", "import"]) {
    const command = launchCommand(target, config, null);
    ok(command.startsWith("deno run --no-prompt --ignore-env --allow-env="));
    ok(!/ -A| --allow-all| --allow-run| --allow-ffi| --allow-sys/.test(command), command);
  }
});

Deno.test("launchCommand() asks for no source's address where nothing is sampled", () => {
  const config = parseConfig({ ...CRYPTOWATCH, KAFKA_BROKERS: "k1:9092", ROLES: "aggregator" });
  strictEqual(flags(launchCommand("start", config, null))["--allow-net"], "k1:9092");
});

Deno.test("launchCommand() keeps a path with spaces and quotes whole", () => {
  const config = parseConfig({ SOURCES: "simulated", DATA_DIR: "/my data/it's $HOME" });
  match(
    launchCommand("dev", config, null),
    / '--allow-write=\/my data\/it'"'"'s \$HOME' --v8-flags=\S+ main\.ts --dev$/,
  );
});
