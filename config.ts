/**
 * The configuration: environment and file → checked, frozen {@link Config}. The only reader of
 * `Deno.env`. Every mistake is reported at once.
 *
 * @module
 */
import type { z } from "zod";
import {
  type ChannelConfig,
  channelConfigs,
  pathText,
  variableProblems,
} from "./config/channels.ts";
import { combinationProblems } from "./config/combinations.ts";
import { isPostgresUrl } from "./config/database_url.ts";
import {
  type Config,
  configOf,
  type CryptowatchConfig,
  type KafkaConfig,
  type SaslConfig,
} from "./config/effective.ts";
import {
  type HostPort,
  isPermittablePath,
  type RoleName,
  type Setting,
  SETTING_NAMES,
  type SettingName,
  SETTINGS,
  type SettingValues,
  type SourceName,
} from "./config/settings.ts";
import { settingMeantBy } from "./config/typo.ts";

export type {
  ChannelConfig,
  Config,
  CryptowatchConfig,
  HostPort,
  KafkaConfig,
  RoleName,
  SaslConfig,
};
export type { SettingName, SourceName };

/** What `deno task dev` has where nothing is set. */
const DEV_DEFAULTS: { readonly [N in SettingName]?: string } = {
  SOURCES: "simulated",
};

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
export function loadConfig(options: { dev?: boolean; runs?: boolean } = {}): Config {
  const { config, problems } = loadSettings(options);
  if (config === null) throw new ConfigError(problems);
  return config;
}

/** The path of the configuration file, where one is named. */
export function loadConfigFile(): string | null {
  return Deno.env.get("CONFIG_FILE")?.trim() || null;
}

/** As {@link loadConfig}, with the origin of every value; never throws for what is set. */
export function loadSettings({ dev = false, runs = false } = {}): ReadConfig {
  const environment = readEnvironment();
  const path = loadConfigFile();
  if (path === null) return readConfig({ environment, dev, runs, variableOf });
  const read = readFile(path, isPermittablePath(path));
  if ("problem" in read) {
    const { rows, problems } = readConfig({ environment, dev, runs, variableOf });
    return { config: null, rows, problems: [read.problem, ...problems] };
  }
  return readConfig({ environment, dev, runs, variableOf, file: { path, content: read.content } });
}

/**
 * Checks settings from both places; the environment wins. Pure.
 *
 * @param options.runs Whether this process is the one that runs the roles.
 * @param options.variableOf Other variables of the environment, which channels take their secrets from.
 */
export function readConfig(
  { environment, file, dev = false, runs = false, variableOf = (name) => environment[name] }: {
    environment: SettingTexts;
    file?: { path: string; content: unknown };
    dev?: boolean;
    runs?: boolean;
    variableOf?: (name: string) => string | undefined;
  },
): ReadConfig {
  const problems: string[] = [];
  const texts = file === undefined ? {} : fileTexts(file, problems);
  const values: Partial<Record<SettingName, unknown>> = {};
  const rows: SettingRow[] = [];
  const wrong = new Set<SettingName>();
  for (const name of SETTING_NAMES) {
    const { about, schema, default: always } = SETTINGS[name];
    // Compose files write VARIABLE=${VARIABLE:-}, so nothing but spaces is nothing.
    const fromEnvironment = environment[name]?.trim() || null;
    const set = fromEnvironment ?? texts[name] ?? null;
    const fallback = dev && name in DEV_DEFAULTS
      ? DEV_DEFAULTS[name]!
      : name === "KEEP_STATISTICS" && isPostgresUrl(values.DATABASE_URL)
      ? "forever"
      : always;
    const text = set ?? fallback;
    const origin = fromEnvironment !== null ? "environment" : set !== null ? "file" : "default";
    const shown = text === null ? null : SETTINGS[name].shown(text);
    rows.push({ name, text: shown, origin, about });
    const result = text === null ? null : schema.safeParse(text);
    values[name] = result?.data ?? null;
    if (result === null || result.success) continue;
    wrong.add(name);
    const from = origin === "file" ? `${file?.path}: ` : "";
    problems.push(...result.error.issues.map((issue) => from + problemOf(name, shown, issue)));
  }
  const isSet = (name: SettingName) => rows.some((r) => r.name === name && r.origin !== "default");
  const checked = values as SettingValues;
  problems.push(...combinationProblems(checked, isSet, wrong));
  const channels = channelConfigs(checked.CHANNELS ?? [], variableOf);
  const referred = channels.flatMap(({ variables }) => variables);
  problems.unshift(...unknownInEnvironment(environment, new Set(referred)));
  // Others do not have the variables, nor the permission to look.
  if (runs && checked.ROLES?.includes("notifier")) {
    problems.push(...channels.flatMap(variableProblems));
  }
  const config = problems.length === 0 ? configOf(checked, channels, dev) : null;
  return { config, rows, problems };
}

/** A problem within a setting's JSON has a path. */
function problemOf(name: SettingName, shown: string | null, issue: z.core.$ZodIssue): string {
  const { path, message } = issue;
  if (path.length === 0) return `${name}=${shown}: ${message}`;
  const part = issue.code === "custom" ? issue.params?.shown : undefined;
  return `${name}${pathText(path)}${part === undefined ? "" : `=${part}`}: ${message}`;
}

/** @param referred Names that settings refer to: these are meant, however they look. */
function unknownInEnvironment(environment: SettingTexts, referred: Set<string>): string[] {
  return Object.keys(environment).flatMap((name) => {
    if (name in SETTINGS || name === "CONFIG_FILE" || referred.has(name)) return [];
    const meant = settingMeantBy(name, [...SETTING_NAMES, "CONFIG_FILE"]);
    // A platform's own variable may be named so; ours are never ambiguous, so it must be one or the other.
    return meant === null
      ? []
      : [`${name}: no such setting; is ${meant} meant? Rename or unset it`];
  });
}

/** The file's settings as text; numbers, booleans, lists and what is JSON are taken as their text. */
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
    } else if (value !== null && typeof value === "object" && isJson(name)) {
      texts[name] = JSON.stringify(value);
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

function isJson(name: string): boolean {
  const setting: Setting = SETTINGS[name as SettingName];
  return setting.isJson === true;
}

/** A variable that is not permitted is as good as unset. */
function variableOf(name: string): string | undefined {
  const { state } = Deno.permissions.querySync({ name: "env", variable: name });
  return state === "granted" ? Deno.env.get(name) : undefined;
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
