/**
 * The setting `CHANNELS`: its JSON → {@link ChannelConfig}s, with secrets from the environment.
 *
 * @module
 */
import { z } from "zod";
import type { MarketFilters } from "../ports/market_filters.ts";
import { isLoopback } from "./access.ts";
import {
  ADDRESS_ALLOWED,
  CHANNEL_COUNT_MAX,
  channelSchema,
  type ChannelSpec,
  type GroupLabel,
  parseJson,
  readAddress,
  VariableReference,
} from "./channel_schema.ts";

export type { GroupLabel };

/** What all channels have. Times in ms. */
export interface ChannelBase {
  /** Unique. */
  name: string;
  /** What the notifications of one digest have in common; empty: everything goes together. */
  groupBy: readonly GroupLabel[];
  /** How long the first of a group waits for others. */
  waitMs: number;
  /** The least time between digests of one group. */
  intervalMs: number;
  /** After how long it is told again that something goes on firing; `null`: never. */
  repeatMs: number | null;
  /** Patterns of rules' names, of which one must match. */
  rules: readonly string[];
  /** Which markets it tells of; one that is given matches no source. */
  filters: MarketFilters;
  /** Whether it tells that something is over. */
  sendResolved: boolean;
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
export const channelsSchema: z.ZodType<readonly ChannelSpec[], string> = z.string()
  .transform((text, context) => {
    const json = parseJson(text);
    if (!Array.isArray(json) || json.length > CHANNEL_COUNT_MAX) {
      const message = `must be a JSON list of ${CHANNEL_COUNT_MAX} channels at most, ` +
        'like [{"name": "log", "type": "log"}]';
      context.issues.push({ code: "custom", message, input: text });
      return z.NEVER;
    }
    const result = z.array(channelSchema).safeParse(json);
    const issues = result.success ? togetherIssues(result.data) : result.error.issues;
    for (const issue of issues.flatMap((issue) => issueInWords(issue, "docs/channels.md"))) {
      context.issues.push({ code: "custom", ...issue, input: text });
    }
    return result.data ?? z.NEVER;
  });

/** One issue for each field that there is not; others have their words. */
export function issueInWords(issue: z.core.$ZodIssue, page: string) {
  const { path, message } = issue;
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      ...{
        path: [...path, key],
        message: `no such field; ${page} lists them`,
      },
    }));
  }
  return [{ path: [...path], message, ...(issue.code === "custom" && { params: issue.params }) }];
}

/** What is wrong with channels that are right by themselves. */
function togetherIssues(specs: readonly ChannelSpec[]) {
  return specs.flatMap((spec, i) => {
    const issue = (field: string, message: string) => ({
      ...{ code: "custom" as const, path: [i, field], message, input: spec },
    });
    const isPlain = spec.type === "smtp" && spec.security === "none" && spec.login !== null &&
      !isLoopback(spec.host);
    return [
      ...(specs.findIndex(({ name }) => name === spec.name) < i
        ? [issue("name", `${spec.name} is another channel's name too; each must have its own`)]
        : []),
      ...(isPlain
        ? [issue("security", "none would send the password in plain text; use starttls or tls")]
        : []),
    ];
  });
}

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
