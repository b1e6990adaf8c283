/**
 * One seed is one history of monitors: real ones on memory ports, and an aggregator that publishes
 * what they hold prices against, through crashes, empty disks, pauses, rebalances with and without
 * warning and lost acknowledgements. At the end what they published must be what the reference says,
 * none missed, none twice.
 *
 * @module
 */
import { deepStrictEqual } from "node:assert";
import { Registry } from "prom-client";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import { decodeStatistics } from "../../adapters/codecs/statistics_codec.ts";
import { MemoryStateStore } from "../../adapters/memory/partition_state.ts";
import { MemoryBroker } from "../../adapters/memory/topic_log.ts";
import { MemoryWindowStore } from "../../adapters/memory/window_store.ts";
import { createAggregator } from "../../aggregator/aggregator.ts";
import { createMonitor } from "../../monitor/monitor.ts";
import type { Rule } from "../../monitor/rules.ts";
import { type Watched, watchedKeyOf } from "../../monitor/watched.ts";
import type { PartitionStateStore } from "../../ports/partition_state.ts";
import type { LogRecord } from "../../ports/topic_log.ts";
import { partitionOf, TOPICS, topicSpecs, windowKeyOf } from "../../topology.ts";
import {
  expectedNotifications,
  publishedNotifications,
  type ReferenceRule,
  toldOf,
} from "../oracle/monitor_reference.ts";
import { SimulatedLog, SimulatedWindowStore } from "./ports.ts";
import { Dice, type Process, World } from "./world.ts";

/** Bugs to plant. */
export interface MonitorBugs {
  /** The disk is trusted whatever checkpoint it belongs to. */
  trustsAnyDisk?: boolean;
  /** The torn mark is never written. */
  noTornMark?: boolean;
  /** The position is read before the claim fences. */
  offsetBeforeClaim?: boolean;
  /** A commit that failed is taken for one that happened. */
  failureTakenForSuccess?: boolean;
  /** One transactional id per process: other processes' claims do not fence. */
  idPerProcess?: boolean;
}

const PARTITION_COUNT = 2;
const CONFIG = {
  windowSizeMs: 60_000,
  graceMs: 10_000,
  amendForMs: 60_000,
  maxSkewMs: 5_000,
  late: "amend" as const,
  flushIntervalMs: 15_000,
  partitionCount: PARTITION_COUNT,
  cacheWindowCountMax: 1000,
  skipLost: false,
};
/** How far time passes at once at the end, in ms. */
const HEAL_STEP_MS = 4_000;
/** Samples may be history that is played: longer ago than a market that is silent is watched. */
const BEHIND_MS = 30 * 86_400_000;
const MARKETS = ["a", "b", "c", "d", "e", "f"];
const PRICE_RULE = { filters: {}, sampleCountMin: 3, leavesOutAlarmed: false };
/** With compaction only what any revision of a window would tell is the same whatever it took. */
const FAR_APART: Rule[] = [
  { name: "leap", kind: "ratioAbove", threshold: 3, ...PRICE_RULE },
  { name: "gone", kind: "marketSilent", threshold: 25_000, filters: {}, sources: null },
];
const RULES: Rule[] = [
  { name: "leap", kind: "ratioAbove", threshold: 3, ...PRICE_RULE },
  { name: "fall", kind: "ratioBelow", threshold: 0.5, ...PRICE_RULE },
  { name: "far", kind: "deviation", threshold: 4, ...PRICE_RULE },
  { name: "gone", kind: "marketSilent", threshold: 25_000, filters: {}, sources: null },
];

interface Member extends Process {
  disk: MemoryStateStore<Watched, string>;
  log: SimulatedLog;
  wakeMs: number;
}

const newDisk = (writeCountMax: number) =>
  new MemoryStateStore<Watched, string>(
    { keyOf: watchedKeyOf, textOf: (key) => key, copy: structuredClone },
    writeCountMax,
  );

/** Plays the history of `seed`; throws where it ends otherwise than the reference says. */
export async function simulateMonitor(seed: number, bugs: MonitorBugs = {}): Promise<number> {
  return await new MonitorSimulation(seed, bugs).play();
}

class MonitorSimulation {
  readonly #dice: Dice;
  readonly #world: World;
  readonly #broker: MemoryBroker;
  readonly #members: Member[] = [];
  readonly #assigned: Member[] = [];
  #appendMs = 0;
  /** How far the samples' own clocks are behind the log's, in ms. */
  readonly #behindMs: number;
  /** Whether `statistics` is compacted now and then; by partition, what was in it before. */
  readonly #isCompacting: boolean;
  readonly #statistics: LogRecord[][] = [];
  readonly #rules: Rule[];

  constructor(seed: number, private readonly bugs: MonitorBugs) {
    this.#dice = new Dice(seed);
    this.#world = new World(this.#dice);
    this.#world.nowMs = 1_000_000_020_000;
    this.#behindMs = this.#dice.oneIn(3) ? BEHIND_MS : 0;
    this.#isCompacting = this.#dice.oneIn(3);
    this.#rules = this.#isCompacting ? FAR_APART : RULES;
    // No two appends at one time: between topics only time tells which came first.
    const nowMs = () => this.#appendMs = Math.max(this.#appendMs + 1, this.#world.nowMs);
    this.#broker = new MemoryBroker({ nowMs, sleep: () => Promise.resolve() });
    for (const spec of topicSpecs("kafka", PARTITION_COUNT)) this.#broker.create(spec);
    for (let i = 0; i < 2; i++) this.#members.push(this.#start(newDisk(1 + this.#dice.below(3))));
    this.#startAggregator();
  }

  /** How many notifications there were. */
  async play(): Promise<number> {
    await this.#world.pass(0);
    for (let i = 0; i < PARTITION_COUNT; i++) this.#assign(i, this.#members[i]!);
    const stepCount = 100 + this.#dice.below(200);
    for (let i = 0; i < stepCount; i++) await this.#step();
    await this.#heal();
    const count = this.#check();
    for (const process of this.#members) process.state = "dead";
    this.#world.bury();
    return count;
  }

  #startAggregator(): void {
    const process: Process = { name: "aggregator", state: "running", fault: "none", callCount: 0 };
    const given = Array.from({ length: PARTITION_COUNT }, (_, i) => i);
    createAggregator({
      log: new SimulatedLog(this.#world, this.#broker, process, {}, given),
      windows: new SimulatedWindowStore(this.#world, process, new MemoryWindowStore(), {}),
      clock: this.#world.clockOf(process),
      random: this.#dice,
      registry: new Registry(),
    }, CONFIG).run(new AbortController().signal);
  }

  #start(disk: MemoryStateStore<Watched, string>): Member {
    const process: Process = { name: "monitor", state: "running", fault: "none", callCount: 0 };
    const log = new SimulatedLog(this.#world, this.#broker, process, this.bugs);
    const clock = this.#world.clockOf(process);
    const deps = { log, states: this.#states(process, disk), clock, random: this.#dice };
    createMonitor({ ...deps, registry: new Registry() }, { ...CONFIG, rules: this.#rules })
      .run(new AbortController().signal);
    return Object.assign(process, { disk, log, wakeMs: 0 });
  }

  /** The disk as a process sees it: every call takes its turn. */
  #states(
    process: Process,
    disk: MemoryStateStore<Watched, string>,
  ): PartitionStateStore<Watched, string> {
    const { bugs } = this;
    const call = <T>(work: () => T | Promise<T>) => this.#world.call(process, work);
    return {
      claim: async (partition) => {
        const shelf = await call(() => disk.claim(partition));
        return {
          writeCountMax: shelf.writeCountMax,
          row: async () => {
            const row = await call(() => shelf.row());
            if (!bugs.trustsAnyDisk || row === null) return row;
            const at = this.#broker.positions({ id: "monitor", topics: [] }, partition);
            const { checkpointId } = JSON.parse(at[TOPICS.samples]?.metadata ?? "{}");
            return { ...row, torn: false, checkpointId };
          },
          async *scan() {
            yield* await call(() => shelf.scan());
          },
          write: (change) => {
            const { row, ...values } = change;
            return call(() => shelf.write(bugs.noTornMark && row?.torn ? values : change));
          },
        };
      },
    };
  }

  /** One thing happens. */
  async #step(): Promise<void> {
    const dice = this.#dice;
    const member = this.#members[dice.below(this.#members.length)]!;
    for (const each of this.#members) {
      if (each.state === "paused" && each.wakeMs <= this.#world.nowMs) each.state = "running";
    }
    switch (dice.below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
      case 5:
        return this.#produce();
      case 6:
      case 7:
        return await this.#world.pass(dice.below(10_000));
      case 8:
        member.fault = dice.oneIn(2) ? "fail before" : "fail after";
        return;
      case 9:
        return await this.#crash(member);
      case 10:
        member.state = "paused";
        member.wakeMs = this.#world.nowMs + dice.below(90_000);
        return;
      case 11:
        return this.#assign(dice.below(PARTITION_COUNT), member);
      case 12:
        if (this.#isCompacting) return this.#compact();
        break;
    }
    await this.#drain(1 + dice.below(20));
  }

  async #drain(turnCount: number): Promise<void> {
    for (let i = 0; i < turnCount && await this.#world.turn(); i++);
  }

  /** Some markets are observed; now and then one leaps, falls, is late, or is left out. */
  #produce(): void {
    for (const name of MARKETS) {
      if (this.#dice.oneIn(4)) continue;
      const usual = 100 + this.#dice.below(10);
      const agoMs = this.#dice.oneIn(8) ? this.#dice.below(70_000) : this.#dice.below(3_000);
      const timestampMs = this.#world.nowMs - this.#behindMs - agoMs;
      const market = `sim:${name}`;
      const price = usual * this.#factor(market, timestampMs);
      const value = encodeSample({ exchange: "sim", instrument: name, price, timestampMs });
      const partition = partitionOf(market, PARTITION_COUNT);
      this.#broker.append([{ topic: TOPICS.samples, partition, key: market, value }]);
    }
  }

  /** By how much a price leaps or falls. */
  #factor(market: string, timestampMs: number): number {
    if (!this.#isCompacting) return this.#dice.oneIn(15) ? 5 : this.#dice.oneIn(20) ? 1 / 4 : 1;
    const { windowSizeMs } = CONFIG;
    const number = Math.floor(timestampMs / windowSizeMs);
    // No leap is held against a window that has one, or that nobody may know of.
    const mayLeap = number % 2 === 0 && this.#dice.oneIn(5);
    return mayLeap && this.#isPublished(market, (number - 1) * windowSizeMs) ? 100 : 1;
  }

  #isPublished(market: string, startMs: number): boolean {
    return this.#statisticsOf(partitionOf(market, PARTITION_COUNT)).some(({ key, value }) =>
      key === windowKeyOf(market, startMs) &&
      decodeStatistics(value).window.count >= PRICE_RULE.sampleCountMin
    );
  }

  /** All that was ever published. */
  #statisticsOf(partition: number): readonly LogRecord[] {
    const all = this.#statistics[partition] ??= [];
    const through = all.at(-1)?.offset ?? -1;
    const { records } = this.#broker.partition(TOPICS.statistics, partition);
    all.push(...records.filter(({ offset }) => offset > through));
    return all;
  }

  #compact(): void {
    for (let partition = 0; partition < PARTITION_COUNT; partition++) {
      this.#statisticsOf(partition);
      const { nextOffset } = this.#broker.partition(TOPICS.statistics, partition);
      this.#broker.compact(TOPICS.statistics, partition, this.#dice.below(nextOffset + 1));
    }
  }

  async #crash(dead: Member): Promise<void> {
    const index = this.#members.indexOf(dead);
    dead.state = "dead";
    this.#world.bury();
    const isDiskLost = this.#dice.oneIn(3);
    const member = this.#start(isDiskLost ? newDisk(1 + this.#dice.below(3)) : dead.disk);
    this.#members[index] = member;
    await this.#world.pass(0);
    for (let partition = 0; partition < PARTITION_COUNT; partition++) {
      if (this.#assigned[partition] === dead) this.#assign(partition, member);
    }
  }

  /** The group gives a partition to a member; its last owner may learn of it or not. */
  #assign(partition: number, member: Member): void {
    const previous = this.#assigned[partition];
    const hold = member.log.membership!.owned.get(partition);
    if (hold !== undefined && !hold.ended) {
      if (previous !== member) member.log.membership!.take(partition);
      return;
    }
    if (previous !== undefined && previous !== member && this.#dice.oneIn(2)) {
      previous.log.membership!.take(partition);
    }
    this.#assigned[partition] = member;
    member.log.membership!.give(partition);
  }

  /** All faults end, and time passes until all is found. */
  async #heal(): Promise<void> {
    for (const member of this.#members) Object.assign(member, { state: "running", fault: "none" });
    for (let round = 0; round < 40; round++) {
      for (let partition = 0; partition < PARTITION_COUNT; partition++) {
        const owner = this.#assigned[partition]!;
        for (const member of this.#members) {
          if (member !== owner) member.log.membership!.take(partition);
        }
        if (owner.log.membership!.owned.get(partition) === undefined) {
          this.#assign(partition, owner);
        }
      }
      await this.#drain(600);
      await this.#world.pass(HEAL_STEP_MS);
      await this.#drain(600);
    }
  }

  #check(): number {
    const all = (topic: string) =>
      Array.from({ length: PARTITION_COUNT }, (_, i) => this.#broker.partition(topic, i).records)
        .flat();
    const statistics = Array.from({ length: PARTITION_COUNT }, (_, i) => this.#statisticsOf(i));
    const told = toldOf(all(TOPICS.samples), statistics.flat());
    const notifications = all(TOPICS.notifications);
    const rules = this.#rules.map((rule): ReferenceRule => ({ sampleCountMin: 0, ...rule }));
    // The last look at the clock was before time passed last, and allows for records under way.
    const endMs = this.#world.nowMs - HEAL_STEP_MS - 2_000;
    deepStrictEqual(
      publishedNotifications(notifications),
      expectedNotifications(told, rules, CONFIG.windowSizeMs, endMs),
    );
    return notifications.length;
  }
}
