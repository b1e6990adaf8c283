import { deepStrictEqual, doesNotMatch, match, strictEqual } from "node:assert";
import { outputOf } from "../tests/command_output.ts";
import { configCommand } from "./config.ts";

Deno.test("config shows every setting, where it came from, and no secret", async () => {
  const { code, out, err } = await outputOf(configCommand, [], {
    SOURCES: "cryptowatch",
    CRYPTOWATCH_URL: "https://prices.example",
    CRYPTOWATCH_API_KEY: "sesame",
    WINDOW: "15m",
  });
  deepStrictEqual([code, err], [0, ""]);
  match(out, /^WINDOW +15m +environment /m);
  match(out, /^GRACE +5m +default /m);
  match(out, /^CRYPTOWATCH_API_KEY +\(hidden\) +environment /m);
  doesNotMatch(out, /sesame/);
});

Deno.test("config lists all problems, and shows the settings all the same", async () => {
  const { code, out, err } = await outputOf(configCommand, [], { WINDOW: "7m", PARTITION: "3" });
  strictEqual(code, 2);
  match(out, /^WINDOW +7m +environment /m);
  match(err, /The configuration has 3 problems:\n(.*\n)* +WINDOW=7m: must be/);
});

Deno.test("config --json is for programs", async () => {
  const { code, out } = await outputOf(configCommand, ["--json", "--dev"], { GRACE: "1m" });
  strictEqual(code, 0);
  const { settings, problems } = JSON.parse(out);
  deepStrictEqual(problems, []);
  const grace = settings.find((row: { name: string }) => row.name === "GRACE");
  deepStrictEqual([grace.text, grace.origin], ["1m", "environment"]);
});

Deno.test("runCommand() explains itself, and refuses what it does not know", async () => {
  const help = await outputOf(configCommand, ["--help"]);
  strictEqual(help.code, 0);
  match(help.out, /^deno task config \[options\]\n/);
  match(help.out, /^ +--json +As JSON, for programs$/m);
  for (
    const [args, problem] of [[["--jsn"], /Unknown option '--jsn'/], [
      ["more"],
      /takes no argument such as more/,
    ]] as const
  ) {
    const { code, out, err } = await outputOf(configCommand, args);
    deepStrictEqual([code, out], [2, ""]);
    match(err, problem);
    match(err, /See: deno task config --help\n$/);
  }
});
