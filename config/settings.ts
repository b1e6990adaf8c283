/**
 * Every setting there is: its default, what it may be, what it is for. The table of README and of
 * `deno task config`, and the schemas that {@link ../config.ts} reads values by.
 *
 * @module
 */
import { z } from "zod";
import { parseCron } from "../sampler/schedule.ts";
import { parseApiTokens, shownApiTokens } from "./access.ts";
import { shownChannels } from "./channel_secrets.ts";
import { channelsSchema } from "./channels.ts";
import { databaseOf, shownDatabaseUrl } from "./database_url.ts";
import { formatDuration, parseDuration } from "./duration.ts";
import { rulesSchema } from "./rules.ts";
import { HOST_NAME, type HostPort, isHostPort, isPermittablePath } from "./permittable.ts";

export { type HostPort, isPermittablePath };

/** The roles of the program, in the flow's order. */
export const ROLES = ["sampler", "aggregator", "writer", "api", "monitor", "notifier"] as const;

/** One of {@link ROLES}. */
export type RoleName = (typeof ROLES)[number];

/** The sources that can be named in `SOURCES`. */
export const SOURCES = ["simulated", "cryptowatch"] as const;

/** One of {@link SOURCES}. */
export type SourceName = (typeof SOURCES)[number];

const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** One setting, as text from outside. */
export interface Setting<T = unknown, D extends string | null = string | null> {
  /** What it is for, in a line. */
  about: string;
  /** The text that stands where nothing is set; `null`: nothing does. */
  default: D;
  schema: z.ZodType<T, string>;
  /** Its text as it may be shown. */
  shown(text: string): string;
  /** Its text is JSON, which the configuration file may hold as it is. */
  isJson?: true;
}

const hidden = () => "(hidden)";

function setting<T, D extends string | null>(
  fallback: D,
  schema: z.ZodType<T, string>,
  about: string,
  shown = (text: string) => text,
): Setting<T, D> {
  return { about, default: fallback, schema, shown };
}

/** A check that is its own message: what is allowed, in the words of "must be …". */
function text<T>(allowed: string, read: (text: string) => T | null): z.ZodType<T, string> {
  return z.string().transform((value, context) => {
    const result = read(value);
    if (result !== null) return result;
    context.issues.push({ code: "custom", message: `must be ${allowed}`, input: value });
    return z.NEVER;
  });
}

function oneOf<const T extends string>(...values: readonly T[]): z.ZodType<T, string> {
  return text(
    values.join(", ").replace(/, (\S+)$/, " or $1"),
    (value) => values.find((v) => v === value.toLowerCase()) ?? null,
  );
}

const yesOrNo: z.ZodType<boolean, string> = text(
  "yes or no",
  (value) => /^(yes|true|1)$/i.test(value) ? true : /^(no|false|0)$/i.test(value) ? false : null,
);

function integer(min: number, max: number): z.ZodType<number, string> {
  return text(`a whole number from ${min} to ${max}`, (value) => {
    const number = /^\d{1,15}$/.test(value) ? Number(value) : NaN;
    return number >= min && number <= max ? number : null;
  });
}

function duration(minMs: number, maxMs: number, { divides = 0, example = "30s" } = {}) {
  const even = divides > 0 ? ` that ${formatDuration(divides)} is a multiple of` : "";
  const allowed =
    `whole seconds from ${formatDuration(minMs)} to ${formatDuration(maxMs)}${even}, ` +
    `written like ${example}`;
  return text(allowed, (value) => {
    const ms = parseDuration(value);
    if (ms === null || ms < minMs || ms > maxMs || ms % SECOND_MS !== 0) return null;
    return divides > 0 && divides % ms !== 0 ? null : ms;
  });
}

function listOf<const T extends string>(values: readonly T[]): z.ZodType<readonly T[], string> {
  return text(`a comma list of ${values.join(", ")}, each at most once`, (value) => {
    const names = itemsOf(value.toLowerCase());
    const known = names.every((name): name is T => (values as readonly string[]).includes(name));
    return known && names.length > 0 && new Set(names).size === names.length
      ? values.filter((v) => names.includes(v))
      : null;
  });
}

const schedule = text(
  "a cron expression of five fields in UTC, like */5 * * * * or * 8-17 * * MON-FRI",
  (value) => {
    try {
      parseCron(value);
      return value;
    } catch {
      return null;
    }
  },
);

/** An IPv6 address may stand with or without brackets; it is kept without. */
const host = text("a host name or IP address, like 0.0.0.0", (value) => {
  const plain = value.replace(/^\[(.*)\]$/, "$1");
  return HOST_NAME.test(plain) || (plain.includes(":") && HOST_NAME.test(`[${plain}]`))
    ? plain
    : null;
});

const directory = text(
  "a path without commas or control characters",
  (value) => isPermittablePath(value) ? value : null,
);

const pemFile = directory;

const brokers = text(
  "a comma list of host:port, like kafka-1:9092,kafka-2:9092",
  (value) => {
    const list = itemsOf(value);
    return list.length > 0 && list.every(isHostPort) ? list as HostPort[] : null;
  },
);

/** Kept as it is; its problems are told in the words of who reads it. */
const databaseUrl: z.ZodType<string, string> = z.string().transform((value, context) => {
  const issue = (message: string) => {
    context.issues.push({ code: "custom", message, input: value });
    return z.NEVER;
  };
  try {
    const place = databaseOf(value);
    const path = place.kind === "sqlite" ? place.path : place.sslRootCertificate ?? "";
    if (!isPermittablePath(path)) return issue("no path may hold commas or control characters");
    if (place.kind === "postgres" && !isHostPort(place.hostPort)) {
      return issue("its host must be one name or IP address");
    }
    return value;
  } catch (error) {
    return issue((error as Error).message.replace(/^DATABASE_URL: /, ""));
  }
});

const httpUrl = text(
  "an http:// or https:// address without user, query or fragment, like https://api.example.org",
  (value) => {
    const url = URL.parse(value);
    if (url === null || !/^https?:$/.test(url.protocol)) return null;
    if (url.username || url.password || url.search || url.hash) return null;
    return url.href.replace(/\/+$/, "");
  },
);

const origins = text("* or a comma list of origins, like https://charts.example.org", (value) => {
  const list = itemsOf(value);
  return list.every((item) => item === "*" || URL.parse(item)?.origin === item) ? list : null;
});

const anyText = text("some text", (value) => value);

function itemsOf(list: string): string[] {
  return list.split(",").map((item) => item.trim()).filter((item) => item !== "");
}

/** All settings by name, in the order in which they are shown. */
export const SETTINGS = {
  ROLES: setting(ROLES.join(","), listOf(ROLES), "Which roles this process runs"),
  SOURCES: setting(null, listOf(SOURCES), "What the sampler polls"),
  SCHEDULE: setting("* * * * *", schedule, "When the sampler polls: cron, UTC"),
  INTERVAL: setting(
    null,
    duration(SECOND_MS, HOUR_MS, { divides: HOUR_MS, example: "10s" }),
    "Polls this often, instead of by SCHEDULE",
  ),
  HOST: setting(
    "127.0.0.1",
    host,
    "Where API, health and metrics are served; 0.0.0.0 for everywhere",
  ),
  PORT: setting("8000", integer(0, 65_535), "Their port; 0 for any free one"),
  PUBLISH_ADDRESS: setting(
    null,
    host,
    "Where others reach HOST and PORT, if elsewhere: a container's port is published there",
  ),
  CORS_ORIGINS: setting(null, origins, "Pages of these origins may read the API; * for all"),
  API_TOKENS: setting(
    null,
    text(
      "a comma list of name:sha256, as `deno task token NAME` makes them, each name once",
      parseApiTokens,
    ),
    "Who may use the API: a comma list of what `deno task token NAME` makes; unset: everybody",
    shownApiTokens,
  ),
  TOPIC_MESSAGES: setting(
    null,
    oneOf("open", "token"),
    "Whether reading topics' messages takes a token; unset: it does if others than this machine reach us",
  ),
  RATE_LIMIT: setting(
    "6000",
    integer(0, 10_000_000),
    "Requests that one client of the API may make in a minute; 0: any number",
  ),
  DATA_DIR: setting("./data", directory, "Where this process alone keeps its files"),
  KAFKA_BROKERS: setting(null, brokers, "Kafka's brokers; unset: the embedded log"),
  KAFKA_CLIENT_ID: setting("data-tracker", anyText, "How this process is called in Kafka's logs"),
  KAFKA_COMPRESSION: setting(
    "zstd",
    oneOf("none", "gzip", "zstd"),
    "What to compress records for Kafka with; those of others are read in any codec",
  ),
  KAFKA_TLS: setting("no", yesOrNo, "Whether to speak TLS to the brokers"),
  KAFKA_TLS_CA: setting(
    null,
    pemFile,
    "A PEM file: the authorities of the brokers' certificates; unset: those that Deno knows",
  ),
  KAFKA_TLS_CERT: setting(null, pemFile, "A PEM file: our certificate, where the brokers want one"),
  KAFKA_TLS_KEY: setting(null, pemFile, "A PEM file: its key"),
  KAFKA_SASL_MECHANISM: setting(
    null,
    oneOf("plain", "scram-sha-256", "scram-sha-512"),
    "How to log in to Kafka",
  ),
  KAFKA_USERNAME: setting(null, anyText, "Who logs in to Kafka"),
  KAFKA_PASSWORD: setting(null, anyText, "The password for Kafka", hidden),
  SESSION_TIMEOUT: setting(
    "10s",
    duration(6 * SECOND_MS, 5 * MINUTE_MS),
    "After how long without a heartbeat Kafka gives a process's partitions to others",
  ),
  DATABASE_URL: setting(
    null,
    databaseUrl,
    "Where statistics are kept, shared with other processes: Postgres, or a SQLite file; unset: in DATA_DIR",
    shownDatabaseUrl,
  ),
  STARTUP_PATIENCE: setting(
    "0s",
    duration(0, DAY_MS, { example: "5m" }),
    "How long a start waits for Kafka and Postgres where they do not answer; 0s fails within ten seconds",
  ),
  PARTITIONS: setting("6", integer(1, 1000), "Partitions of a new topic"),
  WINDOW: setting(
    "1h",
    duration(MINUTE_MS, DAY_MS, { divides: DAY_MS, example: "1h" }),
    "How long a window is",
  ),
  GRACE: setting("5m", duration(0, DAY_MS), "How long after its end a window stays open"),
  AMEND_FOR: setting(
    "6h",
    duration(0, 7 * DAY_MS),
    "How long after that a late sample may amend it",
  ),
  MAX_SKEW: setting("1m", duration(0, HOUR_MS), "How far ahead of the log's clock a sample may be"),
  LATE: setting("amend", oneOf("amend", "reject"), "What to do with a sample of a closed window"),
  ZERO_PRICES: setting("skip", oneOf("skip", "keep"), "What to do with prices of 0: dead markets"),
  FLUSH_INTERVAL: setting(
    "30s",
    duration(SECOND_MS, 10 * MINUTE_MS),
    "How often statistics are published and positions committed",
  ),
  CACHE_WINDOWS: setting(
    "500000",
    integer(1000, 10_000_000),
    "Windows that the aggregator keeps in memory",
  ),
  KEEP_STATISTICS: setting(
    "90d",
    text("whole days from 1d to 36500d, written like 90d, or forever", (value) => {
      if (value.toLowerCase() === "forever") return Infinity;
      const ms = parseDuration(value);
      return ms !== null && ms >= DAY_MS && ms <= 36_500 * DAY_MS && ms % DAY_MS === 0 ? ms : null;
    }),
    "How long the store keeps statistics; Postgres for ever, unless this says otherwise",
  ),
  SKIP_LOST: setting(
    "no",
    yesOrNo,
    "Whether to go on where samples were deleted before they were counted",
  ),
  CRYPTOWATCH_URL: setting(null, httpUrl, "A service with Cryptowatch's REST API"),
  CRYPTOWATCH_API_KEY: setting(null, anyText, "The key for its allowance", hidden),
  CRYPTOWATCH_ENDPOINT: setting(
    "prices",
    oneOf("prices", "summaries"),
    "Which of its lists to poll: /markets/prices or /markets/summaries",
  ),
  SIMULATED_SEED: setting("1", integer(0, 4_294_967_295), "What the simulated market rolls from"),
  SIMULATED_MARKETS: setting("120", integer(1, 100_000), "How many markets it has"),
  RULES: {
    ...setting(
      '[{"name": "leap", "ratioAbove": 3}]',
      rulesSchema,
      "What the monitor looks for, as JSON: [{name, ratioAbove, ratioBelow, deviations, marketSilent or sourceSilent, …}]",
    ),
    isJson: true,
  },
  CHANNELS: {
    ...setting(
      '[{"name": "log", "type": "log"}]',
      channelsSchema,
      "Whom the notifier tells, as JSON: [{name, type: smtp, twilio, webhook, alertmanager or log, …}]",
      shownChannels,
    ),
    isJson: true,
  },
  LOG_LEVEL: setting(
    "info",
    oneOf("trace", "debug", "info", "warning", "error", "fatal"),
    "The least serious messages to log",
  ),
  LOG_FORMAT: setting(
    "auto",
    oneOf("auto", "pretty", "json"),
    "pretty for people, json for machines; auto: pretty in a terminal",
  ),
} as const satisfies Record<string, Setting>;

/** The name of a setting. */
export type SettingName = keyof typeof SETTINGS;

/** All names, in order. */
export const SETTING_NAMES = Object.keys(SETTINGS) as SettingName[];

/** What each setting reads to; `null` where nothing is set. */
export type SettingValues = {
  -readonly [K in SettingName]:
    | z.output<(typeof SETTINGS)[K]["schema"]>
    | ((typeof SETTINGS)[K] extends { default: string } ? never : null);
};
