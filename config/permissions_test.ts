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
const MAIL = "127.0.0.1:2525";
const CHANNELS = JSON.stringify([
  { name: "log", type: "log" },
  {
    ...{ name: "mail", type: "smtp", host: "127.0.0.1", port: 2525, caFile: "AUTHORITY" },
    ...{ from: "a@example.org", to: ["b@example.org"] },
  },
  {
    ...{ name: "hook", type: "webhook", url: "http://127.0.0.1:9/hook" },
    headers: { Authorization: { env: "CHANNEL_TOKEN" } },
  },
]);
const KAFKA = { KAFKA_BROKERS: "127.0.0.1:19092" };
const SERVER = "127.0.0.1:0";
const BROKER = "127.0.0.1:19092";
const SOURCE = "127.0.0.1:9";
const DATABASE = "127.0.0.1:15432";
const POSTGRES = { DATABASE_URL: `postgres://u:p@${DATABASE}/d?sslrootcert=AUTHORITY` };

/** What each may do, of what all are tried at: its own folder, the shared store. */
interface Granted {
  net: readonly string[];
  folder: boolean;
  store: "write" | "read" | null;
  /** The file with the database's, or the mail server's, authority. */
  authority?: boolean;
  /** The variable with a channel's secret. */
  token?: boolean;
}

const GRANTED: readonly [string, Record<string, string>, Granted][] = [
  ["everything, embedded", { SOURCES: "simulated" }, { net: [], folder: true, store: null }],
  ["the API alone, embedded", { ROLES: "api" }, { net: [], folder: true, store: null }],
  ["the API beside an embedded process", { ROLES: "api", DATABASE_URL: "STORE" }, {
    ...{ net: [], folder: false, store: "read" },
  }],
  ["a sampler", { ROLES: "sampler", ...CRYPTOWATCH, ...KAFKA, DATABASE_URL: "STORE" }, {
    ...{ net: [SOURCE, BROKER], folder: true, store: null },
  }],
  ["an aggregator", { ROLES: "aggregator", ...CRYPTOWATCH, ...KAFKA, DATABASE_URL: "STORE" }, {
    ...{ net: [BROKER], folder: true, store: null },
  }],
  ["a writer", { ROLES: "writer", ...CRYPTOWATCH, ...KAFKA, DATABASE_URL: "STORE" }, {
    ...{ net: [BROKER], folder: false, store: "write" },
  }],
  ["an API", { ROLES: "api", ...CRYPTOWATCH, ...KAFKA, DATABASE_URL: "STORE" }, {
    ...{ net: [BROKER], folder: false, store: "read" },
  }],
  ["a writer with an API", { ROLES: "writer,api", ...KAFKA }, {
    ...{ net: [BROKER], folder: true, store: null },
  }],
  ["an aggregator beside a database", { ROLES: "aggregator", ...KAFKA, ...POSTGRES }, {
    ...{ net: [BROKER], folder: true, store: null },
  }],
  ["a writer of a database", { ROLES: "writer", ...KAFKA, ...POSTGRES }, {
    ...{ net: [BROKER, DATABASE], folder: false, store: null, authority: true },
  }],
  ["an API of a database", { ROLES: "api", ...POSTGRES }, {
    ...{ net: [DATABASE], folder: false, store: null, authority: true },
  }],
  ["a notifier", { ROLES: "notifier", ...KAFKA, CHANNELS, CHANNEL_TOKEN: "sesame" }, {
    ...{ net: [BROKER, MAIL, SOURCE], folder: false, store: null, authority: true, token: true },
  }],
  ["others than the notifier", { ROLES: "aggregator", ...KAFKA, CHANNELS, CHANNEL_TOKEN: "x" }, {
    ...{ net: [BROKER], folder: true, store: null },
  }],
];

for (const [name, settings, granted] of GRANTED) {
  Deno.test(`permissionsOf() lets ${name} do its work and nothing else`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "it's a data directory " });
    try {
      const DATA_DIR = `${directory}/data`;
      const [store, authority] = [`${directory}/statistics.db`, `${directory}/authority.pem`];
      await Deno.mkdir(DATA_DIR);
      const given = {
        ...{ ...settings, DATA_DIR, PORT: "0" },
        ...(settings.DATABASE_URL === "STORE" && { DATABASE_URL: `sqlite:${store}` }),
        ...(settings.DATABASE_URL?.includes("AUTHORITY") &&
          { DATABASE_URL: settings.DATABASE_URL.replace("AUTHORITY", authority) }),
        ...(settings.CHANNELS !== undefined &&
          { CHANNELS: settings.CHANNELS.replace("AUTHORITY", authority) }),
      };
      const addresses = [SERVER, SOURCE, BROKER, DATABASE, MAIL, "127.0.0.2:9"];
      const configFile = `${directory}/settings.json`;
      const [own, beside] = [`${DATA_DIR}/x`, `${directory}/data-not`];
      const outcomes = await probe(given, configFile, {
        read: [own, store, authority, configFile, beside, "/etc/passwd", "deno.json"],
        write: [own, store, authority, configFile, beside],
        net: addresses,
        env: ["DATA_DIR", "SECRET_OF_ANOTHER", "CHANNEL_TOKEN", "HOME"],
      });
      const outcome = (isGranted: boolean) => isGranted ? "permitted" : "refused";
      const net = [SERVER, ...granted.net];
      deepStrictEqual(outcomes, {
        read: {
          ...{ [own]: outcome(granted.folder), [store]: outcome(granted.store !== null) },
          ...{ [authority]: outcome(granted.authority === true) },
          ...{ [configFile]: "permitted", [beside]: "refused" },
          ...{ "/etc/passwd": "refused", "deno.json": "refused" },
        },
        write: {
          ...{ [own]: outcome(granted.folder), [store]: outcome(granted.store === "write") },
          ...{ [configFile]: "refused", [beside]: "refused", [authority]: "refused" },
        },
        net: Object.fromEntries(
          addresses.map((address) => [address, outcome(net.includes(address))]),
        ),
        env: {
          ...{ DATA_DIR, SECRET_OF_ANOTHER: null, HOME: null },
          CHANNEL_TOKEN: granted.token ? settings.CHANNEL_TOKEN! : null,
        },
        ...{ run: "refused", ffi: "refused", sys: "refused" },
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("quoteForShell() leaves what needs no quotes as it is", () => {
  strictEqual(quoteForShell("--allow-net=127.0.0.1:80,a.b:1"), "--allow-net=127.0.0.1:80,a.b:1");
  strictEqual(quoteForShell("a$b"), "'a$b'");
  strictEqual(quoteForShell("it's"), `'it'"'"'s'`);
  strictEqual(quoteForShell(""), "''");
});
