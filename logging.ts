/**
 * Logs: readable in a terminal, one JSON object a line elsewhere; on stderr, so that what commands
 * print stays clean. Secrets of the configuration are replaced wherever they turn up.
 *
 * @module
 */
import {
  configure,
  getJsonLinesFormatter,
  type LogRecord,
  type TextFormatter,
} from "@logtape/logtape";
import type { Config } from "./config.ts";
import { channelSecrets } from "./config/channel_secrets.ts";
import { databaseOf } from "./config/database_url.ts";
import { inWords } from "./errors.ts";

/** What replaces a secret. */
const HIDDEN = "(hidden)";

/** A shorter secret is no secret, and replacing it would spoil honest text. */
const SECRET_LENGTH_MIN = 4;

/** What logging needs of the configuration. */
export type LoggingConfig = Pick<
  Config,
  "log" | "kafka" | "cryptowatch" | "databaseUrl" | "apiTokens" | "channels"
>;

/** Where lines go. */
export interface LogOutput {
  writeSync(bytes: Uint8Array): number;
  isTerminal(): boolean;
}

/** Sends the program's logs to `output` from now on, in the place of where they went before. */
export async function configureLogging(
  config: LoggingConfig,
  output: LogOutput = Deno.stderr,
): Promise<void> {
  const { level, format } = config.log;
  const pretty = format === "pretty" || (format === "auto" && output.isTerminal());
  const formatter = pretty ? await prettyFormatter(output.isTerminal()) : jsonFormatter();
  const secrets = secretsOf(config);
  const encoder = new TextEncoder();
  const sink = (record: LogRecord) => {
    const line = formatter({ ...record, message: [messageOf(record, pretty)] });
    writeAll(output, encoder.encode(redact(line, secrets)));
  };
  await configure({
    reset: true,
    sinks: { output: sink },
    loggers: [
      { category: "data-tracker", sinks: ["output"], lowestLevel: level },
      { category: ["logtape", "meta"], sinks: ["output"], lowestLevel: "warning" },
    ],
  });
}

/** The texts that must never be printed. */
export function secretsOf(
  { kafka, cryptowatch, databaseUrl, apiTokens, channels }: LoggingConfig,
): string[] {
  const database = databaseUrl === null ? null : databaseOf(databaseUrl);
  const ofDatabase = database?.kind === "postgres" ? [databaseUrl, database.password] : [];
  const hashes = apiTokens.map(({ sha256 }) => sha256);
  const all = [
    kafka?.sasl?.password,
    cryptowatch?.apiKey,
    ...ofDatabase,
    ...hashes,
    ...channels.flatMap(channelSecrets),
  ];
  return all.filter((text) =>
    typeof text === "string" && text.length >= SECRET_LENGTH_MIN
  ) as string[];
}

/** `text` without the secrets, as they are and as JSON and addresses write them. */
export function redact(text: string, secrets: readonly string[]): string {
  let clean = text;
  // The longest first: one that is a part of another must not leave the rest of it.
  for (const secret of secrets.toSorted((a, b) => b.length - a.length)) {
    if (secret.length < SECRET_LENGTH_MIN) continue;
    const json = JSON.stringify(secret).slice(1, -1);
    for (
      const form of [secret, json, JSON.stringify(json).slice(1, -1), encodeURIComponent(secret)]
    ) {
      clean = clean.replaceAll(form, HIDDEN);
    }
  }
  return clean;
}

/** The message as people read it: texts without quotes, errors in words. */
function messageOf({ message, properties, level }: LogRecord, pretty: boolean): string {
  const text = message.map((part) => typeof part === "string" ? part : textOf(part)).join("");
  if (!pretty) return text;
  // JSON has every property; here an error that the message does not tell would be lost.
  const errors = Object.values(properties).filter((value): value is Error =>
    value instanceof Error && !text.includes(value.message)
  );
  const whole = level === "error" || level === "fatal";
  return [text, ...errors.map((error) => whole ? Deno.inspect(error) : inWords(error))].join(": ");
}

function textOf(value: unknown): string {
  return value instanceof Error ? inWords(value) : Deno.inspect(value, { breakLength: Infinity });
}

function jsonFormatter(): TextFormatter {
  return getJsonLinesFormatter({ properties: "flatten" });
}

async function prettyFormatter(isTerminal: boolean): Promise<TextFormatter> {
  const { getPrettyFormatter } = await import("@logtape/pretty");
  return getPrettyFormatter({
    // Asking for the terminal's width would need an environment variable; terminals wrap by themselves.
    wordWrap: false,
    colors: isTerminal && !Deno.noColor,
    icons: false,
    align: true,
    timestamp: "time",
    categorySeparator: " ",
    messageStyle: null,
    messageColor: null,
  });
}

function writeAll(output: LogOutput, bytes: Uint8Array): void {
  for (let written = 0; written < bytes.length;) {
    written += output.writeSync(bytes.subarray(written));
  }
}
