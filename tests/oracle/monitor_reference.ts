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

/** A record of `samples` or `statistics`, in the order in which the log took them. */
export type Told =
  | { market: string; appendMs: number; timeMs: number; price: number }
  | { market: string; startMs: number; count: number; mean: number; stddev: number | null };

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
  const crosses = (rule: ReferenceRule, at: number) => {
    const sample = told[at] as Extract<Told, { price: number }>;
    let hour: Extract<Told, { mean: number }> | undefined;
    for (let i = at - 1; i >= 0 && hour === undefined; i--) {
      const t = told[i]!;
      const isIt = "mean" in t && t.market === sample.market &&
        t.startMs === startOf(sample.timeMs) - sizeMs;
      if (isIt) hour = t;
    }
    if (hour === undefined || hour.count < rule.sampleCountMin) return null;
    if (rule.kind === "ratioAbove") return sample.price > rule.threshold * hour.mean;
    if (rule.kind === "ratioBelow") return sample.price < rule.threshold * hour.mean;
    if (!hour.stddev) return null;
    return Math.abs(sample.price - hour.mean) > rule.threshold * hour.stddev;
  };
  const found: string[] = [];
  for (const market of new Set(told.map((t) => t.market))) {
    const samples = told.flatMap((t, at) =>
      "price" in t && t.market === market ? [{ ...t, at }] : []
    );
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
        if (told.has(startOf(timeMs)) || crosses(rule, at) !== true) continue;
        told.add(startOf(timeMs));
        const over = timely.slice(i + 1).find((later) =>
          later.timeMs > timeMs && (startOf(later.timeMs) > startOf(timeMs) ||
            (startOf(later.timeMs) === startOf(timeMs) && crosses(rule, later.at) === false))
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
  const told = statistics.map(({ value, appendMs }) => {
    const { window } = decodeStatistics(value);
    const { exchange, instrument, startMs, count } = window;
    const { mean, stddev } = summarise(window);
    return {
      appendMs,
      told: { market: `${exchange}:${instrument}`, startMs, count, mean, stddev } as Told,
    };
  });
  for (const { value, appendMs } of samples) {
    const sample = decodeSample(value);
    if (isMalformed(sample)) continue;
    const { exchange, instrument, timestampMs: timeMs, price } = sample;
    told.push({ appendMs, told: { market: `${exchange}:${instrument}`, appendMs, timeMs, price } });
  }
  return told.sort((a, b) => a.appendMs - b.appendMs).map(({ told }) => told);
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
