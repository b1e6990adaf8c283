/**
 * What a monitor must publish, told another way: every record at once, no state kept between them, no
 * partitions, no checkpoints. For windows of one size; rules on all markets.
 *
 * @module
 */
import { strictEqual } from "node:assert";
import { decodeNotification } from "../../adapters/codecs/notification_codec.ts";
import { decodeSample, isMalformed } from "../../adapters/codecs/sample_codec.ts";
import { decodeStatistics } from "../../adapters/codecs/statistics_codec.ts";
import type { LogRecord } from "../../ports/topic_log.ts";
import { summarise } from "../../stats/moments.ts";
import type { Notification } from "../../stats/notification.ts";
import { sampleTimeMs } from "../../stats/sample.ts";

/** A record of `samples` or `statistics`, in the order in which the log took them. */
export type Told =
  & { market: string; appendMs: number }
  & (
    | { timeMs: number; price: number }
    | { startMs: number; count: number; mean: number; stddev: number | null }
  );

/** A rule, as far as the model knows any. */
export interface ReferenceRule {
  name: string;
  kind: Notification["kind"];
  threshold: number;
  sampleCountMin: number;
}

/** `market rule window began ended` of every notification; `ended` is null where it is firing at `endMs`. */
export function expectedNotifications(
  told: readonly Told[],
  rules: readonly ReferenceRule[],
  sizeMs: number,
  endMs: number,
): string[] {
  const startOf = (timeMs: number) => timeMs - timeMs % sizeMs;
  const crosses = (rule: ReferenceRule, told: readonly Told[], at: number) => {
    const sample = told[at] as Extract<Told, { price: number }>;
    let hour: Extract<Told, { mean: number }> | undefined;
    for (let i = at - 1; i >= 0 && hour === undefined; i--) {
      const t = told[i]!;
      if ("mean" in t && t.startMs === startOf(sample.timeMs) - sizeMs) hour = t;
    }
    if (hour === undefined || hour.count < rule.sampleCountMin) return null;
    if (rule.kind === "ratioAbove") return sample.price > rule.threshold * hour.mean;
    if (rule.kind === "ratioBelow") return sample.price < rule.threshold * hour.mean;
    if (!hour.stddev) return null;
    return Math.abs(sample.price - hour.mean) > rule.threshold * hour.stddev;
  };
  const found: string[] = [];
  for (const [market, own] of Map.groupBy(told, ({ market }) => market)) {
    const samples = own.flatMap((t, at) => "price" in t ? [{ ...t, at }] : []);
    for (const rule of rules) {
      const say = (beganMs: number, endedMs: number | null) =>
        found.push(`${market} ${rule.name} ${startOf(beganMs)} ${beganMs} ${endedMs}`);
      const told = new Set<number>();
      if (rule.kind === "marketSilent") {
        for (const [i, { appendMs }] of samples.entries()) {
          const heardMs = samples[i + 1]?.appendMs ?? endMs;
          let dueMs = appendMs + rule.threshold;
          while (told.has(startOf(dueMs))) dueMs = startOf(dueMs) + sizeMs;
          if (dueMs >= heardMs) continue;
          told.add(startOf(dueMs));
          say(dueMs, i + 1 < samples.length ? heardMs : null);
        }
        continue;
      }
      let newestMs = 0;
      // More than a window behind the newest sample is too late to alarm anybody, or to end an alarm.
      const timely = samples.filter(({ timeMs }) => {
        newestMs = Math.max(newestMs, startOf(timeMs));
        return startOf(timeMs) >= newestMs - sizeMs;
      });
      for (const [i, { timeMs, appendMs, at }] of timely.entries()) {
        if (told.has(startOf(timeMs)) || crosses(rule, own, at) !== true) continue;
        told.add(startOf(timeMs));
        const over = timely.slice(i + 1).find((later) =>
          later.timeMs > timeMs && (startOf(later.timeMs) > startOf(timeMs) ||
            (startOf(later.timeMs) === startOf(timeMs) && crosses(rule, own, later.at) === false))
        );
        const quietMs = Math.max(startOf(timeMs) + 2 * sizeMs, startOf(appendMs) + sizeMs);
        const isQuiet = (over?.appendMs ?? endMs) >= quietMs;
        say(timeMs, isQuiet ? quietMs : over?.timeMs ?? null);
      }
    }
  }
  return found.sort();
}

/** What the log took, in its order; of one millisecond, statistics first. */
export function toldOf(
  samples: readonly LogRecord[],
  statistics: readonly LogRecord[],
): Told[] {
  return inLogOrder(statistics.map(toldByStatistics), samples.flatMap(toldBySample));
}

/** The same of what was read before. */
export function inLogOrder(statistics: readonly Told[], samples: readonly Told[]): Told[] {
  return [...statistics, ...samples].sort((a, b) => a.appendMs - b.appendMs);
}

/** A record of `statistics`. */
export function toldByStatistics({ value, appendMs }: LogRecord): Told {
  const { window } = decodeStatistics(value);
  const { exchange, instrument, startMs, count } = window;
  const { mean, stddev } = summarise(window);
  return { market: `${exchange}:${instrument}`, appendMs, startMs, count, mean, stddev };
}

/** A record of `samples`; nothing where it is none. */
export function toldBySample({ value, appendMs }: LogRecord): Told[] {
  const sample = decodeSample(value);
  if (isMalformed(sample)) return [];
  const { exchange, instrument, price } = sample;
  return [{ market: `${exchange}:${instrument}`, appendMs, timeMs: sampleTimeMs(sample), price }];
}

/** What was published, as {@link expectedNotifications} puts it. @throws Where anything was told twice. */
export function publishedNotifications(records: readonly LogRecord[]): string[] {
  const published = new Map<string, string>();
  for (const { value } of records) {
    const { id, state, subject, rule, windowStartMs, startedMs, endedMs } = decodeNotification(
      value,
    );
    const before = published.get(id);
    strictEqual(before === undefined, state === "firing", `${id}: ${state} after ${before}`);
    strictEqual(before?.endsWith("null") ?? true, true, `${id} told again`);
    published.set(id, `${subject} ${rule} ${windowStartMs} ${startedMs} ${endedMs}`);
  }
  return [...published.values()].sort();
}
