/**
 * Who has been silent for too long. Pure.
 *
 * Markets are kept in the order in which they were last heard of, so that a look at the first few
 * tells; those of which every rule has fired wait aside.
 *
 * @module
 */
import { matchesFilters, matchesPatterns } from "../ports/market_filters.ts";
import { windowStartMs } from "../stats/window.ts";
import { isPriceRule, type Rule, type SilenceRule } from "./rules.ts";
import { seenMsOf, type Watched } from "./watched.ts";

/** Somebody has been silent for as long as a rule allows. */
export interface Silence {
  watched: Watched;
  rule: SilenceRule;
  /** When it had lasted too long. */
  startedMs: number;
}

/** All of a partition. */
export class Silences {
  readonly #rules: readonly SilenceRule[];
  /** The shortest silence that any rule is about, in ms. */
  readonly #leastMs: number;
  /** Oldest first; of these a rule may still come due. */
  readonly #waiting = new Set<Watched>();
  /** Of these none can. */
  readonly #aside = new Set<Watched>();

  constructor(rules: readonly Rule[]) {
    this.#rules = rules.filter((rule): rule is SilenceRule => !isPriceRule(rule));
    this.#leastMs = Math.min(Infinity, ...this.#rules.map(({ threshold }) => threshold));
  }

  /** Tells that it was heard of, just now or, in the order of that, before a take-over. */
  take(watched: Watched): void {
    // Nobody asks for an order then, and this is done for every sample.
    if (this.#rules.length === 0) return void this.#waiting.add(watched);
    this.#aside.delete(watched);
    this.#waiting.delete(watched);
    this.#waiting.add(watched);
  }

  /** The silences that came due, by the log's clock; whoever asks makes alarms of them at once. */
  *due(nowMs: number, windowSizeMs: number): Iterable<Silence> {
    if (this.#rules.length === 0) return;
    for (const watched of this.#waiting) {
      if (watched.heardMs === null) continue;
      if (watched.heardMs + this.#leastMs >= nowMs) return;
      let isDone = true;
      for (const rule of this.#rules) {
        if (!isAbout(rule, watched) || isFiring(rule, watched)) continue;
        const startedMs = dueMs(rule, watched, windowSizeMs);
        if (startedMs < nowMs) yield { watched, rule, startedMs };
        else isDone = false;
      }
      if (!isDone) continue;
      this.#waiting.delete(watched);
      this.#aside.add(watched);
    }
  }

  /** Those that nothing told of for so long that they are to be forgotten; they are, here. */
  givenUp(nowMs: number, silentMaxMs: number): Watched[] {
    const gone: Watched[] = [];
    for (const group of [this.#aside, this.#waiting]) {
      for (const watched of group) {
        if (seenMsOf(watched) + silentMaxMs >= nowMs) continue;
        group.delete(watched);
        gone.push(watched);
      }
    }
    return gone;
  }
}

/** When the rule has been broken for long enough; in an hour of which it was told already, not before the next. */
function dueMs(rule: SilenceRule, watched: Watched, windowSizeMs: number): number {
  let atMs = watched.heardMs! + rule.threshold;
  for (;;) {
    const startMs = windowStartMs(atMs, windowSizeMs);
    const isTold = watched.alarms.some((alarm) =>
      alarm.rule === rule.name && alarm.windowStartMs === startMs
    );
    if (!isTold) return atMs;
    atMs = startMs + windowSizeMs;
  }
}

function isFiring(rule: SilenceRule, { alarms }: Watched): boolean {
  return alarms.some((alarm) => alarm.rule === rule.name && alarm.state === "firing");
}

function isAbout(rule: SilenceRule, watched: Watched): boolean {
  if (watched.kind === "market") {
    return rule.kind === "marketSilent" && matchesFilters(rule.filters, watched);
  }
  return rule.kind === "sourceSilent" &&
    (rule.sources === null || matchesPatterns(rule.sources, watched.subject));
}
