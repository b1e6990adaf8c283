/**
 * A real mail server for tests: aiosmtpd, a process of this machine.
 *
 * @module
 */
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { CertificateFiles } from "./certificates.ts";
import { pythonPackage } from "./fetched.ts";

const SCRIPT = new URL("smtp_server.py", import.meta.url).pathname;

/** One message as the server took it. */
export interface ReceivedMail {
  from: string;
  to: string[];
  isEncrypted: boolean;
  isLoggedIn: boolean;
  /** With its headers. */
  message: string;
}

/** What the server wants. */
export interface SmtpServerOptions {
  security: "none" | "starttls" | "tls";
  certificate?: CertificateFiles;
  login?: { username: string; password: string };
}

/** A server on this machine. */
export interface SmtpServer extends AsyncDisposable {
  port: number;
  /** Waits for the next message. */
  next(): Promise<ReceivedMail>;
}

/** Makes sure that there is what the server is made of. @throws In words, where it cannot be had. */
export function prepareSmtpServer(): Promise<string> {
  return pythonPackage("aiosmtpd", "1.4.6");
}

/** Starts a server on a free port. */
export async function startSmtpServer(options: SmtpServerOptions): Promise<SmtpServer> {
  const { security, certificate, login } = options;
  const files = [certificate?.certificate ?? "", certificate?.key ?? ""];
  const child = new Deno.Command("python3", {
    args: [
      ...["-u", SCRIPT, "127.0.0.1", security, ...files],
      ...[login?.username ?? "", login?.password ?? ""],
    ],
    env: { PYTHONPATH: await prepareSmtpServer(), PYTHONWARNINGS: "ignore" },
    ...{ stdin: "piped", stdout: "piped", stderr: "null" },
  }).spawn();
  // deno-lint-ignore no-explicit-any -- node's type of a web stream is another than Deno's
  const input = Readable.fromWeb(child.stdout as any);
  const lines = createInterface({ input })[Symbol.asyncIterator]();
  const line = async () => {
    const { value, done } = await lines.next();
    if (done) throw new Error("the mail server has ended");
    return value;
  };
  return {
    port: Number(await line()),
    next: async () => JSON.parse(await line()),
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
      while (!(await lines.next()).done);
    },
  };
}
