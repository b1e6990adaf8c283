/**
 * Digests by mail, as text and HTML.
 *
 * Under `--allow-net=host:port` nodemailer may not look names up by itself, so it is given a socket;
 * it is loaded with the first digest, as most processes send none.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { connect, isIP, type Socket } from "node:net";
import type { NodemailerError } from "nodemailer";
import { channelSecrets } from "../../config/channel_secrets.ts";
import type { ChannelConfig, SmtpConfig } from "../../config/channels.ts";
import { redact } from "../../logging.ts";
import { renderDigest } from "../../notifier/templates.ts";
import { type Channel, type Delivery, type Digest, SEND_TIMEOUT_MS } from "../../ports/channel.ts";
import type { Clock } from "../../ports/clock.ts";
import { abortReason, sendSignal } from "./http_send.ts";
import { type Attempt, Receivers } from "./receivers.ts";

/** Characters of a reason: servers are wordy. */
const REASON_LENGTH_MAX = 300;

/** The settings of this channel. */
export type SmtpChannelConfig = Extract<ChannelConfig, SmtpConfig>;

/** Sends digests by mail. */
export class SmtpChannel implements Channel {
  readonly name: string;
  readonly #receivers: Receivers;

  constructor(private readonly config: SmtpChannelConfig, clock: Clock) {
    this.name = config.name;
    this.#receivers = new Receivers(clock);
  }

  async send(digest: Digest, signal: AbortSignal): Promise<Delivery> {
    const limit = sendSignal(signal);
    const missing = this.#receivers.missing(digest.id, this.config.to);
    const attempts = new Map<string, Attempt>();
    const progress = { isWritten: false };
    const fail = (receivers: readonly string[], error: NodemailerError) => {
      const attempt = this.#attemptOf(error, limit, progress);
      for (const receiver of receivers) attempts.set(receiver, attempt);
    };
    try {
      const rejections = missing.length === 0
        ? []
        : await this.#sendTo(missing, digest, limit, progress);
      for (const receiver of missing) {
        const rejection = rejections.find(({ recipient }) => isSame(recipient, receiver));
        if (rejection === undefined) this.#receivers.add(digest.id, receiver);
        else fail([receiver], rejection);
      }
    } catch (error) {
      fail(missing, error as NodemailerError);
    }
    return this.#receivers.delivery(digest.id, this.config.to, attempts);
  }

  /** One message to all of them; what the server says of those whom it does not take. */
  async #sendTo(
    receivers: readonly string[],
    digest: Digest,
    signal: AbortSignal,
    progress: Progress,
  ): Promise<NodemailerError[]> {
    const { from, to } = this.config;
    const { createTransport } = await import("nodemailer");
    const transport = createTransport(await this.#options(signal));
    transport.use("stream", ({ message }, done) => {
      // It is read to its end only after the server has asked for it.
      message.processFunc((stream) => stream.once("end", () => progress.isWritten = true));
      done();
    });
    const { subject, text, html } = renderDigest(digest);
    try {
      const { rejectedErrors } = await transport.sendMail({
        ...{ from, to: [...to], subject, text, html, signal },
        envelope: { from: addressOf(from), to: receivers.map(addressOf) },
        // The same for every attempt: mail programs show a repetition once.
        messageId: messageIdOf(digest.id, from),
        date: new Date(digest.toMs),
        headers: { "Auto-Submitted": "auto-generated" },
        ...{ disableFileAccess: true, disableUrlAccess: true },
      });
      return rejectedErrors ?? [];
    } finally {
      transport.close();
    }
  }

  async #options(signal: AbortSignal) {
    const { host, port, security, login, caFile } = this.config;
    return {
      ...{ host, port, secure: security === "tls" },
      ...{ requireTLS: security === "starttls", ignoreTLS: security === "none" },
      // Our own name would take a permission to ask for, and tell more than is wanted.
      name: "[127.0.0.1]",
      ...(login !== null && {
        auth: { user: login.username, pass: login.password },
        forceAuth: true,
      }),
      ...{ connectionTimeout: SEND_TIMEOUT_MS, greetingTimeout: SEND_TIMEOUT_MS },
      ...{ socketTimeout: SEND_TIMEOUT_MS, socketCloseTimeout: 1000 },
      tls: {
        // An address is no server's name; the certificate must have it all the same.
        ...(isIP(host) === 0 && { servername: host }),
        minVersion: "TLSv1.2" as const,
        ...(caFile !== null && { ca: await Deno.readTextFile(caFile) }),
      },
      getSocket: (
        _: unknown,
        done: (error: Error | null, options?: { connection: Socket }) => void,
      ) => openSocket(host, port, signal, done),
    };
  }

  /** As they are, and as the commands have them, which a server may repeat. */
  #secrets(): string[] {
    const { login } = this.config;
    const base64 = (text: string) => Buffer.from(text).toString("base64").replace(/=+$/, "");
    return [
      ...channelSecrets(this.config),
      ...(login === null
        ? []
        : [base64(`\0${login.username}\0${login.password}`), base64(login.password)]),
    ];
  }

  /** What a failure means: 4xx and whatever concerns the connection may be better later. */
  #attemptOf(
    error: NodemailerError,
    signal: AbortSignal,
    { isWritten }: Progress,
  ): Attempt {
    const { host, port } = this.config;
    const { code, responseCode, rejectedErrors } = error;
    // Where all receivers were rejected, each has its own error; the mildest decides.
    const codes = [responseCode, ...(rejectedErrors ?? []).map((one) => one.responseCode)]
      .filter((one) => one !== undefined);
    const isDenied = /NotCapable|Requires \w+ access/.test(`${error.name} ${error.message}`);
    const retryable = codes.length > 0
      ? codes.some((one) => one < 500)
      : signal.aborted || (!isDenied && CONNECTION_CODES.has(code ?? ""));
    const words = signal.aborted ? abortReason(signal) : error.message.replace(/\s+/g, " ");
    const reason = redact(`${host}:${port}: ${words}`, this.#secrets());
    // The server has the message, and what it made of it was not heard.
    const isUnknown = retryable && isWritten && codes.length === 0;
    return {
      ...{ outcome: "failed", retryable, reason: reason.slice(0, REASON_LENGTH_MAX) },
      ...(isUnknown && { isUnknown }),
    };
  }
}

/** How far one attempt came. */
interface Progress {
  /** The whole message was handed to the connection: the server may have it. */
  isWritten: boolean;
}

/** Of nodemailer and of sockets: there was no whole conversation. */
const CONNECTION_CODES = new Set([
  ..."ECONNECTION ETIMEDOUT ESOCKET EDNS ETLS EPROTOCOL EABORT".split(" "),
  ..."ECONNREFUSED ECONNRESET EHOSTUNREACH ENETUNREACH ENOTFOUND EAI_AGAIN EPIPE".split(" "),
]);

function openSocket(
  host: string,
  port: number,
  signal: AbortSignal,
  done: (error: Error | null, options?: { connection: Socket }) => void,
): void {
  const socket = connect({ host, port });
  const over = () => {
    socket.destroy();
    done(signal.reason);
  };
  const failed = (error: Error) => {
    signal.removeEventListener("abort", over);
    done(error);
  };
  signal.addEventListener("abort", over, { once: true });
  socket.once("error", failed);
  socket.once("connect", () => {
    signal.removeEventListener("abort", over);
    socket.off("error", failed);
    done(null, { connection: socket });
  });
}

/** The address of `Name <address>`. */
function addressOf(mailbox: string): string {
  return /<(.+)>$/.exec(mailbox)?.[1] ?? mailbox;
}

/** Whether nodemailer's address, whose host is in lower case, is that of a receiver. */
function isSame(address: string | undefined, receiver: string): boolean {
  return address?.toLowerCase() === addressOf(receiver).toLowerCase();
}

/** A name for the digest's message, which says nothing of what is in it. */
export function messageIdOf(digestId: string, from: string): string {
  const hash = createHash("sha256").update(digestId).digest("hex").slice(0, 32);
  return `<${hash}@${addressOf(from).split("@").at(-1)}>`;
}
