import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { fileURLToPath } from "node:url";
import { parseConfig } from "../config.ts";
import { SETTING_NAMES } from "../config/settings.ts";
import { outputOf } from "../tests/command_output.ts";
import { launchCommand } from "./launch.ts";
import { permissionsCommand } from "./permissions.ts";

const CRYPTOWATCH = { SOURCES: "cryptowatch", CRYPTOWATCH_URL: "https://prices.example/api" };

/** What the thread that reads SQLite for the API is made of. */
const READER_MODULES = ["adapters", "ports", "stats", "errors.ts", "topology.ts"]
  .map((path) => fileURLToPath(new URL(`../${path}`, import.meta.url))).join(",");

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
    "--allow-read": `./data,${READER_MODULES}`,
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
  strictEqual(of("start")["--allow-read"], `./data,/etc/tracker.json,${READER_MODULES}`);
  const writer = { ...config, roles: ["writer" as const] };
  strictEqual(flags(launchCommand("start", writer, null))["--allow-read"], "./data");
  strictEqual(of("sources")["--allow-net"], "prices.example:443");
  strictEqual(of("sources")["--allow-write"], undefined);
  strictEqual(of("topics")["--allow-net"], "k1:9092,k2:9093");
  strictEqual(of("import")["--allow-write"], "./data");
  const postgres = { ...config, databaseUrl: "postgres://u:p@db/d?sslrootcert=/ca.pem" };
  const { "--allow-net": net, ...import_ } = flags(launchCommand("import", postgres, null));
  strictEqual(net, "k1:9092,k2:9093,db:5432");
  strictEqual(import_["--allow-write"], "./data");
  for (const target of ["dev", "start", "sources", "topics", "import"]) {
    const command = launchCommand(target, config, null);
    ok(command.startsWith("deno run --no-prompt --ignore-env --allow-env="));
    ok(
      launchCommand(target, config, null, ["--cached-only"]).startsWith("deno run --cached-only "),
    );
    ok(!/ -A| --allow-all| --allow-run| --allow-ffi| --allow-sys/.test(command), command);
  }
});

Deno.test("launchCommand() lets notify reach its channels, and no other command", () => {
  const CHANNELS = JSON.stringify([
    {
      ...{ name: "mail", type: "smtp", host: "smtp.example", caFile: "/ca.pem" },
      ...{ from: "a@b.example", to: ["c@b.example"], username: "me", password: { env: "MAIL" } },
    },
    { name: "hook", type: "webhook", url: { env: "HOOK_URL" }, secret: { env: "HOOK" } },
  ]);
  const config = parseConfig({
    SOURCES: "simulated",
    ROLES: "sampler,aggregator,writer",
    CHANNELS,
    HOOK_URL: "https://hooks.example/x",
  });
  const of = (target: string) => flags(launchCommand(target, config, null));
  strictEqual(of("notify")["--allow-net"], "smtp.example:587,hooks.example:443");
  ok(of("notify")["--allow-env"]!.endsWith(",MAIL,HOOK_URL,HOOK"));
  ok(of("notify")["--allow-read"]!.endsWith(",/ca.pem"));
  strictEqual(of("notify")["--allow-write"], undefined);
  for (const target of ["dev", "start", "sources", "topics", "import", "health"]) {
    const command = launchCommand(target, config, null);
    ok(!/smtp\.example|hooks\.example|MAIL|HOOK|ca\.pem/.test(command), command);
  }
});

Deno.test("launchCommand() asks for no source's address where nothing is sampled", () => {
  const config = parseConfig({ ...CRYPTOWATCH, KAFKA_BROKERS: "k1:9092", ROLES: "aggregator" });
  strictEqual(flags(launchCommand("start", config, null))["--allow-net"], "127.0.0.1:8000,k1:9092");
});

Deno.test("launchCommand() lets a wrong configuration be told, and nothing be done", () => {
  strictEqual(
    launchCommand("start", null, "/etc/tracker.json", ["--cached-only"]),
    "deno run --cached-only --no-prompt --allow-env --allow-read=/etc/tracker.json main.ts",
  );
  strictEqual(
    launchCommand("dev", null, "/a,b.json"),
    "deno run --no-prompt --allow-env main.ts --dev",
  );
});

Deno.test("launchCommand() keeps a path with spaces and quotes whole", () => {
  const config = parseConfig({ SOURCES: "simulated", DATA_DIR: "/my data/it's $HOME" });
  match(
    launchCommand("dev", config, null),
    / '--allow-write=\/my data\/it'"'"'s \$HOME' --v8-flags=\S+ main\.ts --dev$/,
  );
});
