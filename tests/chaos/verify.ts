/**
 * Holds what is in the topics and in the store against the reference.
 *
 * @module
 */
import type { KafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { decodeCheckpoint } from "../../aggregator/checkpoint.ts";
import type { StatisticsRecord } from "../../ports/statistics_store.ts";
import { type Moments, summarise } from "../../stats/moments.ts";
import { GROUPS, REJECTED_HEADERS, TOPICS } from "../../topology.ts";
import { exactStatistics, relativeError } from "../oracle/exact.ts";
import { Reference, type ReferenceWindow } from "./reference.ts";
import { PARTITION_COUNT, SERIAL_HEADER, TIMES } from "./samples.ts";
import { FILLER_KEY, PARTITIONS, readToEnd } from "./topics.ts";

/** How far a mean or a deviation may be from exact arithmetic, relatively. */
const ERROR_MAX = 1e-14;

/** What must be, read off `samples` as it is. */
export interface Expected {
  references: readonly Reference[];
  sampleCount: number;
}

/**
 * Reads `samples`, and notes in `problems` each record that an append acknowledged and that is not
 * there once, or that is there twice.
 *
 * @param acknowledged The serials that appends have acknowledged.
 */
export async function expectedOf(
  log: KafkaTopicLog,
  acknowledged: ReadonlySet<number>,
  problems: string[],
): Promise<Expected> {
  const serials = new Set<number>();
  let sampleCount = 0;
  const references = await Promise.all(PARTITIONS.map(async (partition) => {
    const reference = new Reference({ ...TIMES, partition, partitionCount: PARTITION_COUNT });
    for await (const record of readToEnd(log, TOPICS.samples, partition)) {
      const serial = Number(record.headers[SERIAL_HEADER]);
      if (serials.has(serial)) problems.push(`samples/${partition}: record ${serial} twice`);
      serials.add(serial);
      sampleCount++;
      reference.add(record);
    }
    return reference;
  }));
  const missing = acknowledged.difference(serials);
  if (missing.size > 0) problems.push(`samples: ${missing.size} acknowledged records are missing`);
  return { references, sampleCount };
}

/** A window as a topic or the store has it. */
export interface FoundWindow extends Moments {
  min: number;
  max: number;
  openPrice: number;
  openMs: number;
  closePrice: number;
  closeMs: number;
  tickCount: number;
  closed: boolean;
  amended: boolean;
  revision: number;
}

/** A record as {@link windowsProblems} takes it. */
export function foundIn({ window, revision }: StatisticsRecord): FoundWindow {
  return { ...window, tickCount: window.ticks?.size ?? 0, revision };
}

/**
 * What is wrong with windows, by their keys: one that is missing, differs, or must not be there.
 *
 * @param where In words, for a window that is missing.
 */
export function windowsProblems(
  where: string,
  { references }: Pick<Expected, "references">,
  found: ReadonlyMap<string, FoundWindow>,
): string[] {
  const problems: string[] = [];
  const unexpected = new Set(found.keys());
  for (const reference of references) {
    for (const [key, window] of reference.windows) {
      unexpected.delete(key);
      const is = found.get(key);
      if (is === undefined) problems.push(`${key}: not there`);
      else problems.push(...windowProblems(key, window, is, reference.isClosed(window.endMs)));
    }
  }
  problems.push(...unexpected.keys().map((key) => `${key}: no sample is in this window`));
  return problems.map((problem) => `${where}: ${problem}`);
}

function* windowProblems(
  key: string,
  expected: ReferenceWindow,
  found: FoundWindow,
  isClosed: boolean,
): Generator<string> {
  const exact = exactStatistics(expected.prices);
  const { mean, stddev } = summarise(found);
  const pairs = {
    count: [found.count, exact.count],
    min: [found.min, exact.min],
    max: [found.max, exact.max],
    open: [found.openPrice, expected.open.price],
    openMs: [found.openMs, expected.open.timeMs],
    close: [found.closePrice, expected.close.price],
    closeMs: [found.closeMs, expected.close.timeMs],
    ticks: [found.tickCount, expected.ticks.size],
    closed: [found.closed, isClosed],
    amended: [found.amended, expected.amended],
    revision: [found.revision, 2 * (expected.throughOffset + 1) + Number(isClosed)],
  };
  for (const [name, [is, must]] of Object.entries(pairs)) {
    if (is !== must) yield `${key}: ${name} is ${is}, must be ${must}`;
  }
  for (const [name, is, must] of [["mean", mean, exact.mean], ["stddev", stddev, exact.stddev]]) {
    const error = relativeError(is as number | null, must as number | null);
    if (error > ERROR_MAX) yield `${key}: ${name} is ${is}, must be ${must}`;
  }
}

/** What is wrong in `rejected`: each refused record must be there once, with its reason. */
export async function rejectedProblems(
  log: KafkaTopicLog,
  { references }: Expected,
): Promise<string[]> {
  const problems: string[] = [];
  await Promise.all(PARTITIONS.map(async (partition) => {
    const left = new Map(references[partition]!.rejected);
    for await (const { key, headers } of readToEnd(log, TOPICS.rejected, partition)) {
      // Writers set the run's own fillers aside, as they should.
      if (key === FILLER_KEY) continue;
      const origin = Number(headers[REJECTED_HEADERS.offset]);
      const reason = headers[REJECTED_HEADERS.reason];
      const must = left.get(origin);
      left.delete(origin);
      if (reason === must) continue;
      problems.push(
        `rejected/${partition}: offset ${origin} as ${reason}, must be ${must ?? "there no more"}`,
      );
    }
    for (const [offset, reason] of left) {
      problems.push(`rejected/${partition}: offset ${offset} (${reason}) is missing`);
    }
  }));
  return problems;
}

/** What is wrong with the counters in the last checkpoints. To be asked when no member runs: it claims. */
export async function counterProblems(
  log: KafkaTopicLog,
  { references }: Expected,
): Promise<string[]> {
  const problems: string[] = [];
  for (const partition of PARTITIONS) {
    const claim = await log.claim(GROUPS.aggregator, partition);
    const { counters } = decodeCheckpoint(claim.positions[TOPICS.samples]!.metadata);
    await claim.release();
    const reference = references[partition]!;
    const reasons = Map.groupBy(reference.rejected.values(), (reason) => reason);
    const must = {
      counted: reference.counted,
      duplicate: reference.duplicate,
      ...Object.fromEntries([...reasons].map(([reason, all]) => [reason, all.length])),
    };
    const { rejected, ...others } = counters;
    const is: Record<string, number> = { ...others, ...rejected };
    for (const [name, count] of Object.entries(must)) {
      if (is[name] === count) continue;
      problems.push(
        `checkpoint of partition ${partition}: ${name} is ${is[name]}, must be ${count}`,
      );
    }
  }
  return problems;
}
