/**
 * What `CHANNELS` may hold: each channel's own fields, with their limits and what is said where they
 * are not kept.
 *
 * @module
 */
import { z } from "zod";
import type { GroupLabel } from "../notifier/policy.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { HOST_NAME, isPermittablePath } from "./permittable.ts";

const GROUP_LABELS = Object.keys(
  {
    ...{ rule: true, exchange: true, instrument: true, base: true, quote: true, source: true },
  } satisfies Record<GroupLabel, true>,
) as GroupLabel[];

/** Channels of one deployment; each costs the notifier memory and time. */
export const CHANNEL_COUNT_MAX = 50;
/** Patterns of one filter: each is held against every notification. */
const PATTERN_COUNT_MAX = 100;
/** Receivers of one channel; a list of more is a mailing list's matter. */
const RECIPIENT_COUNT_MAX = 50;
/** Further headers, or labels, of one channel. */
const ENTRY_COUNT_MAX = 30;
const TEXT_LENGTH_MAX = 1000;

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A text that stands in another variable of the environment. */
export class VariableReference {
  /** No channel has this, so that none is taken for a reference. */
  readonly isReference = true;
  constructor(readonly name: string) {}
}

/** A password, token or key: itself, or where it is. */
export type Secret = string | VariableReference;

/** A text that is read to something; its message says what is allowed, and what was there unless it is secret. */
export function text<T>(allowed: string, read: (text: string) => T | null, isSecret = false) {
  return z.any().transform((value: unknown, context): T => {
    const result = typeof value === "string" ? read(value.trim()) : null;
    if (result !== null) return result;
    const message = value === undefined ? `not set; must be ${allowed}` : `must be ${allowed}`;
    const shown = value === undefined ? undefined : isSecret ? "(hidden)" : shortJson(value);
    context.issues.push({ code: "custom", message, input: value, params: { shown } });
    return z.NEVER;
  });
}

/** A value as a message shows it. */
function shortJson(value: unknown): string {
  const json = JSON.stringify(value) ?? "nothing";
  return json.length > 80 ? `${json.slice(0, 80)}…` : json;
}

export function matching(allowed: string, form: RegExp) {
  return text(allowed, (value) => form.test(value) ? value : null);
}

export function oneOf<const T extends string>(...values: readonly T[]) {
  const allowed = values.join(", ").replace(/, (\S+)$/, " or $1");
  return text(allowed, (value) => values.find((v) => v === value) ?? null);
}

export function duration<T = never>(minMs: number, maxMs: number, words: Record<string, T> = {}) {
  const others = Object.keys(words).map((word) => `${word}, or `).join("");
  const allowed = `${others}whole seconds from ${formatDuration(minMs)} to ` +
    `${formatDuration(maxMs)}, written like 30s`;
  return text<{ value: number | T }>(allowed, (value) => {
    if (Object.hasOwn(words, value)) return { value: words[value]! };
    const ms = parseDuration(value);
    return ms === null || ms < minMs || ms > maxMs || ms % SECOND_MS !== 0 ? null : { value: ms };
  }).transform(({ value }) => value);
}

const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]{0,99}$/;

const secret = z.any().transform((value: unknown, context): Secret => {
  const isText = typeof value === "string" && value !== "" && value.length <= TEXT_LENGTH_MAX &&
    !/[\r\n\0]/.test(value);
  if (isText) return value;
  const entries = value === null || typeof value !== "object" ? [] : Object.entries(value);
  const [key, name] = entries.length === 1 ? entries[0]! : [];
  if (key === "env" && typeof name === "string" && VARIABLE_NAME.test(name)) {
    return new VariableReference(name);
  }
  const message = `${value === undefined ? "not set; " : ""}must be a text, or {"env": "NAME"} ` +
    "with the name of a variable of the environment that has it";
  const shown = value === undefined ? undefined : "(hidden)";
  context.issues.push({ code: "custom", message, input: value, params: { shown } });
  return z.NEVER;
});

function listOf<T>(item: z.ZodType<T>, what: string, countMax: number) {
  return z.array(item, { error: `must be a list of ${what}` })
    .min(1, "must name one at least")
    .max(countMax, `must name ${countMax} at most`)
    .refine((items) => new Set(items).size === items.length, "must name each once");
}

const pattern = matching(
  "a text of 1 to 100 characters, in which * stands for any run of characters",
  /^[^\s,]{1,100}$/,
);
export const patterns = listOf(pattern, "patterns, like btc*", PATTERN_COUNT_MAX);
const groupLabels = z.array(oneOf(...GROUP_LABELS), {
  error: `must be a list of ${GROUP_LABELS.join(", ")}; [] gathers everything`,
}).refine((labels) => new Set(labels).size === labels.length, "must name each once");
export const yesOrNo = z.boolean("must be true or false");

/** A digest gathers what comes within this. */
const WAIT_MAX_MS = HOUR_MS;
/** `deliveries` must still hold when a group was last told. */
const REPEAT_MAX_MS = 7 * DAY_MS;

const common = {
  name: matching("1 to 40 of a-z, 0-9 and -", /^[a-z0-9-]{1,40}$/),
  groupBy: groupLabels.default(["rule"]),
  wait: duration(0, WAIT_MAX_MS).default(30 * SECOND_MS),
  interval: duration(SECOND_MS, DAY_MS).default(5 * MINUTE_MS),
  repeat: duration<null>(MINUTE_MS, REPEAT_MAX_MS, { never: null }).default(4 * HOUR_MS),
  rules: patterns.default(["*"]),
  exchange: patterns.optional(),
  instrument: patterns.optional(),
  base: patterns.optional(),
  quote: patterns.optional(),
  sendResolved: yesOrNo.default(true),
};

/** What {@link readAddress} takes. */
export const ADDRESS_ALLOWED =
  "an http:// or https:// address without user or fragment, like https://hooks.example.org/alerts";

/** An address that digests are sent to; `null`: it is none. */
export function readAddress(value: string): string | null {
  const parsed = value.length > TEXT_LENGTH_MAX ? null : URL.parse(value);
  if (parsed === null || !/^https?:$/.test(parsed.protocol)) return null;
  return parsed.username || parsed.password || parsed.hash ? null : parsed.href;
}

// Its path or query may be a key.
const url = text(ADDRESS_ALLOWED, readAddress, true);

/** An address, or where it is. */
const secretUrl = z.any().transform((value: unknown, context): Secret => {
  const isText = value === undefined || typeof value === "string";
  const result = (isText ? url : secret).safeParse(value);
  if (result.success) return result.data;
  for (const { message } of result.error.issues) {
    const shown = value === undefined ? undefined : "(hidden)";
    context.issues.push({ code: "custom", message, input: value, params: { shown } });
  }
  return z.NEVER;
});

/** What is ours to say in a request. */
const OWN_HEADERS =
  /^(host|connection|content-.*|transfer-encoding|idempotency-key|x-data-tracker-.*)$/i;

const headers = z.record(
  z.string().regex(/^[A-Za-z0-9-]{1,60}$/).refine((name) => !OWN_HEADERS.test(name)),
  secret,
  {
    error:
      'must be an object of header names and values, like {"Authorization": {"env": "TOKEN"}}' +
      ", without those that are ours (Host, Content-*, Idempotency-Key, X-Data-Tracker-*)",
  },
).refine(
  (all) => Object.keys(all).length <= ENTRY_COUNT_MAX,
  `must have ${ENTRY_COUNT_MAX} at most`,
)
  .default({});

const labels = z.record(
  z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,60}$/),
  z.string().min(1).max(200),
  { error: 'must be an object of label names and texts, like {"severity": "warning"}' },
).refine(
  (all) => Object.keys(all).length <= ENTRY_COUNT_MAX,
  `must have ${ENTRY_COUNT_MAX} at most`,
)
  .default({});

const ADDRESS = /^(?:[^<>"\p{Cc}]{0,100}<)?[^\s<>@,;"]{1,64}@[A-Za-z0-9.-]{1,253}>?$/u;
const mailAddress = text(
  "an e-mail address, like tracker@example.org or Tracker <tracker@example.org>",
  (value) => ADDRESS.test(value) && value.includes("<") === value.endsWith(">") ? value : null,
);

const SMTP_PORTS = { starttls: 587, tls: 465, none: 25 } as const;

const smtp = z.strictObject({
  type: z.literal("smtp"),
  ...common,
  host: text(
    "a host name or IP address, like smtp.example.org",
    (value) => HOST_NAME.test(value) ? value.toLowerCase().replace(/^\[(.*)\]$/, "$1") : null,
  ),
  port: z.int("must be a whole number").min(1, "must be 1 to 65535").max(
    65_535,
    "must be 1 to 65535",
  )
    .optional(),
  security: oneOf("starttls", "tls", "none").default("starttls"),
  username: text("a text", (value) => value === "" ? null : value).optional(),
  password: secret.optional(),
  caFile: text(
    "a path of a PEM file without commas or control characters",
    (value) => value !== "" && isPermittablePath(value) ? value : null,
  ).optional(),
  from: mailAddress,
  to: listOf(mailAddress, "e-mail addresses", RECIPIENT_COUNT_MAX),
}).refine(({ username, password }) => (username === undefined) === (password === undefined), {
  error: "username and password go together: set both or none",
}).transform(({ port, username, password, caFile, ...own }) => ({
  ...own,
  port: port ?? SMTP_PORTS[own.security],
  login: username === undefined ? null : { username, password: password as Secret },
  caFile: caFile ?? null,
}));

const phone = matching("a telephone number as in +15550100123", /^\+[1-9]\d{6,14}$/);

const twilio = z.strictObject({
  type: z.literal("twilio"),
  ...common,
  url: url.default("https://api.twilio.com/"),
  accountSid: matching("AC and 32 hexadecimal digits", /^AC[0-9a-f]{32}$/i),
  authToken: secret,
  from: matching(
    "a telephone number as in +15550100123, a sender's name of 11 characters at most, or MG and " +
      "32 hexadecimal digits",
    /^(\+[1-9]\d{6,14}|MG[0-9a-f]{32}|(?=.*[A-Za-z])[A-Za-z0-9 ]{1,11})$/,
  ),
  to: listOf(phone, "telephone numbers", RECIPIENT_COUNT_MAX),
});

const webhook = z.strictObject({
  type: z.literal("webhook"),
  ...common,
  url: secretUrl,
  format: oneOf("data-tracker", "alertmanager").default("data-tracker"),
  secret: secret.optional(),
  headers,
}).transform(({ secret, ...own }) => ({ ...own, secret: secret ?? null }));

const alertmanager = z.strictObject({
  type: z.literal("alertmanager"),
  ...common,
  url: secretUrl,
  labels,
  headers,
});

const log = z.strictObject({ type: z.literal("log"), ...common });

/** One channel as its JSON says it. */
export const channelSchema = z.discriminatedUnion(
  "type",
  [smtp, twilio, webhook, alertmanager, log],
  { error: "must be smtp, twilio, webhook, alertmanager or log" },
);

/** A channel, with secrets that may have to be looked up. */
export type ChannelSpec = z.output<typeof channelSchema>;
