import { deepStrictEqual, strictEqual } from "node:assert";
import { parseConfig, readConfig } from "../config.ts";
import { isLoopback, parseApiTokens, shownApiTokens } from "./access.ts";

const HASH = "0123456789abcdef".repeat(4);
const OTHER = "f".repeat(64);

Deno.test("tokens are names with the SHA-256 of each, in any case and spacing", () => {
  deepStrictEqual(parseApiTokens(`alice:${HASH.toUpperCase()}, bob.2:${OTHER},`), [
    { name: "alice", sha256: HASH },
    { name: "bob.2", sha256: OTHER },
  ]);
});

Deno.test.each([
  "",
  ",",
  "alice",
  HASH,
  `:${HASH}`,
  "alice:secret",
  `alice:${HASH}0`,
  `alice:${HASH}:x`,
  `al ice:${HASH}`,
  `alice:${HASH},alice:${OTHER}`,
])("%s are no tokens, and are not shown", (text) => {
  strictEqual(parseApiTokens(text), null);
  strictEqual(shownApiTokens(text), "(hidden)");
});

Deno.test("neither tokens nor their hashes are shown, right or wrong", () => {
  for (const API_TOKENS of [`alice:${HASH}`, "alice:sesame", "sesame"]) {
    const { rows, problems } = readConfig({ environment: { SOURCES: "simulated", API_TOKENS } });
    const shown = JSON.stringify([rows, problems]);
    strictEqual(shown.includes("sesame") || shown.includes(HASH), false);
  }
  strictEqual(shownApiTokens(`alice:${HASH},bob:${OTHER}`), "alice:(hidden),bob:(hidden)");
});

Deno.test.each([
  ["127.0.0.1", true],
  ["127.8.9.10", true],
  ["localhost", true],
  ["::1", true],
  ["0.0.0.0", false],
  ["::", false],
  ["127.0.0.1.example.org", false],
  ["10.0.0.1", false],
])("%s is reached from this machine alone: %s", (host, expected) => {
  strictEqual(isLoopback(host as string), expected);
});

Deno.test.each([
  [{}, "open"],
  [{ HOST: "0.0.0.0" }, "token"],
  [{ HOST: "0.0.0.0", PUBLISH_ADDRESS: "127.0.0.1" }, "open"],
  [{ HOST: "127.0.0.1", PUBLISH_ADDRESS: "0.0.0.0" }, "token"],
  [{ HOST: "0.0.0.0", TOPIC_MESSAGES: "open" }, "open"],
  [{ TOPIC_MESSAGES: "token" }, "token"],
])("%j: topic messages are for %s", (settings, expected) => {
  const config = parseConfig({ SOURCES: "simulated", ...settings as Record<string, string> });
  strictEqual(config.topicMessages, expected);
});
