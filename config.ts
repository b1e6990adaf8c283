/**
 * The configuration: environment and file → checked, frozen {@link Config}. The only reader of
 * `Deno.env`. Every mistake is reported at once.
 *
 * @module
 */
import { combinationProblems } from "./config/combinations.ts";
import {
  type HostPort,
  isPermittablePath,
  type RoleName,
  SETTING_NAMES,
  type SettingName,
  SETTINGS,
  type SettingValues,
  type SourceName,
} from "./config/settings.ts";
import { settingMeantBy } from "./config/typo.ts";

export type { HostPort, RoleName, SettingName, SourceName };

/** What the whole program does, checked. Times in ms. */
export interface Config {
  /** Whether this is `deno task dev`: simulated sources unless others are named, and a past to look at. */
  dev: boolean;
  engine: "embedded" | "kafka";
  roles: readonly RoleName[];
  sources: readonly SourceName[];
  /** Five cron fields, UTC. */
  schedule: string;
  /** Ticks within the minute; divides it. */
  intervalMs: number | null;
  host: string;
  port: number;
  corsOrigins: readonly string[];
  dataDirectory: string;
  kafka: KafkaConfig | null;
  databaseUrl: string | null;
  partitionCount: number;
  /** Divides a day. */
  windowSizeMs: number;
  graceMs: number;
  amendForMs: number;
  maxSkewMs: number;
  late: "amend" | "reject";
  zeroPrices: "skip" | "keep";
  flushIntervalMs: number;
  cacheWindowCountMax: number;
  /** `null`: for ever. */
  keepStatisticsMs: number | null;
  skipLost: boolean;
  /** Set where `sources` has `cryptowatch`. */
  cryptowatch: CryptowatchConfig | null;
  simulated: { seed: number; marketCount: number };
  log: {
    level: "trace" | "debug" | "info" | "warning" | "error" | "fatal";
    format: "auto" | "pretty" | "json";
  };
}

/** How to reach Kafka. */
export interface KafkaConfig {
  brokers: readonly HostPort[];
  clientId: string;
  ssl: boolean;
  sasl: SaslConfig | null;
  sessionTimeoutMs: number;
}

/** How to log in to Kafka. */
export type SaslConfig = {
  [M in "plain" | "scram-sha-256" | "scram-sha-512"]: {
    mechanism: M;
    username: string;
    password: string;
  };
}["plain" | "scram-sha-256" | "scram-sha-512"];

/** How to reach a service with Cryptowatch's API. */
export interface CryptowatchConfig {
  /** Without a slash at the end. */
  url: string;
  apiKey: string | null;
  endpoint: "prices" | "summaries";
}

/** Where a value came from. */
export type Origin = "default" | "environment" | "file";

/** One setting as it stands, for showing: a secret's text is hidden. */
export interface SettingRow {
  name: SettingName;
  /** `null` where nothing is set. */
  text: string | null;
  origin: Origin;
  about: string;
}

/** What {@link readConfig} makes of settings. */
export interface ReadConfig {
  /** `null` where there are problems. */
  config: Config | null;
  rows: readonly SettingRow[];
  /** Each names the setting, its value, what is allowed and what to do. */
  problems: readonly string[];
}

/** Settings by name, as text. */
export type SettingTexts = Readonly<Record<string, string | undefined>>;

/** The configuration is wrong; the message lists every problem. */
export class ConfigError extends Error {
  override name = "ConfigError";
  constructor(readonly problems: readonly string[]) {
    const title = problems.length === 1
      ? "The configuration has a problem:"
      : `The configuration has ${problems.length} problems:`;
    super([title, ...problems.map((problem) => `  ${problem}`)].join("\n"));
  }
}

/**
 * The configuration that these settings make, all others at their defaults.
 *
 * @throws {ConfigError} Where anything is wrong: everything that is, at once.
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { parseConfig } from "./config.ts";
 * strictEqual(parseConfig({ SOURCES: "simulated", WINDOW: "15m" }).windowSizeMs, 900_000);
 * ```
 */
export function parseConfig(environment: SettingTexts, options: { dev?: boolean } = {}): Config {
  const { config, problems } = readConfig({ environment, ...options });
  if (config === null) throw new ConfigError(problems);
  return config;
}

/**
 * The configuration of this process: `Deno.env`, then the file that `CONFIG_FILE` names, then defaults.
 *
 * @throws {ConfigError} As {@link parseConfig}, and where the file cannot be read.
 */
export function loadConfig(options: { dev?: boolean } = {}): Config {
  const { config, problems } = loadSettings(options);
  if (config === null) throw new ConfigError(problems);
  return config;
}

/** The path of the configuration file, where one is named. */
export function loadConfigFile(): string | null {
  return Deno.env.get("CONFIG_FILE")?.trim() || null;
}

/** As {@link loadConfig}, with the origin of every value; never throws for what is set. */
export function loadSettings({ dev = false } = {}): ReadConfig {
  const environment = readEnvironment();
  const path = loadConfigFile();
  if (path === null) return readConfig({ environment, dev });
  const read = readFile(path, isPermittablePath(path));
  if ("problem" in read) {
    const { rows, problems } = readConfig({ environment, dev });
    return { config: null, rows, problems: [read.problem, ...problems] };
  }
  return readConfig({ environment, dev, file: { path, content: read.content } });
}

/** Checks settings from both places; the environment wins. Pure. */
export function readConfig(
  { environment, file, dev = false }: {
    environment: SettingTexts;
    file?: { path: string; content: unknown };
    dev?: boolean;
  },
): ReadConfig {
  const problems = unknownInEnvironment(environment);
  const texts = file === undefined ? {} : fileTexts(file, problems);
  const values: Partial<Record<SettingName, unknown>> = {};
  const rows: SettingRow[] = [];
  const wrong = new Set<SettingName>();
  for (const name of SETTING_NAMES) {
    const { about, schema, secret, default: fallback } = SETTINGS[name];
    // Compose files write VARIABLE=${VARIABLE:-}, so nothing but spaces is nothing.
    const fromEnvironment = environment[name]?.trim() || null;
    const set = fromEnvironment ?? texts[name] ?? null;
    const text = set ?? (dev && name === "SOURCES" ? "simulated" : fallback);
    const origin = fromEnvironment !== null ? "environment" : set !== null ? "file" : "default";
    const shown = text !== null && secret ? "(hidden)" : text;
    rows.push({ name, text: shown, origin, about });
    const result = text === null ? null : schema.safeParse(text);
    values[name] = result?.data ?? null;
    if (result === null || result.success) continue;
    wrong.add(name);
    const from = origin === "file" ? `${file?.path}: ` : "";
    problems.push(`${from}${name}=${shown}: ${result.error.issues[0]?.message}`);
  }
  const isSet = (name: SettingName) => rows.some((r) => r.name === name && r.origin !== "default");
  const checked = values as SettingValues;
  problems.push(...combinationProblems(checked, isSet, wrong));
  return { config: problems.length === 0 ? configOf(checked, dev) : null, rows, problems };
}

function configOf(v: SettingValues, dev: boolean): Config {
  const sasl = v.KAFKA_SASL_MECHANISM === null ? null : {
    mechanism: v.KAFKA_SASL_MECHANISM,
    username: v.KAFKA_USERNAME ?? "",
    password: v.KAFKA_PASSWORD ?? "",
  } as SaslConfig;
  return deepFreeze({
    dev,
    engine: v.KAFKA_BROKERS === null ? "embedded" : "kafka",
    roles: v.ROLES,
    sources: v.SOURCES ?? [],
    schedule: v.SCHEDULE,
    intervalMs: v.INTERVAL,
    host: v.HOST,
    port: v.PORT,
    corsOrigins: v.CORS_ORIGINS ?? [],
    dataDirectory: v.DATA_DIR,
    kafka: v.KAFKA_BROKERS === null ? null : {
      brokers: v.KAFKA_BROKERS,
      clientId: v.KAFKA_CLIENT_ID,
      ssl: v.KAFKA_TLS,
      sasl,
      sessionTimeoutMs: v.SESSION_TIMEOUT,
    },
    databaseUrl: v.DATABASE_URL,
    partitionCount: v.PARTITIONS,
    windowSizeMs: v.WINDOW,
    graceMs: v.GRACE,
    amendForMs: v.AMEND_FOR,
    maxSkewMs: v.MAX_SKEW,
    late: v.LATE,
    zeroPrices: v.ZERO_PRICES,
    flushIntervalMs: v.FLUSH_INTERVAL,
    cacheWindowCountMax: v.CACHE_WINDOWS,
    keepStatisticsMs: v.KEEP_STATISTICS === Infinity ? null : v.KEEP_STATISTICS,
    skipLost: v.SKIP_LOST,
    cryptowatch: v.CRYPTOWATCH_URL === null ? null : {
      url: v.CRYPTOWATCH_URL,
      apiKey: v.CRYPTOWATCH_API_KEY,
      endpoint: v.CRYPTOWATCH_ENDPOINT,
    },
    simulated: { seed: v.SIMULATED_SEED, marketCount: v.SIMULATED_MARKETS },
    log: { level: v.LOG_LEVEL, format: v.LOG_FORMAT },
  });
}

function unknownInEnvironment(environment: SettingTexts): string[] {
  return Object.keys(environment).flatMap((name) => {
    if (name in SETTINGS || name === "CONFIG_FILE") return [];
    const meant = settingMeantBy(name, [...SETTING_NAMES, "CONFIG_FILE"]);
    // A platform's own variable may be named so; ours are never ambiguous, so it must be one or the other.
    return meant === null
      ? []
      : [`${name}: no such setting; is ${meant} meant? Rename or unset it`];
  });
}

/** The file's settings as text; numbers, booleans and lists are taken as their text. */
function fileTexts(
  { path, content }: { path: string; content: unknown },
  problems: string[],
): Record<string, string> {
  if (content === null || typeof content !== "object" || Array.isArray(content)) {
    problems.push(`CONFIG_FILE=${path}: must hold one JSON object, like {"WINDOW": "1h"}`);
    return {};
  }
  const texts: Record<string, string> = {};
  for (const [name, value] of Object.entries(content)) {
    if (!(name in SETTINGS)) {
      const meant = settingMeantBy(name, SETTING_NAMES);
      const hint = meant === null ? "`deno task config` lists them all" : `is ${meant} meant?`;
      problems.push(`${path}: ${name}: no such setting; ${hint}`);
    } else if (["string", "number", "boolean"].includes(typeof value)) {
      texts[name] = `${value}`.trim();
    } else if (Array.isArray(value) && value.every((item) => typeof item === "string")) {
      texts[name] = value.join(",");
    } else if (value !== null) {
      problems.push(`${path}: ${name}: must be a text, a number, a boolean or a list of texts`);
    }
  }
  return texts;
}

function readFile(path: string, allowed: boolean): { content: unknown } | { problem: string } {
  if (!allowed) return { problem: `CONFIG_FILE=${path}: must not hold commas; rename the file` };
  try {
    return { content: JSON.parse(Deno.readTextFileSync(path)) };
  } catch (error) {
    // The parser's own message quotes the file, which may hold secrets.
    const place = /\(line \d+ column \d+\)/.exec(`${error}`)?.[0] ?? "";
    const why = error instanceof SyntaxError ? `is not JSON ${place}` : "cannot be read";
    return { problem: `CONFIG_FILE=${path}: ${why.trim()}; correct it or unset CONFIG_FILE` };
  }
}

/** All of the environment where that is permitted, so that slips are found; else the settings alone. */
function readEnvironment(): SettingTexts {
  if (Deno.permissions.querySync({ name: "env" }).state === "granted") return Deno.env.toObject();
  return Object.fromEntries(
    [...SETTING_NAMES, "CONFIG_FILE"].map((name) => [name, Deno.env.get(name)]),
  );
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (part !== null && typeof part === "object") deepFreeze(part);
  }
  return Object.freeze(value);
}
