/**
 * The setting `CHANNELS`: its JSON → {@link ChannelConfig}s, with secrets from the environment.
 *
 * @module
 */
import { z } from "zod";
import type { DigestPolicy } from "../notifier/policy.ts";
import { isLoopback } from "./access.ts";
import {
  ADDRESS_ALLOWED,
  CHANNEL_COUNT_MAX,
  channelSchema,
  type ChannelSpec,
  readAddress,
  VariableReference,
} from "./channel_schema.ts";
import { namedList } from "./named_list.ts";

/** What all channels have. */
export interface ChannelBase extends DigestPolicy {
  /** Variables of the environment that its secrets are in. */
  variables: readonly string[];
  /** Those of them that are not set, or not permitted here. */
  unsetVariables: readonly string[];
  /** Those of them that hold no address where one must be. */
  wrongVariables: readonly string[];
}

/** Mail. */
export interface SmtpConfig {
  type: "smtp";
  /** IPv6 without brackets. */
  host: string;
  port: number;
  /** `starttls`: in plain text until TLS is agreed on, which must be before anything is said; `none`: never. */
  security: "starttls" | "tls" | "none";
  login: { username: string; password: string } | null;
  /** A PEM file: the authorities of the server's certificate; `null`: those that Deno knows. */
  caFile: string | null;
  from: string;
  to: readonly string[];
}

/** Text messages. */
export interface TwilioConfig {
  type: "twilio";
  url: string;
  accountSid: string;
  authToken: string;
  /** A number, a name, or the id of a messaging service (`MG…`). */
  from: string;
  to: readonly string[];
}

/** A request to whoever wants it. */
export interface WebhookConfig {
  type: "webhook";
  /** Empty where its variable holds none. */
  url: string;
  format: "data-tracker" | "alertmanager";
  /** What requests are signed with; `null`: they are not. */
  secret: string | null;
  headers: Readonly<Record<string, string>>;
}

/** Prometheus Alertmanager, which tells people by its own rules. */
export interface AlertmanagerConfig {
  type: "alertmanager";
  /** Empty where its variable holds none. */
  url: string;
  /** Of every alert, beside what it is about. */
  labels: Readonly<Record<string, string>>;
  headers: Readonly<Record<string, string>>;
}

/** The program's own log. */
export interface LogConfig {
  type: "log";
}

/** One channel. */
export type ChannelConfig =
  & ChannelBase
  & (SmtpConfig | TwilioConfig | WebhookConfig | AlertmanagerConfig | LogConfig);

/** The setting's text → channels whose secrets are still where they are. */
export const channelsSchema: z.ZodType<readonly ChannelSpec[], string> = namedList(channelSchema, {
  one: "channel",
  countMax: CHANNEL_COUNT_MAX,
  example: '[{"name": "log", "type": "log"}]',
  page: "docs/channels.md",
  check(spec) {
    const isPlain = spec.type === "smtp" && spec.security === "none" && spec.login !== null &&
      !isLoopback(spec.host);
    if (!isPlain) return null;
    const message = "none would send the password in plain text; use starttls or tls";
    return { field: "security", message };
  },
});

/** The path of a part of the JSON, as `[0].to[1]`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path.map((key) => typeof key === "number" ? `[${key}]` : `.${String(key)}`).join("");
}

/** The channels with what their secrets' variables hold. */
export function channelConfigs(
  specs: readonly ChannelSpec[],
  variableOf: (name: string) => string | undefined,
): ChannelConfig[] {
  return specs.map((spec) => {
    const variables = new Set<string>();
    const unset = new Set<string>();
    const wrong: string[] = [];
    const { wait, interval, repeat, exchange, instrument, base, quote, ...own } = resolved(
      spec,
      (name) => {
        const value = variableOf(name)?.trim() ?? "";
        variables.add(name);
        if (value === "") unset.add(name);
        return value;
      },
    );
    if ("url" in spec && spec.url instanceof VariableReference && "url" in own) {
      const address = readAddress(own.url);
      if (address === null && own.url !== "") wrong.push(spec.url.name);
      own.url = address ?? "";
    }
    return {
      ...own,
      ...{ waitMs: wait, intervalMs: interval, repeatMs: repeat },
      filters: {
        ...(exchange && { exchange }),
        ...(instrument && { instrument }),
        ...(base && { base }),
        ...(quote && { quote }),
      },
      ...{ variables: [...variables], unsetVariables: [...unset], wrongVariables: wrong },
    };
  });
}

type Resolved<T> = T extends VariableReference ? string
  : T extends object ? { [K in keyof T]: Resolved<T[K]> }
  : T;

/** `value` with texts in the place of references to them. */
function resolved<T>(value: T, lookUp: (name: string) => string): Resolved<T> {
  if (value instanceof VariableReference) return lookUp(value.name) as Resolved<T>;
  if (value === null || typeof value !== "object") return value as Resolved<T>;
  if (Array.isArray(value)) return value.map((item) => resolved(item, lookUp)) as Resolved<T>;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, resolved(item, lookUp)]),
  ) as Resolved<T>;
}

/** What is wrong where the channel is to be used. */
export function variableProblems(
  { name, unsetVariables, wrongVariables }: ChannelConfig,
): string[] {
  const unset = unsetVariables.map((variable) =>
    `${variable}: not set, and channel ${name} of CHANNELS takes a secret from it; set it, or ` +
    "name another in CHANNELS"
  );
  const wrong = wrongVariables.map((variable) =>
    `${variable}: must be ${ADDRESS_ALLOWED}: channel ${name} of CHANNELS takes its address from it`
  );
  return [...unset, ...wrong];
}
