/**
 * What settings must be together.
 *
 * @module
 */
import { TOPICS, topicSpecs } from "../topology.ts";
import { formatDuration } from "./duration.ts";
import type { RoleName, SettingName, SettingValues } from "./settings.ts";

/** A rule over several settings; asked only where each of them is right by itself. */
interface Combination {
  settings: readonly SettingName[];
  /** What is wrong and what to do, or `null`. */
  problem(values: SettingValues, isSet: (name: SettingName) => boolean): string | null;
}

const KAFKA_SETTINGS = [
  "KAFKA_CLIENT_ID",
  "KAFKA_COMPRESSION",
  "KAFKA_TLS",
  "KAFKA_TLS_CA",
  "KAFKA_TLS_CERT",
  "KAFKA_TLS_KEY",
  "KAFKA_SASL_MECHANISM",
  "KAFKA_USERNAME",
  "KAFKA_PASSWORD",
  "SESSION_TIMEOUT",
] as const satisfies readonly SettingName[];

/** Windows of one market that are open or may be amended: their places must fit into one value on disk. */
const KEPT_WINDOWS_MAX = 1_000;

const COMBINATIONS: readonly Combination[] = [
  {
    settings: ["ROLES", "SOURCES"],
    problem: ({ ROLES, SOURCES }) =>
      ROLES.includes("sampler") && SOURCES === null
        ? "SOURCES: not set, and the sampler needs one; set SOURCES=simulated or " +
          "SOURCES=cryptowatch, leave sampler out of ROLES, or use `deno task dev`"
        : null,
  },
  {
    settings: ["SOURCES", "CRYPTOWATCH_URL"],
    problem: ({ SOURCES, CRYPTOWATCH_URL }) =>
      SOURCES?.includes("cryptowatch") && CRYPTOWATCH_URL === null
        ? "CRYPTOWATCH_URL: not set, and SOURCES names cryptowatch, which closed in 2023; set it " +
          "to a service with the same API"
        : null,
  },
  {
    settings: ["ROLES", "KAFKA_BROKERS"],
    problem({ ROLES, KAFKA_BROKERS }) {
      if (KAFKA_BROKERS !== null) return null;
      const chain = ["sampler", "aggregator", "writer"] as const;
      const first = chain.find((role) => ROLES.includes(role));
      const wanted: RoleName[] = first === undefined ? [] : chain.slice(chain.indexOf(first));
      if (ROLES.includes("notifier")) wanted.push("monitor");
      if (wanted.includes("monitor") || ROLES.includes("monitor")) wanted.push("aggregator");
      const missing = [...new Set(wanted)].filter((role) => !ROLES.includes(role));
      return missing.length === 0
        ? null
        : `ROLES=${ROLES}: the embedded log belongs to one process, so ${
          missing.join(" and ")
        } must run in it too; name it, or set KAFKA_BROKERS to share the work`;
    },
  },
  {
    settings: ["ROLES", "KAFKA_BROKERS", "DATABASE_URL"],
    problem({ ROLES, KAFKA_BROKERS, DATABASE_URL }) {
      const [has, lacks] = ROLES.includes("api")
        ? ["api", "writer"] as const
        : ["writer", "api"] as const;
      if (KAFKA_BROKERS === null || DATABASE_URL !== null) return null;
      return !ROLES.includes(has) || ROLES.includes(lacks)
        ? null
        : `ROLES=${ROLES}: the API reads what writers keep, and without DATABASE_URL each process ` +
          "keeps it in a DATA_DIR of its own; set DATABASE_URL, the same for all writers and " +
          `APIs (postgres://…, or sqlite:/path/statistics.db on one machine), or name ${lacks} too`;
    },
  },
  {
    settings: ["SCHEDULE", "INTERVAL"],
    problem: (_, isSet) =>
      isSet("SCHEDULE") && isSet("INTERVAL")
        ? "SCHEDULE and INTERVAL: both set; unset the one that is not meant"
        : null,
  },
  ...KAFKA_SETTINGS.map((name): Combination => ({
    settings: [name, "KAFKA_BROKERS"],
    problem: ({ KAFKA_BROKERS }, isSet) =>
      isSet(name) && KAFKA_BROKERS === null
        ? `${name}: set without KAFKA_BROKERS; set that too, or unset ${name}`
        : null,
  })),
  together("KAFKA_SASL_MECHANISM", "KAFKA_USERNAME", "KAFKA_PASSWORD"),
  together("KAFKA_TLS_CERT", "KAFKA_TLS_KEY"),
  ...(["KAFKA_TLS_CA", "KAFKA_TLS_CERT", "KAFKA_TLS_KEY"] as const).map((name): Combination => ({
    settings: [name, "KAFKA_TLS"],
    problem: ({ KAFKA_TLS }, isSet) =>
      isSet(name) && !KAFKA_TLS
        ? `${name}: set without KAFKA_TLS=yes; set that, or unset ${name}`
        : null,
  })),
  {
    settings: ["WINDOW", "GRACE", "AMEND_FOR", "KAFKA_BROKERS", "PARTITIONS"],
    problem({ WINDOW, GRACE, AMEND_FOR, KAFKA_BROKERS, PARTITIONS }) {
      const engine = KAFKA_BROKERS === null ? "embedded" : "kafka";
      const kept = topicSpecs(engine, PARTITIONS).find((spec) => spec.name === TOPICS.statistics);
      const neededMs = WINDOW + GRACE + AMEND_FOR;
      return kept === undefined || neededMs < kept.retentionMs
        ? null
        : `WINDOW + GRACE + AMEND_FOR = ${formatDuration(neededMs)}: must be less than ` +
          `${
            formatDuration(kept.retentionMs)
          }, for which topic ${kept.name} keeps what a restart needs`;
    },
  },
  {
    settings: ["WINDOW", "GRACE", "AMEND_FOR"],
    problem({ WINDOW, GRACE, AMEND_FOR }) {
      const count = Math.ceil((WINDOW + GRACE + AMEND_FOR) / WINDOW);
      return count <= KEPT_WINDOWS_MAX
        ? null
        : `WINDOW=${formatDuration(WINDOW)} with GRACE and AMEND_FOR keeps ${count} windows of ` +
          `each market: at most ${KEPT_WINDOWS_MAX} can be kept; lengthen WINDOW or shorten AMEND_FOR`;
    },
  },
  {
    settings: ["KEEP_STATISTICS", "WINDOW", "GRACE", "AMEND_FOR"],
    problem: ({ KEEP_STATISTICS, WINDOW, GRACE, AMEND_FOR }) =>
      KEEP_STATISTICS > WINDOW + GRACE + AMEND_FOR
        ? null
        : `KEEP_STATISTICS=${formatDuration(KEEP_STATISTICS)}: must be more than ` +
          `WINDOW + GRACE + AMEND_FOR = ${formatDuration(WINDOW + GRACE + AMEND_FOR)}`,
  },
  {
    settings: ["INTERVAL", "WINDOW"],
    problem: ({ INTERVAL, WINDOW }) =>
      INTERVAL === null || WINDOW % INTERVAL === 0
        ? null
        : `INTERVAL=${formatDuration(INTERVAL)}: WINDOW=${
          formatDuration(WINDOW)
        } must be a multiple of it`,
  },
];

/** Settings of which one is nothing without the others. */
function together(...names: SettingName[]): Combination {
  return {
    settings: names,
    problem(values) {
      const missing = names.filter((name) => values[name] === null);
      return missing.length === 0 || missing.length === names.length
        ? null
        : `${missing.join(", ")}: not set; ${names.join(", ")} go together: set all or none`;
    },
  };
}

/** The problems of settings that are right by themselves (those in `wrong` are not). */
export function combinationProblems(
  values: SettingValues,
  isSet: (name: SettingName) => boolean,
  wrong: ReadonlySet<SettingName>,
): string[] {
  return COMBINATIONS.flatMap(({ settings, problem }) => {
    if (settings.some((name) => wrong.has(name))) return [];
    return problem(values, isSet) ?? [];
  });
}
