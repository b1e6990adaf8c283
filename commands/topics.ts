/**
 * `deno task topics`: what is in the log and how far its readers are; also beside a running process.
 *
 * @module
 */
import { fileIn } from "../adapters/deno_kv/data_directory.ts";
import { openKvFile } from "../adapters/deno_kv/kv_file.ts";
import { TOPIC_LOG_SCHEMA_VERSION } from "../adapters/deno_kv/topic_log.ts";
import { DenoKvTopicReader } from "../adapters/deno_kv/topic_reader.ts";
import { systemClock } from "../adapters/system_clock.ts";
import { type Config, loadConfig } from "../config.ts";
import type { LogRecord, TopicAdmin, TopicLog } from "../ports/topic_log.ts";
import { GROUPS, TOPICS, topicSpecs } from "../topology.ts";
import { type Command, EXIT, type Given, type Output, runCommand, UsageError } from "./command.ts";
import { formatTable } from "./table.ts";

/** Records of each partition that `tail` shows before those that arrive. */
const TAIL_RECORDS = 10;
/** How much is read at once, in bytes, and how long a partition without news is waited for, in ms. */
const FETCH = { byteCountMax: 1_048_576, waitMaxMs: 1000 };

/** The half of the log that only reads. */
type LogReader = Pick<TopicLog, "fetch"> & Pick<TopicAdmin, "describe" | "positions">;

const options = {
  partition: { value: "NUMBER", about: "tail: this partition only" },
  from: {
    value: "OFFSET",
    about: `tail: an offset, or start; without it the last ${TAIL_RECORDS} of each partition`,
  },
  once: { about: "tail: end at the present end, without waiting for more" },
  json: { about: "One JSON object a line, for programs" },
} as const;

/** The command. */
export const topicsCommand: Command<typeof options> = {
  name: "topics",
  positionals: "[tail TOPIC | create]",
  about: `
Shows the topics, their partitions and offsets, and how far behind their readers are; or, with tail,
the records of one topic as they come. Only reads, and works beside a running process. With create,
makes the topics that Kafka lacks, as every process does at its start.
Topics: ${Object.values(TOPICS).join(", ")}.`,
  options,
  async run(given, output) {
    const [verb, topic, ...more] = given.positionals;
    if (verb === "create" && topic === undefined) return await create(output);
    if ((verb !== undefined && verb !== "tail") || more.length > 0) {
      throw new UsageError(
        `topics: cannot ${given.positionals.join(" ")}; only tail TOPIC, or create`,
      );
    }
    if (verb === "tail" && topic === undefined) {
      throw new UsageError(`topics: tail which? ${Object.values(TOPICS).join(", ")}`);
    }
    await using stack = new AsyncDisposableStack();
    const log = await openLogReader(loadConfig({ dev: true }), stack);
    if (topic === undefined) await list(log, given, output);
    else await tail(log, topic, given, output);
    return EXIT.ok;
  },
};

/** Opens the log for reading, beside whatever else has it open; `stack` closes it. */
export async function openLogReader(
  { kafka, dataDirectory }: Config,
  stack: AsyncDisposableStack,
): Promise<LogReader> {
  if (kafka !== null) {
    const { openKafkaTopicLog } = await import("../adapters/kafka/topic_log.ts");
    return stack.use(await openKafkaTopicLog(kafka));
  }
  const path = fileIn(dataDirectory, "log.kv");
  const kv = await openKvFile(path, TOPIC_LOG_SCHEMA_VERSION, { mustExist: true });
  stack.defer(() => kv.close());
  return new DenoKvTopicReader(kv, { clock: systemClock });
}

async function create(output: Output): Promise<number> {
  const { kafka, partitionCount, startupPatienceMs } = loadConfig({ dev: true });
  if (kafka === null) {
    throw new UsageError(
      "topics: create is for Kafka; set KAFKA_BROKERS (an embedded log is made at start)",
    );
  }
  const { openKafkaTopicLog } = await import("../adapters/kafka/topic_log.ts");
  await using log = await openKafkaTopicLog({ ...kafka, patienceMs: startupPatienceMs });
  const specs = topicSpecs("kafka", partitionCount);
  await log.create(specs);
  output.out(`${specs.map((spec) => spec.name).join(", ")}: as they must be\n`);
  return EXIT.ok;
}

async function list(
  log: LogReader,
  { options }: Given<typeof topicsCommand.options>,
  output: Output,
): Promise<void> {
  const readers = new Map<string, { group: string; offsets: readonly (number | null)[] }[]>();
  for (const group of Object.values(GROUPS)) {
    for (const [topic, offsets] of Object.entries(await log.positions(group))) {
      readers.set(topic, [...readers.get(topic) ?? [], { group: group.id, offsets }]);
    }
  }
  const rows = [];
  for (const topic of Object.values(TOPICS)) {
    for (const [partition, range] of (await log.describe(topic) ?? []).entries()) {
      const { startOffset: start, endOffset: end } = range;
      for (const { group, offsets } of readers.get(topic) ?? [{ group: null, offsets: [] }]) {
        const position = offsets[partition] ?? null;
        const lag = group === null ? null : end - Math.max(position ?? 0, start);
        rows.push({ topic, partition, start, end, group, position, lag });
      }
    }
  }
  if (rows.length === 0) {
    output.err("topics: there are none yet; the program makes them at its first start\n");
  } else if (options.json) {
    for (const row of rows) output.out(`${JSON.stringify(row)}\n`);
  } else {
    output.out(formatTable(
      ["topic", "partition", "start", "end", "group", "position", "lag"],
      rows.map((row) => Object.values(row)),
    ));
  }
}

async function tail(
  log: LogReader,
  topic: string,
  { options }: Given<typeof topicsCommand.options>,
  output: Output,
): Promise<void> {
  const ranges = await log.describe(topic);
  if (ranges === null) {
    throw new UsageError(`topics: there is no topic ${topic}; run \`deno task topics\` for a list`);
  }
  const only = options.partition === undefined ? null : wholeNumber("partition", options.partition);
  if (only !== null && only >= ranges.length) {
    throw new UsageError(`topics: ${topic} has partitions 0 to ${ranges.length - 1}, not ${only}`);
  }
  const end = Math.max(...ranges.map(({ endOffset }) => endOffset));
  if (only === null && Number(options.from) > end) {
    throw new UsageError(
      `topics: --from ${options.from}: no partition of ${topic} goes beyond ${end}`,
    );
  }
  await Promise.all(ranges.map(async ({ startOffset, endOffset }, partition) => {
    if (only !== null && partition !== only) return;
    let offset = Math.max(startOffset, endOffset - TAIL_RECORDS);
    if (options.from === "start") offset = startOffset;
    else if (options.from !== undefined) {
      const from = wholeNumber("from", options.from);
      // One offset for all partitions: few have it, so each begins as near as it can.
      offset = only === null ? Math.max(startOffset, Math.min(from, endOffset)) : from;
    }
    const waitMaxMs = options.once ? 0 : FETCH.waitMaxMs;
    do {
      const batch = await log.fetch(topic, partition, offset, { ...FETCH, waitMaxMs });
      for (const record of batch.records) {
        output.out(`${lineOf(topic, partition, record, options.json === true)}\n`);
      }
      if (batch.nextOffset === offset && options.once) return;
      offset = batch.nextOffset;
    } while (!(options.once && offset >= endOffset));
  }));
}

function wholeNumber(option: string, text: string): number {
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new UsageError(`topics: --${option} ${text}: must be a whole number`);
}

function lineOf(topic: string, partition: number, record: LogRecord, json: boolean): string {
  const { offset, appendMs, key, headers } = record;
  const at = new Date(appendMs).toISOString();
  const value = record.value === null ? null : new TextDecoder().decode(record.value);
  if (json) return JSON.stringify({ topic, partition, offset, at, key, headers, value });
  const marks = Object.entries(headers).map(([name, text]) => ` ${name}=${text}`).join("");
  return `${at} ${partition}@${offset} ${key ?? "–"}${marks} ${value ?? "–"}`;
}

if (import.meta.main) Deno.exitCode = await runCommand(topicsCommand);
