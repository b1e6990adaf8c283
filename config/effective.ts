/**
 * The configuration as roles, engines and commands see it, and how settings make it.
 *
 * @module
 */
import type { TlsFiles } from "../adapters/kafka/tls.ts";
import type { Rule } from "../monitor/rules.ts";
import { type ApiToken, isLoopback } from "./access.ts";
import type { ChannelConfig } from "./channels.ts";
import type { HostPort, RoleName, SettingValues, SourceName } from "./settings.ts";

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
  /** Empty: everybody may use the API. */
  apiTokens: readonly ApiToken[];
  /** `token`: nobody reads messages of topics without one, even if there are none. */
  topicMessages: "open" | "token";
  /** 0: any number. */
  rateLimitPerMinute: number;
  dataDirectory: string;
  kafka: KafkaConfig | null;
  databaseUrl: string | null;
  /** How long a start waits for Kafka and Postgres where they do not answer. */
  startupPatienceMs: number;
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
  /** Whom the notifier tells. */
  channels: readonly ChannelConfig[];
  /** What the monitor looks for. */
  rules: readonly Rule[];
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
  compression: "none" | "gzip" | "zstd";
  /** `null`: in plain text. */
  tls: TlsFiles | null;
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

/** The frozen configuration that checked settings make. */
export function configOf(
  v: SettingValues,
  channels: readonly ChannelConfig[],
  dev: boolean,
): Config {
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
    apiTokens: v.API_TOKENS ?? [],
    topicMessages: v.TOPIC_MESSAGES ??
      (isLoopback(v.PUBLISH_ADDRESS ?? v.HOST) ? "open" : "token"),
    rateLimitPerMinute: v.RATE_LIMIT,
    dataDirectory: v.DATA_DIR,
    kafka: v.KAFKA_BROKERS === null ? null : {
      brokers: v.KAFKA_BROKERS,
      clientId: v.KAFKA_CLIENT_ID,
      compression: v.KAFKA_COMPRESSION,
      tls: v.KAFKA_TLS
        ? { ca: v.KAFKA_TLS_CA, certificate: v.KAFKA_TLS_CERT, key: v.KAFKA_TLS_KEY }
        : null,
      sasl,
      sessionTimeoutMs: v.SESSION_TIMEOUT,
    },
    databaseUrl: v.DATABASE_URL,
    startupPatienceMs: v.STARTUP_PATIENCE,
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
    rules: v.RULES,
    channels,
    simulated: { seed: v.SIMULATED_SEED, marketCount: v.SIMULATED_MARKETS },
    log: { level: v.LOG_LEVEL, format: v.LOG_FORMAT },
  });
}

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) {
    if (part !== null && typeof part === "object") deepFreeze(part);
  }
  return Object.freeze(value);
}
