/**
 * Holds what is in the topics and in the store against the reference.
 *
 * @module
 */
import { systemClock as clock } from "../../adapters/system_clock.ts";
import type { KafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import { decodeCheckpoint } from "../../aggregator/checkpoint.ts";
import { decodeNotification } from "../../adapters/codecs/notification_codec.ts";
import { inWords } from "../../errors.ts";
import type { StatisticsRecord } from "../../ports/statistics_store.ts";
import { type Moments, summarise } from "../../stats/moments.ts";
import type { Baseline, Notification } from "../../stats/notification.ts";
import { GROUPS, REJECTED_HEADERS, TOPICS } from "../../topology.ts";
import { exactStatistics, relativeError } from "../oracle/exact.ts";
import { Reference, type ReferenceWindow } from "./reference.ts";
import {
  expectedNotifications,
  inLogOrder,
  publishedNotifications,
  type Told,
  toldBySample,
} from "../oracle/monitor_reference.ts";
import { BASELINE_COUNT_MIN, isLeaping, PARTITION_COUNT, SERIAL_HEADER, TIMES } from "./samples.ts";
import { FILLER_KEY, PARTITIONS, readToEnd } from "./topics.ts";

/** How far a mean or a deviation may be from exact arithmetic, relatively. */
const ERROR_MAX = 1e-14;

/** What monitors look for. */
const LEAP_RULE = {
  name: "leap",
  kind: "ratioAbove",
  threshold: 3,
  sampleCountMin: BASELINE_COUNT_MIN,
} as const;
/** The same, as their setting has it. */
export const RULES = JSON.stringify([
  { name: LEAP_RULE.name, ratioAbove: LEAP_RULE.threshold, minSamples: BASELINE_COUNT_MIN },
]);

/** What must be, read off `samples` as it is. */
export interface Expected {
  references: readonly Reference[];
  /** By partition, the samples of markets that leap. */
  told: readonly Told[][];
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
  const told: Told[][] = PARTITIONS.map(() => []);
  const references = await Promise.all(PARTITIONS.map(async (partition) => {
    const reference = new Reference({ ...TIMES, partition, partitionCount: PARTITION_COUNT });
    for await (const record of readToEnd(log, TOPICS.samples, partition)) {
      const serial = Number(record.headers[SERIAL_HEADER]);
      if (serials.has(serial)) problems.push(`samples/${partition}: record ${serial} twice`);
      serials.add(serial);
      sampleCount++;
      reference.add(record);
      told[partition]!.push(...toldBySample(record).filter(canAlarm));
    }
    return reference;
  }));
  const missing = acknowledged.difference(serials);
  if (missing.size > 0) problems.push(`samples: ${missing.size} acknowledged records are missing`);
  return { references, told, sampleCount };
}

/** Whether a monitor may say anything of it: of a market that leaps, and not from the future. */
function canAlarm(told: Told): boolean {
  return isLeaping(told.market) && "price" in told &&
    told.timeMs - told.appendMs <= TIMES.maxSkewMs;
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

/**
 * What is wrong in `notifications`: each leap must be told there once, and its end.
 *
 * @param statistics By partition, what was published of the markets that leap; whether that is all,
 * and compaction has taken nothing.
 */
export async function notificationsProblems(
  log: KafkaTopicLog,
  { told }: Pick<Expected, "told">,
  statistics: { told: readonly Told[][]; isWhole: boolean },
): Promise<{ count: number; problems: string[] }> {
  const problems: string[] = [];
  let count = 0;
  for (const partition of PARTITIONS) {
    const records = await Array.fromAsync(readToEnd(log, TOPICS.notifications, partition));
    const inOrder = inLogOrder(statistics.told[partition]!, told[partition]!);
    const must = expectedNotifications(inOrder, [LEAP_RULE], TIMES.windowSizeMs, clock.nowMs());
    const where = `notifications/${partition}`;
    let is: string[];
    try {
      is = publishedNotifications(records);
    } catch (error) {
      problems.push(`${where}: ${inWords(error)}`);
      continue;
    }
    count += is.length;
    const missing = new Set(must).difference(new Set(is));
    const unexpected = new Set(is).difference(new Set(must));
    for (const one of missing) problems.push(`${where}: ${one} is missing`);
    for (const one of unexpected) problems.push(`${where}: ${one} must not be there`);
    const revisions = statistics.isWhole
      ? new Set(
        statistics.told[partition]!.flatMap((told) =>
          "mean" in told ? [revisionOf(told.market, told)] : []
        ),
      )
      : null;
    for (const { value } of records) {
      const wrong = valueProblem(decodeNotification(value), revisions);
      if (wrong !== null) problems.push(`${where}: ${wrong}`);
    }
  }
  if (count === 0) problems.push("notifications: no price leapt, which proves nothing");
  return { count, problems };
}

/** What a price was held against, but for its deviation. */
function revisionOf(market: string, { startMs, count, mean }: Omit<Baseline, "stddev">): string {
  return JSON.stringify([market, startMs, count, mean]);
}

/** What is wrong with what a notification says of its price; `revisions`: all that were published. */
function valueProblem(
  { id, subject: market, price, value, baseline }: Notification,
  revisions: ReadonlySet<string> | null,
): string | null {
  if (baseline === null || price === null) return `${id}: is of no price`;
  if (value !== price / baseline.mean) return `${id}: ${value} is not ${price}/${baseline.mean}`;
  const revision = revisionOf(market, baseline);
  return revisions?.has(revision) ?? true ? null : `${id}: nobody published ${revision}`;
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
