/**
 * What the monitor knows of one market, and of one source: what a price is held against, when it was
 * heard of last, and what was published of it.
 *
 * @module
 */
import { type Baseline, type Notification, notificationIdOf } from "../stats/notification.ts";
import { CALM_AGE_MAX, type PriceRule } from "./rules.ts";

/** A market or a source, as the process's disk keeps it. */
export type Watched = WatchedMarket | WatchedSource;

/** What was published of one crossing: a notification without what its market or source says. */
export type Alarm = Omit<
  Notification,
  "id" | "subject" | "exchange" | "instrument" | "base" | "quote" | "source" | "windowEndMs"
>;

/** A market. */
export interface WatchedMarket {
  kind: "market";
  /** `exchange:instrument`. */
  subject: string;
  exchange: string;
  instrument: string;
  base: string | null;
  quote: string | null;
  /** The latest published statistics of the newest window and the two before it, oldest first. */
  hours: Baseline[];
  /** Those of the last window that was over without an alarm. */
  calm: Baseline | null;
  /** Start of the newest window that a sample was in; `null` before the first. */
  newestStartMs: number | null;
  /** When the log took its last sample; `null` where none was seen. */
  heardMs: number | null;
  /** When the log took the newest record that tells of it, whatever that is. */
  seenMs: number;
  /** The last record of each alarm that still matters: firing, or of the two newest windows. */
  alarms: Alarm[];
  /** Starts of the windows in which a price alarmed, up to {@link CALM_AGE_MAX} windows back. */
  alarmedStartsMs: number[];
}

/** A source. */
export interface WatchedSource {
  kind: "source";
  /** Its name. */
  subject: string;
  /** When the log took its last poll that brought something. */
  heardMs: number;
  /** That poll's offset: a take-over reads from there. */
  heardOffset: number;
  alarms: Alarm[];
}

/** When the log told of it last; never the samples' own time, which may be long past. */
export function seenMsOf(watched: Watched): number {
  return watched.kind === "market" ? watched.seenMs : watched.heardMs;
}

/** Names a value on the process's disk. */
export function watchedKeyOf({ kind, subject }: Pick<Watched, "kind" | "subject">): string {
  return `${kind}/${subject}`;
}

/** An alarm as it is published. */
export function notificationOf(
  watched: Watched,
  alarm: Alarm,
  windowSizeMs: number,
): Notification {
  const { subject } = watched;
  const names = watched.kind === "market"
    ? { exchange: watched.exchange, instrument: watched.instrument, source: null }
    : { exchange: null, instrument: null, source: subject };
  const [base, quote] = watched.kind === "market" ? [watched.base, watched.quote] : [null, null];
  const id = notificationIdOf({ ...alarm, subject });
  const windowEndMs = alarm.windowStartMs + windowSizeMs;
  return { id, subject, ...names, base, quote, windowEndMs, ...alarm };
}

/** A published alarm as it is kept. */
export function alarmOf(notification: Notification): Alarm {
  const { state, rule, kind, windowStartMs, startedMs, endedMs, price, value } = notification;
  const { threshold, baseline, past } = notification;
  return {
    ...{ state, rule, kind, windowStartMs, startedMs, endedMs, price, value },
    ...{ threshold, baseline, past },
  };
}

/** What {@link Watched} takes as JSON at most, in bytes, with so many rules. */
export function watchedBytesMax(ruleCount: number): number {
  // Names of 100 characters of three bytes, five of them; of each rule three alarms.
  return 3_000 + 1_200 * ruleCount;
}

/** A market that nothing is known of. */
export function newMarket(
  { exchange, instrument, base = null, quote = null }: {
    exchange: string;
    instrument: string;
    base?: string | null | undefined;
    quote?: string | null | undefined;
  },
): WatchedMarket {
  const subject = `${exchange}:${instrument}`;
  return {
    ...{ kind: "market", subject, exchange, instrument, base, quote },
    ...{ hours: [], calm: null, newestStartMs: null, heardMs: null, seenMs: 0 },
    ...{ alarms: [], alarmedStartsMs: [] },
  };
}

/** A source that nothing is known of but when it was heard of. */
export function newSource(name: string, heardMs: number): WatchedSource {
  return { kind: "source", subject: name, heardMs, heardOffset: 0, alarms: [] };
}

/** Takes the latest published statistics of one of the market's windows. */
export function takeBaseline(
  market: WatchedMarket,
  baseline: Baseline,
  windowSizeMs: number,
): void {
  const { hours, newestStartMs } = market;
  const at = hours.findIndex(({ startMs }) => startMs >= baseline.startMs);
  if (at === -1) hours.push(baseline);
  else if (hours[at]!.startMs === baseline.startMs) hours[at] = baseline;
  else hours.splice(at, 0, baseline);
  const newestMs = Math.max(newestStartMs ?? 0, hours.at(-1)!.startMs);
  while (hours.length > 0 && hours[0]!.startMs < newestMs - 2 * windowSizeMs) hours.shift();
  if (newestStartMs !== null && baseline.startMs < newestStartMs) takeCalm(market, baseline);
}

/** Tells that a window of the market has begun: what is before it is over. */
export function beginWindow(market: WatchedMarket, startMs: number, windowSizeMs: number): void {
  market.newestStartMs = startMs;
  const { alarmedStartsMs } = market;
  while (
    alarmedStartsMs.length > 0 && alarmedStartsMs[0]! < startMs - CALM_AGE_MAX * windowSizeMs
  ) {
    alarmedStartsMs.shift();
  }
  for (const hour of market.hours) if (hour.startMs < startMs) takeCalm(market, hour);
  market.alarms = market.alarms.filter(({ state, windowStartMs }) =>
    state === "firing" || windowStartMs >= startMs - windowSizeMs
  );
}

function takeCalm(market: WatchedMarket, hour: Baseline): void {
  if (market.calm !== null && hour.startMs < market.calm.startMs) return;
  if (!hasAlarmed(market, hour.startMs)) market.calm = hour;
}

function hasAlarmed({ alarmedStartsMs }: WatchedMarket, windowStartMs: number): boolean {
  return alarmedStartsMs.includes(windowStartMs);
}

/** Keeps an alarm, and gives up those that are over and of windows long past: of what comes again and again only these matter. */
export function keepAlarm(
  watched: Watched,
  alarm: Alarm,
  nowMs: number,
  windowSizeMs: number,
): void {
  const fromMs = nowMs - 2 * windowSizeMs;
  watched.alarms = watched.alarms.filter(({ state, baseline, windowStartMs }) =>
    // Prices go by their market's own time: see beginWindow().
    state === "firing" || baseline !== null || windowStartMs >= fromMs
  );
  watched.alarms.push(alarm);
  noteAlarmed(watched, alarm);
}

/** Notes in which window a price alarmed. */
export function noteAlarmed(watched: Watched, { baseline, windowStartMs }: Alarm): void {
  if (watched.kind === "source" || baseline === null) return;
  const { alarmedStartsMs } = watched;
  if (alarmedStartsMs.includes(windowStartMs)) return;
  alarmedStartsMs.push(windowStartMs);
  alarmedStartsMs.sort((a, b) => a - b);
}

/** What a price of the window that begins at `startMs` is held against; `null`: nothing is known. */
export function baselineOf(
  market: WatchedMarket,
  rule: Pick<PriceRule, "leavesOutAlarmed">,
  startMs: number,
  windowSizeMs: number,
): Baseline | null {
  const previousMs = startMs - windowSizeMs;
  if (rule.leavesOutAlarmed && hasAlarmed(market, previousMs)) {
    const { calm } = market;
    const isNear = calm !== null && calm.startMs < previousMs &&
      calm.startMs >= startMs - CALM_AGE_MAX * windowSizeMs;
    return isNear ? calm : null;
  }
  for (const hour of market.hours) if (hour.startMs === previousMs) return hour;
  return null;
}
