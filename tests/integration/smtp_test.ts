/**
 * Digests by mail through a real server: in plain text, by STARTTLS and by TLS, with a login, under the
 * permissions that `deno task notify` has.
 */
import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { createChannels } from "../../adapters/channels/channels.ts";
import { messageIdOf } from "../../adapters/channels/smtp.ts";
import { parseConfig } from "../../config.ts";
import { renderDigest } from "../../notifier/templates.ts";
import type { Delivery } from "../../ports/channel.ts";
import { channelOf } from "../channel_receiver.ts";
import { digestOf, notificationOf } from "../digests.ts";
import { launchCommand } from "../../commands/launch.ts";
import { Authority } from "./certificates.ts";
import { testsNeeding } from "./fetched.ts";
import {
  prepareSmtpServer,
  type SmtpServer,
  type SmtpServerOptions,
  startSmtpServer,
} from "./smtp_server.ts";

const mailTest = await testsNeeding("aiosmtpd by Python's pip", prepareSmtpServer);

const folder = await Deno.makeTempDir({ prefix: "smtp-" });
const authority = await Authority.make(folder, "authority");
const certificate = await authority.issue("server", {
  alternativeNames: "IP:127.0.0.1,DNS:localhost",
});
const otherCertificate = await (await Authority.make(folder, "other")).issue("stranger", {
  alternativeNames: "IP:127.0.0.1,DNS:localhost",
});
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

const LOGIN = { username: "tracker", password: "sesame & open" };
const DIGEST = digestOf(
  [
    notificationOf(),
    ...Array.from({ length: 99 }, (_, i) => notificationOf({ instrument: `coin${i}ünusd` })),
  ],
  [],
  { firingCount: 10_000 },
);

function specOf({ port }: { port: number }, given: Record<string, unknown> = {}) {
  return {
    ...{ name: "mail", type: "smtp", host: "localhost", port, security: "none" },
    ...{ from: "Tracker <tracker@example.org>", to: ["Ann <ann@example.org>", "bob@example.org"] },
    ...given,
  };
}

function send(server: SmtpServer, given: Record<string, unknown> = {}): Promise<Delivery> {
  const [channel] = createChannels([channelOf(specOf(server, given))]);
  return channel!.send(DIGEST, new AbortController().signal);
}

/** The parts of a multipart message, decoded. */
function partsOf(message: string): { type: string; text: string }[] {
  const boundary = /boundary="(.+?)"/.exec(message)![1]!;
  return message.split(`--${boundary}`).slice(1, -1).map((part) => {
    const [head, ...body] = part.trim().split("\r\n\r\n");
    const text = body.join("\r\n\r\n");
    return { type: /Content-Type: ([\w/]+)/.exec(head!)![1]!, text: decoded(head!, text) };
  });
}

function decoded(head: string, text: string): string {
  if (/base64/i.test(head)) {
    return new TextDecoder().decode(Uint8Array.fromBase64(text.replace(/\s/g, "")));
  }
  if (!/quoted-printable/i.test(head)) return text;
  const bytes: number[] = [];
  const plain = text.replaceAll("=\r\n", "");
  for (let i = 0; i < plain.length; i++) {
    if (plain[i] === "=") bytes.push(parseInt(plain.slice(i + 1, i += 3), 16)), i--;
    else bytes.push(plain.charCodeAt(i));
  }
  return new TextDecoder().decode(new Uint8Array(bytes));
}

const WAYS: readonly [string, SmtpServerOptions, Record<string, unknown>][] = [
  ["plain text", { security: "none" }, {}],
  ["STARTTLS with a login", { security: "starttls", certificate, login: LOGIN }, {
    ...{ security: "starttls", caFile: authority.certificate, ...LOGIN },
  }],
  ["TLS with a login", { security: "tls", certificate, login: LOGIN }, {
    ...{ security: "tls", caFile: authority.certificate, ...LOGIN },
  }],
  ["TLS with a login, by its IP address", { security: "tls", certificate, login: LOGIN }, {
    ...{ host: "127.0.0.1", security: "tls", caFile: authority.certificate, ...LOGIN },
  }],
];

for (const [way, options, given] of WAYS) {
  mailTest(`a real mail server gets text and HTML by ${way}`, async () => {
    await using server = await startSmtpServer(options);
    const delivery = await send(server, given);
    deepStrictEqual(delivery, { outcome: "sent", to: "Ann <ann@example.org>, bob@example.org" });
    const { message, ...mail } = await server.next();
    deepStrictEqual(mail, {
      ...{ from: "tracker@example.org", to: ["ann@example.org", "bob@example.org"] },
      ...{ isEncrypted: options.security !== "none", isLoggedIn: options.login !== undefined },
    });
    ok(message.includes(`Message-ID: ${messageIdOf(DIGEST.id, "tracker@example.org")}`));
    const { text, html } = renderDigest(DIGEST);
    const lines = (whole: string) => whole.trim().split(/\r?\n/);
    deepStrictEqual(partsOf(message).map(({ type, text }) => [type, lines(text)]), [
      ["text/plain", lines(text)],
      ["text/html", lines(html)],
    ]);
    ok(message.split("\r\n").every((line) => line.length < 998));
  });
}

const REFUSED: readonly [string, SmtpServerOptions, Record<string, unknown>, boolean, RegExp][] = [
  [
    "a wrong password",
    { security: "starttls", certificate, login: LOGIN },
    {
      ...{ security: "starttls", caFile: authority.certificate, ...LOGIN, password: "sesame-2" },
    },
    false,
    /535/,
  ],
  [
    "no login where one is wanted",
    { security: "starttls", certificate, login: LOGIN },
    { security: "starttls", caFile: authority.certificate },
    false,
    /530/,
  ],
  [
    "plain text where TLS is wanted",
    { security: "starttls", certificate },
    { security: "none" },
    false,
    /530/,
  ],
  [
    "STARTTLS where there is none",
    { security: "none" },
    { security: "starttls", caFile: authority.certificate },
    true,
    /STARTTLS: 454/,
  ],
  [
    "the certificate of an authority that is not known",
    { security: "starttls", certificate: otherCertificate },
    { security: "starttls", caFile: authority.certificate },
    true,
    /certificate|issuer/i,
  ],
  [
    "the certificate of an authority that is not known, at once",
    { security: "tls", certificate: otherCertificate },
    { security: "tls", caFile: authority.certificate },
    true,
    /certificate|issuer/i,
  ],
];

for (const [what, options, given, retryable, reason] of REFUSED) {
  mailTest(`${what}: nothing is sent, and it is said why`, async () => {
    await using server = await startSmtpServer(options);
    const delivery = await send(server, given);
    ok(delivery.outcome === "failed", JSON.stringify(delivery));
    match(delivery.reason, reason);
    strictEqual(delivery.retryable, retryable, delivery.reason);
    ok(!delivery.reason.includes("sesame"), delivery.reason);
  });
}

mailTest("deno task notify sends a mail with its permissions, and with no others", async () => {
  const options = { security: "starttls", certificate, login: LOGIN } as const;
  await using server = await startSmtpServer(options);
  const given = {
    ...{ security: "starttls", caFile: authority.certificate, username: LOGIN.username },
    password: { env: "MAIL_PASSWORD" },
  };
  const CHANNELS = JSON.stringify([specOf(server, given)]);
  const settings = { CHANNELS, MAIL_PASSWORD: LOGIN.password };
  const config = parseConfig(settings, { dev: true });
  const run = async (settings: Record<string, string>) => {
    const command = `${launchCommand("notify", config, null)} --test mail`;
    const { code, stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", command],
      env: settings,
    }).output();
    const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, out: textOf(stdout), err: textOf(stderr) };
  };
  const { code, out, err } = await run(settings);
  deepStrictEqual([code, err], [0, ""]);
  match(out, /^mail: sent to Ann <ann@example\.org>, bob@example\.org \(\d+ ms\)\n$/);
  match((await server.next()).message, /^test-please-ignore: 1 firing\r$/m);

  // The flags are those of another port: the same program may not reach this one.
  await using other = await startSmtpServer(options);
  const elsewhere = JSON.stringify([specOf(other, given)]);
  const denied = await run({ ...settings, CHANNELS: elsewhere });
  strictEqual(denied.code, 1);
  match(denied.err, /(Requires net access|EPERM).*trying again will not help/);
});
