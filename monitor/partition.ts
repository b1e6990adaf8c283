/**
 * What the monitor knows of one partition between two checkpoints, and what each record makes of it.
 * Pure: records come in the order in which the log took them, and nothing is known of time but what
 * they say and {@link MonitorPartition.advance} is told.
 *
 * @module
 */
import { decodeSample, isMalformed } from "../adapters/codecs/sample_codec.ts";
import type { LogRecord } from "../ports/topic_log.ts";
import type { Baseline, Notification } from "../stats/notification.ts";
import { type Sample, sampleTimeMs } from "../stats/sample.ts";
import { windowStartMs } from "../stats/window.ts";
import { Markets } from "./markets.ts";
import { isPriceRule, judge, type PriceRule, type Rule } from "./rules.ts";
import { readStatistics, soundSource } from "./reading.ts";
import { Silences } from "./silences.ts";
import {
  type Alarm,
  alarmOf,
  baselineOf,
  beginWindow,
  keepAlarm,
  newSource,
  noteAlarmed,
  notificationOf,
  seenMsOf,
  takeBaseline,
  type Watched,
  type WatchedMarket,
  type WatchedSource,
} from "./watched.ts";

/** A market or source that nothing told of for so long is given up, in ms: it is gone, and nobody wants to be told of it for ever. */
export const SILENT_MAX_MS = 7 * 86_400_000;

/** A market that nothing told of for so long, in ms, or three windows, has no previous hour when it is heard again. */
const ACTIVE_MIN_MS = 3_600_000;

/** What decides what a partition's monitor finds. */
export interface WatchConfig {
  rules: readonly Rule[];
  windowSizeMs: number;
  maxSkewMs: number;
}

/** How many samples came to what, since the partition's first. */
export interface MonitorCounters {
  judged: number;
  /** By reason: no previous hour, too few samples in it, a mean of zero, late, ahead of the clock, malformed. */
  unjudged: Record<string, number>;
  /** Notifications by state. */
  firing: number;
  resolved: number;
}

/** Looks up the first record of a window's statistics that is still to come; `null`: none is known. */
export type LookAhead = (market: string, startMs: number) => LogRecord | null;

/** The state. */
export class MonitorPartition {
  readonly #markets: Markets;
  readonly #sources = new Map<string, WatchedSource>();
  readonly #silences: Silences;
  /** Those that may have an alarm on a price firing. */
  readonly #firing = new Set<WatchedMarket>();
  /** Changed since the last checkpoint, and forgotten since. */
  readonly dirty = new Set<Watched>();
  readonly forgotten = new Set<Watched>();
  /** Found since the last checkpoint. */
  readonly found: Notification[] = [];
  counters: MonitorCounters = { judged: 0, unjudged: {}, firing: 0, resolved: 0 };
  /** How far time has come by the log's clock, in ms since the epoch. */
  logMs = 0;
  /** What was found before was in the log when the monitor was first started: it is told to nobody. */
  liveFromMs = 0;

  constructor(readonly config: WatchConfig, private readonly lookAhead: LookAhead = () => null) {
    this.#markets = new Markets(config.rules);
    this.#silences = new Silences(config.rules.filter((rule) => !isPriceRule(rule)));
  }

  get marketCount(): number {
    return this.#markets.count;
  }

  /** All that is known, in no particular order. */
  *watched(): Iterable<Watched> {
    yield* this.#markets.all();
    yield* this.#sources.values();
  }

  /** Takes what was known at the committed checkpoint. */
  take(watched: Watched): void {
    if (watched.kind === "market") this.#markets.add(watched);
    else this.#sources.set(watched.subject, watched);
    if (watched.kind === "market" && watched.alarms.some(isFiringPrice)) this.#firing.add(watched);
    this.#silences.take(watched);
  }

  /** What is known of a market; made where nothing is. */
  marketOf(names: Pick<Sample, "exchange" | "instrument">): WatchedMarket {
    return this.#markets.entryOf(names).market;
  }

  /**
   * The windows that a take-over must find again: those that prices may be held against, and those
   * whose alarms matter still. Of markets that were heard of lately; of others only what is firing.
   */
  neededWindows(): { statistics: Set<number>; notifications: Set<number> } {
    const { rules, windowSizeMs } = this.config;
    const needsCalm = rules.some((rule) => isPriceRule(rule) && rule.leavesOutAlarmed);
    const sinceMs = this.logMs - Math.max(ACTIVE_MIN_MS, 3 * windowSizeMs);
    const needed = { statistics: new Set<number>(), notifications: new Set<number>() };
    for (const watched of this.watched()) {
      const isActive = seenMsOf(watched) >= sinceMs;
      for (const { state, windowStartMs } of watched.alarms) {
        if (isActive || state === "firing") needed.notifications.add(windowStartMs);
      }
      if (!isActive || watched.kind === "source") continue;
      for (const { startMs } of watched.hours) needed.statistics.add(startMs);
      if (!needsCalm) continue;
      if (watched.calm !== null) needed.statistics.add(watched.calm.startMs);
      for (const startMs of watched.alarmedStartsMs) needed.notifications.add(startMs);
    }
    return needed;
  }

  /** Per source, the offset in `polls` that a take-over must read from. */
  *sourceOffsets(): Iterable<number> {
    for (const { heardOffset } of this.#sources.values()) yield heardOffset;
  }

  /** As {@link foldStatistics}, where nothing but statistics tells what samples there were. */
  restoreStatistics(record: LogRecord): void {
    this.foldStatistics(record);
    const read = readStatistics(record);
    if (read === null) return;
    const market = this.marketOf(read);
    this.#beginWindow(market, read.baseline.startMs);
    market.heardMs = Math.max(market.heardMs ?? 0, read.closeMs);
  }

  /** A record of `samples` that was judged before: a sign of life, no more. */
  restoreSample(record: LogRecord): void {
    const sample = decodeSample(record.value);
    if (isMalformed(sample) || this.#isAhead(sample, record)) return;
    const market = this.marketOf(sample);
    market.heardMs = record.appendMs;
    noteSeen(market, record);
    this.#beginWindow(market, windowStartMs(sampleTimeMs(sample), this.config.windowSizeMs));
  }

  /** A record of `polls` that was read before: a sign of life, no more. */
  restorePoll(record: LogRecord): void {
    const name = soundSource(record);
    if (name === null) return;
    const source = this.#sources.getOrInsertComputed(name, () => newSource(name, 0));
    source.heardMs = record.appendMs;
    source.heardOffset = record.offset;
  }

  /** Takes the last record of an alarm that was published: of a market or source that only it tells of, too. */
  restoreAlarm(alarm: Notification, record: LogRecord): void {
    const { source, exchange, instrument, startedMs, kind, threshold } = alarm;
    const heardMs = kind === "marketSilent" || kind === "sourceSilent"
      ? alarm.endedMs ?? startedMs - threshold
      : alarm.endedMs ?? startedMs;
    const watched = source === null
      ? this.marketOf({ exchange: exchange!, instrument: instrument! })
      : this.#sources.getOrInsertComputed(source, () => newSource(source, heardMs));
    watched.heardMs = Math.max(watched.heardMs ?? 0, heardMs);
    if (watched.kind === "market") {
      Object.assign(watched, { base: alarm.base, quote: alarm.quote });
      noteSeen(watched, record);
    }
    const at = watched.alarms.findIndex(({ rule, windowStartMs }) =>
      rule === alarm.rule && windowStartMs === alarm.windowStartMs
    );
    if (at === -1) watched.alarms.push(alarmOf(alarm));
    else watched.alarms[at] = alarmOf(alarm);
    noteAlarmed(watched, alarm);
    if (watched.kind === "market" && alarm.baseline !== null) {
      this.#beginWindow(watched, alarm.windowStartMs);
    }
  }

  /** After a checkpoint has published and saved it all. */
  markClean(): void {
    this.dirty.clear();
    this.forgotten.clear();
    this.found.length = 0;
  }

  /** A record of `statistics`: what later prices are held against. One that is none is the writer's to set aside. */
  foldStatistics(record: LogRecord): void {
    this.advance(record.appendMs);
    const read = readStatistics(record);
    if (read === null) return;
    const market = this.marketOf(read);
    const { base, quote, baseline } = read;
    if (base !== market.base || quote !== market.quote) this.#markets.rename(market, base, quote);
    takeBaseline(market, baseline, this.config.windowSizeMs);
    noteSeen(market, record);
    if (market.heardMs === null) this.#silences.take(market);
    this.dirty.add(market);
  }

  /** A record of `polls`: a sign of life of its source, if it brought something. */
  foldPoll(record: LogRecord): void {
    this.advance(record.appendMs);
    const name = soundSource(record);
    if (name === null) return;
    const source = this.#sources.getOrInsertComputed(name, () => newSource(name, 0));
    source.heardMs = record.appendMs;
    source.heardOffset = record.offset;
    this.#heard(source, record.appendMs);
  }

  /** A record of `samples`, judged against what is published of the hour before it. */
  foldSample(record: LogRecord): void {
    this.advance(record.appendMs);
    const sample = decodeSample(record.value);
    if (isMalformed(sample)) return this.#pass("malformed");
    const timeMs = sampleTimeMs(sample);
    if (this.#isAhead(sample, record)) return this.#pass("skew");
    const entry = this.#markets.entryOf(sample);
    const { market } = entry;
    if (sample.base !== undefined && sample.base !== market.base) {
      this.#markets.rename(market, sample.base, sample.quote ?? market.quote);
    }
    market.heardMs = record.appendMs;
    noteSeen(market, record);
    this.#heard(market, record.appendMs);
    const { windowSizeMs } = this.config;
    const startMs = windowStartMs(timeMs, windowSizeMs);
    this.#beginWindow(market, startMs);
    if (startMs < market.newestStartMs! - windowSizeMs) return this.#pass("late");
    let unjudged: string | null = null;
    for (const rule of entry.priceRules) {
      unjudged = this.#judge(market, rule, sample.price, timeMs, startMs) ?? unjudged;
    }
    if (unjudged === null) this.counters.judged++;
    else this.#pass(unjudged);
  }

  /** Lets time pass by the log's clock: silences begin, and alarms of markets that went quiet end. */
  advance(nowMs: number): void {
    if (nowMs <= this.logMs) return;
    const { windowSizeMs } = this.config;
    const nextWindowMs = windowStartMs(this.logMs, windowSizeMs) + windowSizeMs;
    this.logMs = nowMs;
    for (const { watched, rule, startedMs } of this.#silences.due(nowMs, windowSizeMs)) {
      this.#fire(watched, rule, { startedMs, price: null, value: rule.threshold, baseline: null });
    }
    if (nowMs >= nextWindowMs) this.#tidy(nextWindowMs);
  }

  /** Counts records that were deleted before they were read. */
  passLost(count: number): void {
    this.#pass("lost", count);
  }

  /** Ends what rules left firing that are no longer configured. */
  endUnknownRules(): void {
    const names = new Set(this.config.rules.map(({ name }) => name));
    for (const watched of this.watched()) {
      for (const alarm of watched.alarms) {
        if (alarm.state === "firing" && !names.has(alarm.rule)) {
          this.#resolve(watched, alarm, Math.max(this.logMs, alarm.startedMs));
        }
      }
    }
  }

  #beginWindow(market: WatchedMarket, startMs: number): void {
    if (market.newestStartMs !== null && startMs <= market.newestStartMs) return;
    beginWindow(market, startMs, this.config.windowSizeMs);
  }

  #isAhead(sample: Sample, { appendMs }: LogRecord): boolean {
    return sampleTimeMs(sample) - appendMs > this.config.maxSkewMs;
  }

  /** @returns Why the price was held against nothing, if it was. */
  #judge(
    market: WatchedMarket,
    rule: PriceRule,
    price: number,
    timeMs: number,
    startMs: number,
  ): string | null {
    const baseline = this.#baseline(market, rule, startMs);
    const found = judge(rule, price, baseline);
    let hasAlarmed = false;
    // Most markets have none, at any time.
    for (const alarm of market.alarms) {
      if (alarm.rule !== rule.name) continue;
      if (alarm.windowStartMs === startMs) hasAlarmed = true;
      const isOver = startMs > alarm.windowStartMs ||
        (startMs === alarm.windowStartMs && found === null);
      if (alarm.state === "firing" && isOver && timeMs > alarm.startedMs) {
        this.#resolve(market, alarm, timeMs);
      }
    }
    if (typeof found === "number" && !hasAlarmed) {
      this.#fire(market, rule, { startedMs: timeMs, price, value: found, baseline });
    }
    return typeof found === "string" ? found : null;
  }

  #baseline(market: WatchedMarket, rule: PriceRule, startMs: number): Baseline | null {
    const { windowSizeMs } = this.config;
    const known = baselineOf(market, rule, startMs, windowSizeMs);
    if (known !== null && known.count >= rule.sampleCountMin) return known;
    // What was published then may be gone already, and the next of its window stand further on.
    const record = this.lookAhead(market.subject, startMs - windowSizeMs);
    const ahead = record === null ? null : readStatistics(record);
    if (ahead === null) return known;
    takeBaseline(market, ahead.baseline, windowSizeMs);
    this.dirty.add(market);
    return baselineOf(market, rule, startMs, windowSizeMs);
  }

  #fire(
    watched: Watched,
    { name: rule, kind, threshold }: Rule,
    found: Pick<Notification, "startedMs" | "price" | "value" | "baseline">,
  ): void {
    const windowStart = windowStartMs(found.startedMs, this.config.windowSizeMs);
    // A price of the past may come late, as history that is played does.
    const since = Math.min(this.logMs, found.startedMs);
    const alarm: Alarm = {
      ...{ state: "firing", rule, kind, threshold, ...found },
      ...{ windowStartMs: windowStart, endedMs: null, past: since < this.liveFromMs },
    };
    keepAlarm(watched, alarm, this.logMs, this.config.windowSizeMs);
    if (watched.kind === "market" && alarm.baseline !== null) this.#firing.add(watched);
    this.#tell(watched, alarm);
  }

  #resolve(watched: Watched, alarm: Alarm, endedMs: number): void {
    const resolved: Alarm = { ...alarm, state: "resolved", endedMs };
    watched.alarms[watched.alarms.indexOf(alarm)] = resolved;
    this.#tell(watched, resolved);
  }

  #tell(watched: Watched, alarm: Alarm): void {
    this.found.push(notificationOf(watched, alarm, this.config.windowSizeMs));
    this.counters[alarm.state]++;
    this.dirty.add(watched);
  }

  #heard(watched: Watched, atMs: number): void {
    this.dirty.add(watched);
    this.#silences.take(watched);
    for (const alarm of watched.alarms) {
      if (alarm.state !== "firing" || alarm.baseline !== null) continue;
      this.#resolve(watched, alarm, Math.max(atMs, alarm.startedMs));
    }
  }

  /** Once a window: what no sample can end any more ends, and who has been silent for too long is forgotten. */
  #tidy(atMs: number): void {
    const { windowSizeMs } = this.config;
    for (const market of this.#firing) {
      for (const alarm of market.alarms) {
        if (!isFiringPrice(alarm)) continue;
        const endedMs = Math.max(alarm.windowStartMs + 2 * windowSizeMs, atMs);
        if (endedMs <= this.logMs) this.#resolve(market, alarm, endedMs);
      }
      if (!market.alarms.some(isFiringPrice)) this.#firing.delete(market);
    }
    for (const watched of this.#silences.givenUp(this.logMs, SILENT_MAX_MS)) this.#forget(watched);
  }

  #forget(watched: Watched): void {
    for (const alarm of watched.alarms) {
      if (alarm.state === "firing") this.#resolve(watched, alarm, this.logMs);
    }
    if (watched.kind === "source") this.#sources.delete(watched.subject);
    else this.#markets.delete(watched);
    this.dirty.delete(watched);
    this.forgotten.add(watched);
  }

  #pass(reason: string, count = 1): void {
    this.counters.unjudged[reason] = (this.counters.unjudged[reason] ?? 0) + count;
  }
}

function noteSeen(market: WatchedMarket, { appendMs }: LogRecord): void {
  if (appendMs > market.seenMs) market.seenMs = appendMs;
}

function isFiringPrice({ state, baseline }: Alarm): boolean {
  return state === "firing" && baseline !== null;
}
