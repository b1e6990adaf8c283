/**
 * The pipeline on memory ports and a manual clock, told as a timeline:
 *
 * ```ts ignore
 * const line = new Timeline();
 * await line.at("10:05").sample("kraken:btcusd", 100);
 * await line.at("11:06").expect("kraken:btcusd", "10:00", { count: 1, state: "closed" });
 * ```
 *
 * @module
 */
import { deepStrictEqual, ok } from "node:assert";
import { Registry } from "prom-client";
import { decodeNotification } from "../../adapters/codecs/notification_codec.ts";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import { countingRandom, ManualClock, settle } from "../../adapters/memory/manual_clock.ts";
import { MemoryStateStore } from "../../adapters/memory/partition_state.ts";
import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import { MemoryBroker, type MemoryTopicLog } from "../../adapters/memory/topic_log.ts";
import { MemoryWindowStore } from "../../adapters/memory/window_store.ts";
import { type AggregatorConfig, createAggregator } from "../../aggregator/aggregator.ts";
import { createMonitor } from "../../monitor/monitor.ts";
import type { Rule } from "../../monitor/rules.ts";
import { type Watched, watchedKeyOf } from "../../monitor/watched.ts";
import type { Role } from "../../ports/role.ts";
import type { LogRecord } from "../../ports/topic_log.ts";
import type { Sample } from "../../stats/sample.ts";
import { partitionOf, TOPICS, topicSpecs } from "../../topology.ts";
import { createWriter } from "../../writer/writer.ts";

const DAY_MS = Date.UTC(2026, 0, 5);
const PARTITION_COUNT = 2;

/** The defaults of design §9. */
export const TIMELINE_CONFIG: AggregatorConfig = {
  partitionCount: PARTITION_COUNT,
  windowSizeMs: 3_600_000,
  graceMs: 300_000,
  amendForMs: 6 * 3_600_000,
  maxSkewMs: 60_000,
  late: "amend",
  flushIntervalMs: 30_000,
  cacheWindowCountMax: 1000,
  skipLost: false,
};

/** One day of one pipeline, from 2026-01-05 10:00 UTC. */
export class Timeline {
  readonly clock = new ManualClock(timeMsOf("10:00"));
  readonly broker = new MemoryBroker(this.clock);
  readonly store: MemoryStatisticsStore;
  readonly log: MemoryTopicLog = this.broker.connect();
  readonly #config: AggregatorConfig;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>[];
  readonly roles: Role[];
  #watched = newWatchedStore();
  #monitor: { stop: AbortController; ended: Promise<void> } | null = null;

  /** @param rules Of a monitor; without any there is none. */
  constructor(config: Partial<AggregatorConfig> = {}, private readonly rules: Rule[] = []) {
    this.#config = { ...TIMELINE_CONFIG, ...config };
    this.store = new MemoryStatisticsStore({ ...this.#config, keepMs: null });
    for (const spec of topicSpecs("kafka", PARTITION_COUNT)) this.broker.create(spec);
    const { clock, log, store } = this;
    const random = countingRandom();
    const windows = new MemoryWindowStore();
    this.roles = [
      createAggregator({ log, windows, clock, random, registry: new Registry() }, this.#config),
      createWriter({ log, sink: store, clock, random, registry: new Registry() }),
    ];
    this.#running = this.roles.map((role) => role.run(this.#stop.signal));
    if (rules.length > 0) this.monitorStarts();
  }

  /** The monitor starts, on the disk that it had or on an empty one. */
  monitorStarts({ on: disk = "its disk" }: { on?: "its disk" | "an empty disk" } = {}): this {
    this.#then(() => {
      if (disk === "an empty disk") this.#watched = newWatchedStore();
      const { clock, log, rules } = this;
      const deps = { log, states: this.#watched, clock, random: countingRandom() };
      const monitor = createMonitor({ ...deps, registry: new Registry() }, {
        ...this.#config,
        rules,
      });
      const stop = new AbortController();
      this.#monitor = { stop, ended: monitor.run(stop.signal) };
    });
    return this;
  }

  /** The monitor is told to stop, and does. */
  monitorStops(): this {
    this.#then(async () => {
      this.#monitor?.stop.abort();
      await this.clock.advanceTo(this.clock.nowMs());
      await this.#monitor?.ended;
      this.#monitor = null;
    });
    return this;
  }

  /** The last of each key alone is left in `statistics`. */
  compacts(): this {
    this.#then(() => {
      for (let partition = 0; partition < PARTITION_COUNT; partition++) {
        this.broker.compact(TOPICS.statistics, partition, Infinity);
      }
    });
    return this;
  }

  /** All that was published to `notifications` so far, as `rule market state HH:MM`, `past` where it is. */
  expectNotifications(...expected: string[]): this {
    this.#then(() => {
      const all = this.records(TOPICS.notifications).map(({ value }) => {
        const { rule, subject, state, startedMs, endedMs, past } = decodeNotification(value);
        const time = new Date(endedMs ?? startedMs).toISOString().slice(11, 16);
        return `${rule} ${subject} ${state} ${time}${past ? " past" : ""}`;
      });
      deepStrictEqual(all, expected);
    });
    return this;
  }

  /** A sample of each minute from `from` until before `to`, at seven seconds past it. */
  steady(
    market: string,
    from: string,
    to: string,
    price: number | ((minute: number) => number),
  ): this {
    for (let atMs = timeMsOf(from); atMs < timeMsOf(to); atMs += 60_000) {
      const minute = atMs / 60_000 % 60;
      this.#then(() => this.clock.advanceTo(atMs + 7_000));
      this.sample(market, typeof price === "number" ? price : price(minute));
    }
    return this;
  }

  /** Lets time pass until `HH:MM` or `HH:MM:SS`, and all that it brings about happen. */
  at(time: string): this {
    return this.atMs(timeMsOf(time));
  }

  /** The same, in ms since the epoch. */
  atMs(timeMs: number): this {
    this.#then(() => this.clock.advanceTo(timeMs));
    return this;
  }

  /** A price is observed now, or at `observed`. */
  sample(market: string, price: number, extra: Partial<Sample> & { observed?: string } = {}): this {
    this.#then(async () => {
      const [exchange, instrument] = market.split(":") as [string, string];
      const { observed, ...rest } = extra;
      const timestampMs = observed === undefined ? this.clock.nowMs() : timeMsOf(observed);
      const value = encodeSample({ exchange, instrument, price, timestampMs, ...rest });
      await this.#append(market, value);
    });
    return this;
  }

  /** A record that is no sample. */
  garbage(market: string, text: string): this {
    this.#then(() => this.#append(market, new TextEncoder().encode(text)));
    return this;
  }

  /** The stored window of `market` that starts at `start` has these values; `null`: there is none. */
  expect(market: string, start: string, values: Record<string, unknown> | null): this {
    this.#then(async () => {
      const [exchange, instrument] = market.split(":") as [string, string];
      const fromMs = timeMsOf(start);
      const [row] = await this.store.statistics({
        exchange: [exchange],
        instrument: [instrument],
        fromMs,
        toMs: fromMs + 1,
        limit: 1,
      });
      if (values === null) return deepStrictEqual(row, undefined);
      ok(row !== undefined, `no window of ${market} at ${start}`);
      const actual = Object.fromEntries(
        Object.keys(values).map((key) => [key, row[key as keyof typeof row]]),
      );
      deepStrictEqual(actual, values);
    });
    return this;
  }

  /** What is in a topic now, over all partitions. */
  records(topic: string): LogRecord[] {
    return (this.broker.partitionsOf(topic) ?? []).flatMap((partition) => partition.records);
  }

  #chain: Promise<void> = Promise.resolve();

  #then(work: () => Promise<void> | void): void {
    this.#chain = this.#chain.then(work);
  }

  /** Runs what was told so far. */
  async told(): Promise<void> {
    await this.#chain;
  }

  /** Runs what was told, then shuts the pipeline down. */
  async end(): Promise<void> {
    try {
      await this.#chain;
    } finally {
      this.#stop.abort();
      this.#monitor?.stop.abort();
      await this.clock.advanceTo(this.clock.nowMs() + 60_000);
      await Promise.all([...this.#running, this.#monitor?.ended]);
    }
  }

  async #append(key: string, value: Uint8Array): Promise<void> {
    const partition = partitionOf(key, PARTITION_COUNT);
    await this.log.append([{ topic: TOPICS.samples, partition, key, value }]);
    await settle();
  }
}

function newWatchedStore(): MemoryStateStore<Watched, string> {
  return new MemoryStateStore<Watched, string>({
    keyOf: watchedKeyOf,
    textOf: (key) => key,
    copy: structuredClone,
  });
}

/** `HH:MM` or `HH:MM:SS` of the timeline's day; hours past 24 are the next day's. */
export function timeMsOf(time: string): number {
  const [hours, minutes, seconds = 0] = time.split(":").map(Number) as [number, number, number?];
  return DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1000;
}
