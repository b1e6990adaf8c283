import { deepStrictEqual, match, strictEqual } from "node:assert";
import { dispose } from "@logtape/logtape";
import { parseConfig } from "../../config.ts";
import { configureLogging } from "../../logging.ts";
import { digestOf, notificationOf } from "../../tests/digests.ts";
import { LogChannel } from "./log.ts";

Deno.test("log writes one line a digest: all of one notification, or as much as a text message has", async () => {
  let text = "";
  const config = parseConfig({ LOG_FORMAT: "json" }, { dev: true });
  await configureLogging(config, {
    writeSync(bytes) {
      text += new TextDecoder().decode(bytes);
      return bytes.length;
    },
    isTerminal: () => false,
  });
  const channel = new LogChannel("log");
  deepStrictEqual(await channel.send(digestOf([notificationOf()])), {
    ...{ outcome: "sent", to: "the log" },
  });
  await channel.send(digestOf([notificationOf(), notificationOf({ instrument: "ethusd" })]));
  await dispose();
  const lines = text.trimEnd().split("\n").map((line) => JSON.parse(line));
  strictEqual(lines.length, 2);
  strictEqual(lines[0].message, "leap: kraken btcusd at 130,864.25, 3.262 × the mean");
  deepStrictEqual([lines[0].level, lines[0].channel, lines[0].digestId], [
    ...["WARN", "log", "mail/leap/1"],
  ]);
  match(lines[1].message, /^leap: 2 firing\. kraken ethusd at .*\. kraken btcusd at .*\.$/);
});
