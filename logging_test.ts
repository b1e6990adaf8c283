import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert";
import { dispose, getLogger } from "@logtape/logtape";
import { parseConfig } from "./config.ts";
import { configureLogging, redact } from "./logging.ts";

async function linesOf(
  settings: Record<string, string>,
  isTerminal: boolean,
  log: (logger: ReturnType<typeof getLogger>) => void,
): Promise<string[]> {
  const decoder = new TextDecoder();
  let text = "";
  // Takes a byte at a time, as a full pipe may.
  const output = {
    isTerminal: () => isTerminal,
    writeSync(bytes: Uint8Array) {
      text += decoder.decode(bytes.subarray(0, 1), { stream: true });
      return 1;
    },
  };
  await configureLogging(parseConfig({ SOURCES: "simulated", ...settings }), output);
  log(getLogger(["data-tracker", "sampler"]));
  await dispose();
  return text.split("\n").filter((line) => line !== "");
}

Deno.test("configureLogging() writes one JSON object a line where there is no terminal", async () => {
  const [line, ...more] = await linesOf({}, false, (logger) => {
    logger.info("Polled {source}: {count} markets", { source: "simulated", count: 3 });
    logger.debug("not at this level");
  });
  deepStrictEqual(more, []);
  const { "@timestamp": at, ...rest } = JSON.parse(line!);
  ok(Date.parse(at) > 0);
  deepStrictEqual(rest, {
    level: "INFO",
    message: "Polled simulated: 3 markets",
    logger: "data-tracker.sampler",
    source: "simulated",
    count: 3,
  });
});

Deno.test("configureLogging() keeps an error's name, message and cause as a property", async () => {
  const error = new TypeError("half a record", { cause: new Error("the disk") });
  const [line] = await linesOf({}, false, (logger) => logger.error("It broke: {error}", { error }));
  const json = JSON.parse(line!);
  strictEqual(json.message, "It broke: half a record (the disk)");
  deepStrictEqual([json.error.name, json.error.cause.message], ["TypeError", "the disk"]);
});

Deno.test("configureLogging() is readable in a terminal, with a trace only for what is unexpected", async () => {
  const lines = await linesOf({ LOG_FORMAT: "pretty" }, false, (logger) => {
    logger.info("Listening on {url}", { url: "http://localhost:8000" });
    logger.warning("Poll failed", { error: new Error("no answer") });
    logger.fatal("{problem}", { problem: "PORT: in use", error: new Error("PORT: in use") });
    logger.error("Stopped", { error: new Error("boom") });
  });
  match(
    lines[0]!,
    /^\d\d:\d\d:\d\d\.\d{3}\s+info\s+data-tracker sampler Listening on http:\/\/localhost:8000$/,
  );
  match(lines[1]!, /Poll failed: no answer$/);
  match(lines[2]!, /PORT: in use$/);
  match(lines[3]!, /Stopped: Error: boom$/);
  match(lines[4]!, /at .*logging_test\.ts/);
});

Deno.test("configureLogging() uses colours in a terminal alone", async () => {
  const log = (logger: ReturnType<typeof getLogger>) => logger.info("Here");
  // deno-lint-ignore no-control-regex -- the colours start with it
  const colour = /\x1b\[/;
  doesNotMatch((await linesOf({ LOG_FORMAT: "pretty" }, false, log)).join(), colour);
  if (!Deno.noColor) match((await linesOf({}, true, log)).join(), colour);
});

Deno.test("configureLogging() never lets a secret through", async () => {
  const settings = {
    KAFKA_BROKERS: "k:9092",
    KAFKA_SASL_MECHANISM: "plain",
    KAFKA_USERNAME: "u",
    KAFKA_PASSWORD: 'open "sesame"',
    CRYPTOWATCH_URL: "http://h",
    CRYPTOWATCH_API_KEY: "key-sesame",
    DATABASE_URL: "postgres://u:sesame%2F2@h/d",
    API_TOKENS: `alice:${"5e5a3e".padEnd(64, "0")}`,
  };
  for (const LOG_FORMAT of ["json", "pretty"]) {
    const lines = await linesOf({ ...settings, LOG_FORMAT }, false, (logger) => {
      logger.info('open "sesame" {text}', { text: 'key-sesame open "sesame"' });
      logger.error("Refused", { error: new Error("key-sesame", { cause: 'open "sesame"' }) });
      logger.info("{url} sesame/2", { url: settings.DATABASE_URL });
      logger.info(settings.API_TOKENS.replace(/^/, "Tokens "));
      logger.info("{list}", { list: [{ password: 'open "sesame"' }] });
    });
    doesNotMatch(lines.join("\n"), /sesame|5e5a3e/, LOG_FORMAT);
  }
});

Deno.test("redact() knows a secret in an address", () => {
  strictEqual(redact("http://u:p%40ss@h", ["p@ss"]), "http://u:(hidden)@h");
});

Deno.test("redact() leaves a text alone where a secret is too short to be one", () => {
  strictEqual(redact("a plain text", ["", "a", "tex"]), "a plain text");
});
