import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { channelHosts, channelNeeds } from "../adapters/channels/channels.ts";
import { parseConfig, readConfig } from "../config.ts";
import { redact, secretsOf } from "../logging.ts";
import { shownChannels } from "./channel_secrets.ts";

const MAIL = {
  ...{ name: "mail", type: "smtp", host: "SMTP.example.org", from: "a@example.org" },
  ...{ to: ["Desk <desk@example.org>"], username: "me", password: { env: "MAIL_PASSWORD" } },
};
const SMS = {
  ...{ name: "sms", type: "twilio", accountSid: `AC${"0".repeat(32)}`, authToken: "sesame-1" },
  ...{ from: "Tracker", to: ["+15550100123"] },
};
const HOOK = {
  ...{ name: "hook", type: "webhook", url: "https://hooks.example.org/x?key=sesame-2" },
  ...{ secret: "sesame-3", headers: { Authorization: "sesame-4", "X-Team": { env: "TEAM" } } },
};
const ALERTS = {
  ...{ name: "alerts", type: "alertmanager", url: "http://alerts:9093" },
  labels: { severity: "warning", env: "production" },
};

function read(channels: unknown, environment: Record<string, string> = {}, runs = false) {
  return readConfig({
    runs,
    environment: { SOURCES: "simulated", ...environment },
    file: { path: "tracker.json", content: { CHANNELS: channels } },
  });
}

Deno.test("CHANNELS may be JSON in the environment or in the configuration file", () => {
  const fromFile = read([ALERTS]).config?.channels;
  const CHANNELS = JSON.stringify([ALERTS]);
  deepStrictEqual(parseConfig({ SOURCES: "simulated", CHANNELS }).channels, fromFile);
  deepStrictEqual(fromFile, [{
    ...{ name: "alerts", type: "alertmanager", url: "http://alerts:9093/", headers: {} },
    ...{ labels: { severity: "warning", env: "production" }, groupBy: ["rule"] },
    ...{ waitMs: 30_000, intervalMs: 300_000, repeatMs: 4 * 3_600_000, rules: ["*"] },
    ...{ filters: {}, sendResolved: true, variables: [], unsetVariables: [], wrongVariables: [] },
  }]);
});

Deno.test("CHANNELS are the log where nothing is set", () => {
  const [log, ...more] = parseConfig({ SOURCES: "simulated" }).channels;
  deepStrictEqual([log?.name, log?.type, more], ["log", "log", []]);
});

Deno.test("CHANNELS has filters, groups and durations of its own", () => {
  const own = {
    ...{ name: "log", type: "log", groupBy: ["exchange", "quote"], wait: "0s", interval: "1m" },
    ...{ repeat: "never", rules: ["leap*"], exchange: ["kraken"], base: ["btc", "e*"] },
    sendResolved: false,
  };
  const [channel] = read([own]).config!.channels;
  const { groupBy, waitMs, intervalMs, repeatMs, rules, filters, sendResolved } = channel!;
  deepStrictEqual(
    { groupBy, waitMs, intervalMs, repeatMs, rules, filters, sendResolved },
    {
      ...{ groupBy: ["exchange", "quote"], waitMs: 0, intervalMs: 60_000, repeatMs: null },
      ...{ rules: ["leap*"], filters: { exchange: ["kraken"], base: ["btc", "e*"] } },
      sendResolved: false,
    },
  );
});

Deno.test("CHANNELS takes secrets from the variables that it names, where the notifier runs", () => {
  const { config, problems } = read([MAIL, HOOK], { MAIL_PASSWORD: "sesame-0" });
  deepStrictEqual(problems, [], "others than the notifier may not even have them");
  const [mail, hook] = config!.channels;
  deepStrictEqual(mail?.type === "smtp" && [mail.login, mail.port, mail.host], [
    ...[{ username: "me", password: "sesame-0" }, 587, "smtp.example.org"],
  ]);
  deepStrictEqual([mail?.variables, mail?.unsetVariables], [["MAIL_PASSWORD"], []]);
  deepStrictEqual([hook?.variables, hook?.unsetVariables], [["TEAM"], ["TEAM"]]);
  deepStrictEqual(read([MAIL], { MAIL_PASSWORD: " " }, true).problems, [
    "MAIL_PASSWORD: not set, and channel mail of CHANNELS takes a secret from it; set it, or name " +
    "another in CHANNELS",
  ]);
});

Deno.test("CHANNELS takes a hook's whole address from a variable, and says where that holds none", () => {
  const hook = { name: "hook", type: "webhook", url: { env: "HOOK_URL" } };
  const at = (HOOK_URL: string, runs = true) => read([hook], { HOOK_URL }, runs);
  const { config } = at("https://hooks.example.org:8443/services/sesame-7-sesame-7");
  deepStrictEqual(channelHosts(config!), ["hooks.example.org:8443"]);
  deepStrictEqual(channelNeeds(config!).variables, ["HOOK_URL"]);
  ok(!redact("at /services/sesame-7-sesame-7", secretsOf(config!)).includes("sesame"));
  deepStrictEqual(JSON.parse(shownChannels(JSON.stringify([hook]))), [hook]);
  deepStrictEqual(at("ftp://sesame").problems, [
    "HOOK_URL: must be an http:// or https:// address without user or fragment, like " +
    "https://hooks.example.org/alerts: channel hook of CHANNELS takes its address from it",
  ]);
  deepStrictEqual(at("").problems, [
    "HOOK_URL: not set, and channel hook of CHANNELS takes a secret from it; set it, or name " +
    "another in CHANNELS",
  ]);
  // Others than the notifier do not have it.
  const others = at("", false).config!;
  deepStrictEqual([channelHosts(others), secretsOf(others)], [[], []]);
});

Deno.test("CHANNELS may refer to a variable whose name resembles a setting's", () => {
  const hook = { ...HOOK, headers: {}, secret: { env: "API_TOKEN" } };
  const { config, problems } = read([hook], { API_TOKEN: "sesame-5" });
  deepStrictEqual(problems, []);
  const [channel] = config!.channels;
  strictEqual(channel?.type === "webhook" && channel.secret, "sesame-5");
});

Deno.test("CHANNELS hides its secrets, and only these, from whoever looks and from logs", () => {
  const text = shownChannels(JSON.stringify([MAIL, SMS, HOOK, ALERTS]));
  ok(!text.includes("sesame"), text);
  deepStrictEqual(JSON.parse(text), [MAIL, { ...SMS, authToken: "(hidden)" }, {
    ...{ ...HOOK, url: "https://hooks.example.org/(hidden)", secret: "(hidden)" },
    headers: { Authorization: "(hidden)", "X-Team": { env: "TEAM" } },
  }, ALERTS]);
  for (const odd of ['[{"pasword": "sesame"}]', '["sesame"]', '{"a": "sesame"}', "[sesame]"]) {
    ok(!shownChannels(odd).includes("sesame"), odd);
  }
  const { config } = read([MAIL, SMS, HOOK, ALERTS], { MAIL_PASSWORD: "sesame-0" });
  deepStrictEqual(
    secretsOf(config!).sort(),
    ["key=sesame-2", "sesame-0", "sesame-1", "sesame-2", "sesame-3", "sesame-4"],
  );
});

Deno.test("CHANNELS hides the key in a hook's path, as it is and in logs", () => {
  const path = "/services/T0/B0/sesame-6%2Dsesame-6";
  const hook = { ...HOOK, url: `https://hooks.example.org${path}` };
  const [shown] = JSON.parse(shownChannels(JSON.stringify([hook])));
  strictEqual(shown.url, "https://hooks.example.org/(hidden)");
  const secrets = secretsOf(read([hook]).config!);
  for (const text of [path, "/B0/sesame-6%2Dsesame-6", "/B0/sesame-6-sesame-6"]) {
    ok(!redact(`POST ${text} failed`, secrets).includes("sesame"), text);
  }
});

const WRONG: readonly [string, Record<string, unknown>, readonly string[]][] = [
  ["no type", { type: "fax" }, [".type: must be smtp, twilio, webhook, alertmanager or log"]],
  ["a name that others cannot read", { type: "log", name: "My log" }, [
    '.name="My log": must be 1 to 40 of a-z, 0-9 and -',
  ]],
  ["an unknown field", { type: "log", webhok: 1 }, [
    ".webhok: no such field; docs/channels.md lists them",
  ]],
  ["durations out of range", { type: "log", wait: "2h", repeat: "often" }, [
    '.wait="2h": must be whole seconds from 0s to 1h, written like 30s',
    '.repeat="often": must be never, or whole seconds from 1m to 7d, written like 30s',
  ]],
  ["a group by nothing known", { type: "log", groupBy: ["rule", "price"] }, [
    '.groupBy[1]="price": must be rule, exchange, instrument, base, quote or source',
  ]],
  ["nobody to send to", { ...MAIL, to: [] }, [".to: must name one at least"]],
  ["somebody twice", { ...MAIL, to: ["a@example.org", "a@example.org"] }, [
    ".to: must name each once",
  ]],
  ["an address with a line break", { ...MAIL, to: ["a@example.org\r\nBcc: b@example.org"] }, [
    '.to[0]="a@example.org\\r\\nBcc: b@example.org": must be an e-mail address, like ' +
    "tracker@example.org or Tracker <tracker@example.org>",
  ]],
  ["a password without a name", { ...MAIL, username: undefined }, [
    ": username and password go together: set both or none",
  ]],
  ["a password in plain text", { ...MAIL, security: "none" }, [
    ".security: none would send the password in plain text; use starttls or tls",
  ]],
  ["a secret that is none", { ...HOOK, secret: { env: "no name" } }, [
    '.secret=(hidden): must be a text, or {"env": "NAME"} with the name of a variable of the ' +
    "environment that has it",
  ]],
  ["an address with a user", { ...ALERTS, url: "http://u:sesame@alerts" }, [
    ".url=(hidden): must be an http:// or https:// address without user or fragment, like " +
    "https://hooks.example.org/alerts",
  ]],
  ["a header of ours", { ...HOOK, headers: { "Idempotency-Key": "x" } }, [
    '.headers.Idempotency-Key: must be an object of header names and values, like {"Authorization": ' +
    '{"env": "TOKEN"}}, without those that are ours (Host, Content-*, Idempotency-Key, ' +
    "X-Data-Tracker-*)",
  ]],
];

for (const [what, channel, problems] of WRONG) {
  Deno.test(`CHANNELS refuses ${what} in words`, () => {
    const given = [ALERTS, { name: "own", ...channel }];
    deepStrictEqual(
      read(given).problems,
      problems.map((problem) => `tracker.json: CHANNELS[1]${problem}`),
    );
  });
}

Deno.test("CHANNELS refuses two channels of one name, and what is no list", () => {
  deepStrictEqual(read([ALERTS, ALERTS]).problems, [
    "tracker.json: CHANNELS[1].name: alerts is another channel's name too; each must have its own",
  ]);
  strictEqual(
    read({ a: 1 }).problems[0],
    "tracker.json: CHANNELS=(hidden): must be a JSON list of 50 channels at most, like " +
      '[{"name": "log", "type": "log"}]',
  );
  strictEqual(read("[{").problems.length, 1);
});
