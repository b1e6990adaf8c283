/**
 * This program in the race: the aggregator as `deno task start` runs it, a process with the permissions
 * that its configuration needs, on default settings.
 *
 * @module
 */
import { decodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import { MEMORY_FLAG } from "../commands/launch.ts";
import { parseConfig } from "../config.ts";
import { permissionArguments, permissionsOf } from "../config/permissions.ts";
import { GROUPS, TOPICS, topicSpecs } from "../topology.ts";
import { MeasuredProcess } from "./measured_process.ts";
import type { Contestant } from "./race_run.ts";
import { PARTITION_COUNT } from "./race_samples.ts";

const AGGREGATOR: Omit<Contestant, "name" | "processCount"> = {
  groupIdOf: () => GROUPS.aggregator.id,
  output: TOPICS.statistics,
  topics: topicSpecs("kafka", PARTITION_COUNT).filter(({ name }) => name !== TOPICS.samples),
  endsItself: false,
  start({ broker, folder }) {
    const env = { ROLES: "aggregator", KAFKA_BROKERS: broker, DATA_DIR: folder, PORT: "0" };
    const flags = permissionArguments(permissionsOf(parseConfig(env), null));
    return new MeasuredProcess(Deno.execPath(), ["run", ...flags, MEMORY_FLAG, "main.ts"], env);
  },
  windowOf({ key, value }) {
    const { count, min, max, meanHi: mean, m2Hi: m2 } = decodeStatistics(value).window;
    return [key!, { count, min, max, mean, m2 }];
  },
};

/** The aggregator: as one process, and as two that share the partitions. */
export const OURS: readonly Contestant[] = [
  contestant("Data Tracker", 1),
  contestant("Data Tracker, 2 processes", 2),
];

function contestant(name: string, processCount: number): Contestant {
  return { ...AGGREGATOR, name, processCount };
}
