/**
 * What a monitor must publish, told another way: every record at once, no state kept between them, no
 * partitions, no checkpoints. For windows of one size; rules on all markets.
 *
 * @module
 */
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
    const hour = told.slice(0, at).findLast((t) =>
      "mean" in t && t.market === sample.market &&
      t.startMs === startOf(sample.timeMs) - sizeMs
    ) as Extract<Told, { mean: number }> | undefined;
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
