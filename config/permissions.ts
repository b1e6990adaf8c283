/**
 * The permissions that a configuration needs, and nothing more.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { channelNeeds } from "../adapters/channels/channels.ts";
import { sourceHosts } from "../adapters/sources/sources.ts";
import type { Config } from "../config.ts";
import { needsOf } from "./needs.ts";
import { isPermittablePath, SETTING_NAMES } from "./settings.ts";

/** What a process may do, in the order of Deno's flags. */
export interface Permissions {
  /** `host:port`, to connect to or to listen on. */
  net: readonly string[];
  /** Names of environment variables; all others read as unset. */
  env: readonly string[];
  read: readonly string[] | "all";
  write: readonly string[];
}

/** The program's folder; where no flag can name it, it is the one that the program is run in. */
const ROOT = [fileURLToPath(new URL("../", import.meta.url))].find(isPermittablePath) ?? "";
/** What adapters/sqlite/reader_thread.ts is made of. */
const READER_MODULES = ["adapters", "ports", "stats", "errors.ts", "topology.ts"]
  .map((path) => ROOT + path);

/**
 * The least that `main.ts` needs.
 *
 * @param configFile The path of the configuration file, where there is one.
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert";
 * import { parseConfig } from "../config.ts";
 * import { permissionsOf } from "./permissions.ts";
 * const { net } = permissionsOf(parseConfig({ SOURCES: "simulated" }), null);
 * deepStrictEqual(net, ["127.0.0.1:8000"]);
 * ```
 */
export function permissionsOf(config: Config, configFile: string | null): Permissions {
  const { host, port, roles, kafka, dataDirectory } = config;
  const listen = `${host.includes(":") ? `[${host}]` : host}:${port}`;
  const needs = needsOf(config);
  const files = needs.dataDirectory ? [dataDirectory] : [];
  const read: (string | null)[] = [configFile, ...Object.values(kafka?.tls ?? {})];
  const servers = [...kafka?.brokers ?? []] as string[];
  const { database } = needs;
  const channels = channelNeeds(roles.includes("notifier") ? config : { channels: [] });
  // What a thread of its own runs is read again from the program's own files.
  if (roles.includes("api") && database.kind === "sqlite") read.push(...READER_MODULES);
  if (config.databaseUrl !== null && needs.store !== null) {
    if (database.kind === "postgres") {
      servers.push(database.hostPort);
      read.push(database.sslRootCertificate);
    } else (needs.store === "write" ? files : read).push(database.path);
  }
  return {
    net: [
      listen,
      ...(roles.includes("sampler") ? sourceHosts(config) : []),
      ...servers,
      ...channels.hosts,
    ],
    env: [...SETTING_NAMES, "CONFIG_FILE", ...channels.variables],
    read: [...files, ...read.filter((path) => path !== null), ...channels.files],
    write: files,
  };
}

/** The permissions as arguments of `deno run`. */
export function permissionArguments({ net, env, read, write }: Permissions): string[] {
  const list = (name: string, values: readonly string[]) =>
    values.length === 0 ? [] : [`--allow-${name}=${values.join(",")}`];
  return [
    "--no-prompt",
    // Libraries ask for variables of their own; they are told that those are unset.
    "--ignore-env",
    ...list("env", env),
    ...list("net", net),
    ...(read === "all" ? ["--allow-read"] : list("read", read)),
    ...list("write", write),
  ];
}

/**
 * One argument as a shell reads it back whole.
 *
 * @example
 * ```ts
 * import { strictEqual } from "node:assert";
 * import { quoteForShell } from "./permissions.ts";
 * strictEqual(quoteForShell("--allow-read=my data"), "'--allow-read=my data'");
 * ```
 */
export function quoteForShell(argument: string): string {
  return /^[\w@%+=:,./-]+$/.test(argument) ? argument : `'${argument.replaceAll("'", `'"'"'`)}'`;
}
