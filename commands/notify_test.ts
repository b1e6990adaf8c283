import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { outputOf } from "../tests/command_output.ts";
import { receiver } from "../tests/channel_receiver.ts";
import { notifyCommand } from "./notify.ts";

Deno.test("notify lists the channels, and the variables that they lack", async () => {
  const CHANNELS = JSON.stringify([
    { name: "log", type: "log", repeat: "never", groupBy: [] },
    {
      ...{ name: "mail", type: "smtp", host: "smtp.example.org", from: "a@example.org" },
      ...{ to: ["b@example.org"], username: "me", password: { env: "MAIL_PASSWORD" } },
    },
  ]);
  const { code, out, err } = await outputOf(notifyCommand, [], { CHANNELS });
  deepStrictEqual([code, err], [0, ""]);
  match(out, /^log +log +the log +nothing +30s +5m +never +–$/m);
  match(out, /^mail +smtp +b@example\.org by smtp\.example\.org:587 +rule .*4h +MAIL_PASSWORD$/m);
});

Deno.test("notify sends a digest that says it is a test", async () => {
  await using server = receiver();
  const CHANNELS = JSON.stringify([{ name: "hook", type: "webhook", url: server.url }]);
  const { code, out, err } = await outputOf(notifyCommand, ["--test", "hook"], { CHANNELS });
  deepStrictEqual([code, err], [0, ""]);
  match(out, /^hook: sent to 127\.0\.0\.1:\d+ \(\d+ ms\)\n$/);
  const form = JSON.parse(server.requests[0]!.body);
  deepStrictEqual([form.group, form.firing[0].exchange], [
    { rule: "test-please-ignore" },
    "test-exchange",
  ]);
  match(form.id, /^hook\/test\//);
});

Deno.test("notify ends with 1 where the test was not sent, and says why and what then", async () => {
  await using server = receiver(() =>
    new Response("", { status: 503, headers: { "retry-after": "90" } })
  );
  const CHANNELS = JSON.stringify([{ name: "hook", type: "webhook", url: server.url }]);
  const { code, out, err } = await outputOf(notifyCommand, ["--test", "hook"], { CHANNELS });
  deepStrictEqual([code, out], [1, ""]);
  match(err, /^hook: not sent: .*answered 503; try again in 1m(30s|29s\d+ms)\n$/);
});

Deno.test("notify names the channels that there are where another is asked for", async () => {
  const { code, err } = await outputOf(notifyCommand, ["--test", "fax"]);
  strictEqual(code, 2);
  ok(err.startsWith("notify: fax is no channel of CHANNELS; there are: log\n"), err);
});

Deno.test("notify says which variable a channel lacks", async () => {
  const CHANNELS = JSON.stringify([
    { name: "hook", type: "webhook", url: "http://127.0.0.1:9", secret: { env: "HOOK_SECRET" } },
  ]);
  const { code, err } = await outputOf(notifyCommand, ["--test", "hook"], { CHANNELS });
  strictEqual(code, 1);
  match(err, /^HOOK_SECRET: not set, and channel hook/);
});
