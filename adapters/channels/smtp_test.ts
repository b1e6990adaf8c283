import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import type { Delivery } from "../../ports/channel.ts";
import { channelOf } from "../../tests/channel_receiver.ts";
import { digestOf, notificationOf } from "../../tests/digests.ts";
import { type SmtpAnswers, smtpDialogue } from "../../tests/smtp_dialogue.ts";
import { createChannels } from "./channels.ts";
import { messageIdOf } from "./smtp.ts";

const DIGEST = digestOf([notificationOf()]);
const TO = ["Ann <ann@example.org>", "bob@example.org"];

function channelAt(port: number, given = {}) {
  const spec = { name: "mail", type: "smtp", host: "127.0.0.1", port, security: "none" };
  const own = { from: "Tracker <tracker@example.org>", to: TO, ...given };
  return createChannels([channelOf({ ...spec, ...own })])[0]!;
}

async function delivery(answers: SmtpAnswers, given = {}): Promise<Delivery> {
  await using server = smtpDialogue(answers);
  return await channelAt(server.port, given).send(DIGEST, new AbortController().signal);
}

Deno.test("smtp sends one message to all, with a name that stays the same", async () => {
  await using server = smtpDialogue();
  const sent = await channelAt(server.port).send(DIGEST, new AbortController().signal);
  deepStrictEqual(sent, { outcome: "sent", to: "Ann <ann@example.org>, bob@example.org" });
  const text = server.lines.join("\n");
  match(text, /^MAIL FROM:<tracker@example\.org>$/m);
  match(text, /^RCPT TO:<ann@example\.org>\nRCPT TO:<bob@example\.org>$/m);
  match(text, /^To: Ann <ann@example\.org>, bob@example\.org$/m);
  match(text, /^Date: Sat, 14 Mar 2026 10:06:00 \+0000$/m);
  match(text, /^Auto-Submitted: auto-generated$/m);
  ok(text.includes(`Message-ID: ${messageIdOf(DIGEST.id, "tracker@example.org")}`), text);
  strictEqual(messageIdOf("a", "x@y.z"), messageIdOf("a", "X <x@y.z>"));
  match(text, /^Content-Type: text\/plain/m);
  match(text, /^Content-Type: text\/html/m);
});

/** What the server says → how the delivery ends. */
const ANSWERS: readonly [string, SmtpAnswers, boolean, RegExp][] = [
  ["is busy", (command) => command === "MAIL" ? "451 come again" : undefined, true, /451/],
  ["refuses the sender", (command) => command === "MAIL" ? "550 no" : undefined, false, /550 no/],
  ["refuses the message", (command) => command === "." ? "554 spam" : undefined, false, /554 spam/],
  ["has no room", (command) => command === "." ? "452 full" : undefined, true, /452 full/],
  ["knows nobody", (command) => command === "RCPT" ? "550 who?" : undefined, false, /550 who/],
  ["goes away", (command) => command === "DATA" ? null : undefined, true, /closed/i],
  ["talks nonsense", (command) => command === "MAIL" ? "hello" : undefined, false, /\w/],
];

for (const [what, answers, retryable, reason] of ANSWERS) {
  Deno.test(`smtp fails, to be repeated ${retryable}, where the server ${what}`, async () => {
    const failed = await delivery(answers);
    ok(failed.outcome === "failed", JSON.stringify(failed));
    strictEqual(failed.retryable, retryable, failed.reason);
    match(failed.reason, reason);
    strictEqual(failed.isUnknown, undefined, "it is certain that nobody has it");
    match(failed.reason, /127\.0\.0\.1:\d+: /);
  });
}

Deno.test("smtp does not know what became of a message that the server has whole and says nothing of", async () => {
  const lost = await delivery((command) => command === "." ? null : undefined);
  ok(lost.outcome === "failed" && lost.retryable && lost.isUnknown, JSON.stringify(lost));
  const stop = new AbortController();
  await using server = smtpDialogue((command) => {
    if (command !== ".") return undefined;
    stop.abort(new DOMException("", "TimeoutError"));
    return "";
  });
  const late = await channelAt(server.port).send(DIGEST, stop.signal);
  ok(late.outcome === "failed" && late.retryable && late.isUnknown, JSON.stringify(late));
  match(late.reason, /no answer in time/);
});

Deno.test("smtp fails for good where the login is refused, and tells no password", async () => {
  const failed = await delivery(
    (command, line) => command === "AUTH" ? `535 ${line} sesame-1 is wrong` : undefined,
    { username: "me", password: "sesame-1" },
  );
  ok(failed.outcome === "failed" && !failed.retryable);
  const plain = btoa("\0me\0sesame-1");
  ok(!failed.reason.includes("sesame") && !failed.reason.includes(plain), failed.reason);
});

Deno.test("smtp sends nothing in plain text where TLS is wanted and there is none", async () => {
  await using server = smtpDialogue((command) =>
    command === "STARTTLS" ? "502 not here" : undefined
  );
  const channel = channelAt(server.port, {
    ...{ security: "starttls", username: "me", password: "sesame-1" },
  });
  const failed = await channel.send(DIGEST, new AbortController().signal);
  ok(failed.outcome === "failed" && !failed.retryable, JSON.stringify(failed));
  ok(!server.lines.some((line) => /AUTH|MAIL/.test(line)), server.lines.join("\n"));
});

Deno.test("smtp repeats a message for those alone who did not get it", async () => {
  let isAway = true;
  await using server = smtpDialogue((command, line) =>
    command === "RCPT" && line.includes("bob") && isAway ? "450 mailbox busy" : undefined
  );
  const channel = channelAt(server.port);
  const { signal } = new AbortController();
  const first = await channel.send(DIGEST, signal);
  ok(first.outcome === "failed" && first.retryable);
  strictEqual(first.isUnknown, true, "Ann must not be told the same under another id");
  match(first.reason, /^not to bob@example\.org \(.*450.*; sent to Ann <ann@example\.org>$/);
  isAway = false;
  const before = server.lines.length;
  strictEqual((await channel.send(DIGEST, signal)).outcome, "sent");
  deepStrictEqual(
    server.lines.slice(before).filter((line) => line.startsWith("RCPT")),
    ["RCPT TO:<bob@example.org>"],
  );
});

Deno.test("smtp goes on without an address that is refused, in whatever case it is written", async () => {
  const sent = await delivery(
    (command, line) => command === "RCPT" && /bob/i.test(line) ? "550 no such user" : undefined,
    { to: ["Ann <Ann@EXAMPLE.org>", "Bob@EXAMPLE.org"] },
  );
  ok(sent.outcome === "sent");
  match(sent.to, /^Ann <Ann@EXAMPLE\.org>; not to Bob@EXAMPLE\.org \(.*550 no such user.*\)$/);
});

Deno.test("smtp ends at once where it is stopped, and may be repeated where nobody answers", async () => {
  const stop = new AbortController();
  const hang = (command: string) => {
    if (command === "MAIL") stop.abort();
    return undefined;
  };
  const server = smtpDialogue(hang);
  const stopped = await channelAt(server.port).send(DIGEST, stop.signal);
  ok(stopped.outcome === "failed" && stopped.retryable);
  match(stopped.reason, /: stopped\)$/);
  const { port } = server;
  await server[Symbol.asyncDispose]();
  const away = await channelAt(port).send(DIGEST, new AbortController().signal);
  ok(away.outcome === "failed" && away.retryable, JSON.stringify(away));
});
