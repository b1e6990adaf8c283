/**
 * One seed is one history: real aggregators on memory ports through crashes, empty disks, pauses,
 * rebalances with and without warning, compaction, lost acknowledgements, late samples and duplicate
 * ticks; at the end everything must equal the oracle.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import type { StatisticsRecord, StatisticsSink } from "../../ports/statistics_store.ts";
import { createWriter } from "../../writer/writer.ts";
import { createAggregator } from "../../aggregator/aggregator.ts";
import { RULES, type Rules } from "../../aggregator/rules.ts";
import { encodeSample } from "../../adapters/codecs/sample_codec.ts";
import { decodeStatistics } from "../../adapters/codecs/statistics_codec.ts";
import { MemoryBroker } from "../../adapters/memory/topic_log.ts";
import { MemoryWindowStore } from "../../adapters/memory/window_store.ts";
import type { LogRecord } from "../../ports/topic_log.ts";
import type { Sample } from "../../stats/sample.ts";
import { summarise } from "../../stats/moments.ts";
import { partitionOf, TOPICS, topicSpecs } from "../../topology.ts";
import { decodeCheckpoint } from "../../aggregator/checkpoint.ts";
import { GROUPS } from "../../topology.ts";
import { expectedOf } from "./oracle.ts";
import { type PortBugs, SimulatedLog, SimulatedWindowStore } from "./ports.ts";
import { Dice, type Process, World } from "./world.ts";

/** Bugs to plant: in the ports, or in the protocol's rules. */
export interface Bugs extends PortBugs {
  rules?: Partial<Rules>;
  /** The store keeps the record written last in the place of the greater revision. */
  storeKeepsLast?: boolean;
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
  skipLost: false,
};
const TICK_MS = 10_000;
/** Two markets of each partition; the last of each sends no ticks. */
const MARKETS = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"].reduce<string[][]>(
  (perPartition, name) => {
    const partition = partitionOf(`sim:${name}`, PARTITION_COUNT);
    if (perPartition[partition]!.length < 3) perPartition[partition]!.push(name);
    return perPartition;
  },
  [[], []],
);

interface Member extends Process {
  disk: MemoryWindowStore;
  log: SimulatedLog;
  stop: AbortController;
  /** When a paused member wakes up. */
  wakeMs: number;
}

/** A process that writes what is published into the one store. */
interface Writer extends Process {
  log: SimulatedLog;
  wakeMs: number;
}

/** Plays the history of `seed`; throws where it ends otherwise than the oracle says. */
export async function simulate(seed: number, bugs: Bugs = {}): Promise<void> {
  await new Simulation(seed, bugs).play();
}

class Simulation {
  readonly #dice: Dice;
  readonly #world: World;
  readonly #broker: MemoryBroker;
  readonly #rules: Rules;
  readonly #members: Member[] = [];
  readonly #cacheWindowCountMax: number;
  readonly #writeCountMax: number;
  readonly #writers: Writer[] = [];
  /** Windows as the store has them, by key: their revisions. */
  readonly #stored = new Map<string, number>();
  readonly #store = new MemoryStatisticsStore({ ...CONFIG, keepMs: null });
  readonly #sent: Sample[] = [];
  /** Who the group says owns each partition. */
  readonly #assigned: (Member | null)[] = Array.from({ length: PARTITION_COUNT }, () => null);
  readonly #revisions = new Map<string, number>();
  readonly #checkedThrough: number[] = Array.from({ length: PARTITION_COUNT }, () => -1);
  readonly #last = new Map<string, LogRecord>();

  constructor(seed: number, private readonly bugs: Bugs) {
    this.#dice = new Dice(seed);
    this.#world = new World(this.#dice);
    this.#world.nowMs = 1_000_000_020_000;
    this.#rules = { ...RULES, ...bugs.rules };
    this.#broker = new MemoryBroker({
      nowMs: () => this.#world.nowMs,
      sleep: () => Promise.resolve(),
    });
    for (const spec of topicSpecs("kafka", PARTITION_COUNT)) this.#broker.create(spec);
    this.#cacheWindowCountMax = this.#dice.oneIn(3) ? 2 * PARTITION_COUNT : 1000;
    this.#writeCountMax = 1 + this.#dice.below(3);
    for (let i = 0; i < 3; i++) {
      this.#members.push(this.#start(`member ${i}`, new MemoryWindowStore(this.#writeCountMax)));
    }
  }

  async play(): Promise<void> {
    for (let i = 0; i < 2; i++) this.#writers.push(this.#startWriter());
    await this.#world.pass(0);
    for (let i = 0; i < PARTITION_COUNT; i++) {
      this.#assign(i, this.#members[i % 3]!);
      this.#writers[0]!.log.membership!.give(i);
    }
    const stepCount = 120 + this.#dice.below(200);
    for (let i = 0; i < stepCount; i++) {
      await this.#step();
      this.#checkRevisions();
    }
    await this.#heal();
    this.#checkRevisions();
    for (let partition = 0; partition < PARTITION_COUNT; partition++) {
      this.#checkPartition(partition);
    }
    for (const member of this.#members) member.stop.abort();
    await this.#drain(60);
    for (const process of [...this.#members, ...this.#writers]) process.state = "dead";
    this.#world.bury();
  }

  #startWriter(): Writer {
    const process: Process = { name: "writer", state: "running", fault: "none", callCount: 0 };
    const log = new SimulatedLog(this.#world, this.#broker, process, {});
    const sink: StatisticsSink = {
      writeStatistics: (records) =>
        this.#world.call(process, async () => {
          const changedCount = await this.#store.writeStatistics(records);
          await this.#noteStored(records);
          return changedCount;
        }),
      storeId: () => this.#world.call(process, () => this.#store.storeId()),
      writePolls: () => Promise.resolve(),
      writeNotifications: () => Promise.resolve(0),
    };
    const clock = this.#world.clockOf(process);
    createWriter({ log, sink, clock, random: this.#dice, registry: new Registry() })
      .run(new AbortController().signal);
    return Object.assign(process, { log, wakeMs: 0 });
  }

  async #noteStored(records: readonly StatisticsRecord[]): Promise<void> {
    for (const { window, revision } of records) {
      const { exchange, instrument, startMs } = window;
      const [row] = await this.#store.statistics({
        exchange: [exchange],
        instrument: [instrument],
        fromMs: startMs,
        toMs: startMs + 1,
        limit: 1,
      });
      const key = `${exchange}:${instrument}@${startMs}`;
      this.#stored.set(key, this.bugs.storeKeepsLast ? revision : row!.revision);
    }
  }

  /** A writer sleeps, dies, or loses its partition to the other, with or without knowing it. */
  async #disturbWriters(): Promise<void> {
    const index = this.#dice.below(2);
    const [writer, other] = [this.#writers[index]!, this.#writers[1 - index]!];
    if (this.#dice.oneIn(4)) {
      writer.state = "dead";
      this.#world.bury();
      this.#writers[index] = this.#startWriter();
      return await this.#world.pass(0);
    }
    if (this.#dice.oneIn(2)) writer.state = "paused";
    writer.wakeMs = this.#world.nowMs + this.#dice.below(40_000);
    this.#giveToWriter(this.#dice.below(PARTITION_COUNT), other);
  }

  #giveToWriter(partition: number, writer: Writer): void {
    if (!writer.log.membership!.owned.has(partition)) writer.log.membership!.give(partition);
  }

  #start(name: string, disk: MemoryWindowStore): Member {
    const stop = new AbortController();
    const process: Process = { name, state: "running", fault: "none", callCount: 0 };
    const log = new SimulatedLog(this.#world, this.#broker, process, this.bugs);
    const member: Member = Object.assign(process, { disk, log, stop, wakeMs: 0 });
    const aggregator = createAggregator({
      log,
      windows: new SimulatedWindowStore(this.#world, process, disk, this.bugs),
      clock: this.#world.clockOf(process),
      random: this.#dice,
      registry: new Registry(),
      rules: this.#rules,
    }, { ...CONFIG, cacheWindowCountMax: this.#cacheWindowCountMax });
    aggregator.run(stop.signal);
    return member;
  }

  /** One thing happens. */
  async #step(): Promise<void> {
    const dice = this.#dice;
    const member = this.#members[dice.below(this.#members.length)]!;
    for (const each of [...this.#members, ...this.#writers]) {
      if (each.state === "paused" && each.wakeMs <= this.#world.nowMs) each.state = "running";
    }
    switch (dice.below(24)) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return this.#produce(1 + dice.below(6));
      case 5:
      case 6:
        return await this.#world.pass(dice.below(8000));
      case 7:
        return await this.#world.pass(dice.below(40_000));
      case 8:
        member.fault = dice.oneIn(2) ? "fail before" : "fail after";
        return;
      case 9:
        return await this.#crash(this.#members.indexOf(member), dice.oneIn(3));
      case 10:
        member.state = "paused";
        member.wakeMs = this.#world.nowMs + dice.below(60_000);
        return;
      case 11:
        return this.#assign(dice.below(PARTITION_COUNT), member);
      case 12:
        return this.#compact();
      case 13:
        return await this.#disturbWriters();
      case 14:
        return await this.#drain(1 + dice.below(20));
      default:
        await this.#drain(1 + dice.below(6));
    }
  }

  async #drain(turnCount: number): Promise<void> {
    for (let i = 0; i < turnCount && await this.#world.turn(); i++);
  }

  #produce(count: number): void {
    for (let i = 0; i < count; i++) {
      const sample = this.#sample();
      const market = `${sample.exchange}:${sample.instrument}`;
      const value = this.#dice.oneIn(40) ? new TextEncoder().encode("{") : encodeSample(sample);
      this.#broker.append([{
        topic: TOPICS.samples,
        partition: partitionOf(market, PARTITION_COUNT),
        key: market,
        value,
      }]);
    }
  }

  #sample(): Sample {
    const dice = this.#dice;
    if (this.#sent.length > 0 && dice.oneIn(5)) {
      const again = this
        .#sent[this.#sent.length - 1 - dice.below(Math.min(12, this.#sent.length))]!;
      if (again.tickMs !== undefined) return { ...again, price: 1 + dice.below(1000) };
    }
    const names = MARKETS[dice.below(PARTITION_COUNT)]!;
    const at = dice.below(names.length);
    const agoMs = dice.oneIn(4) ? dice.below(240_000) : dice.below(5000);
    const aheadMs = dice.oneIn(20) ? 30_000 : 0;
    const timestampMs = this.#world.nowMs - agoMs + aheadMs;
    const sample: Sample = {
      exchange: "sim",
      instrument: names[at]!,
      price: 1 + dice.below(1000),
      timestampMs,
    };
    if (at < 2) {
      sample.tickMs = Math.floor(timestampMs / TICK_MS) * TICK_MS;
      sample.intervalMs = TICK_MS;
    }
    this.#sent.push(sample);
    return sample;
  }

  /** The process dies between two of its calls; another starts on its disk, or on an empty one. */
  async #crash(index: number, isDiskLost: boolean): Promise<void> {
    const dead = this.#members[index]!;
    dead.state = "dead";
    this.#world.bury();
    const disk = isDiskLost ? new MemoryWindowStore(this.#writeCountMax) : dead.disk;
    const member = this.#members[index] = this.#start(dead.name, disk);
    await this.#world.pass(0);
    for (let partition = 0; partition < PARTITION_COUNT; partition++) {
      if (this.#assigned[partition] !== dead) continue;
      this.#assigned[partition] = null;
      const heirs = this.#dice.oneIn(2) ? [member] : this.#members;
      this.#assign(partition, heirs[this.#dice.below(heirs.length)]!);
    }
  }

  /** The group gives a partition to a member; its last owner may learn of it before, later or never. */
  #assign(partition: number, member: Member): void {
    const previous = this.#assigned[partition] ?? null;
    const hold = member.log.membership!.owned.get(partition);
    // A process never runs two tasks of one partition, but where that is the planted bug.
    if (hold !== undefined && !hold.ended && !this.bugs.twoTasksOneDisk) {
      if (previous !== member) member.log.membership!.take(partition);
      return;
    }
    if (previous !== null && previous !== member && this.#dice.oneIn(2)) {
      previous.log.membership!.take(partition);
    }
    this.#assigned[partition] = member;
    member.log.membership!.give(partition);
  }

  #compact(): void {
    const partition = this.#dice.below(PARTITION_COUNT);
    const { records } = this.#broker.partition(TOPICS.statistics, partition);
    if (records.length < 2) return;
    this.#broker.compact(
      TOPICS.statistics,
      partition,
      records[this.#dice.below(records.length)]!.offset,
    );
  }

  /** All faults end, every partition gets an owner, and time passes until all is closed. */
  async #heal(): Promise<void> {
    for (const member of this.#members) {
      member.state = "running";
      member.fault = "none";
    }
    for (const writer of this.#writers) writer.state = "running";
    for (let round = 0; round < 12; round++) {
      for (let partition = 0; partition < PARTITION_COUNT; partition++) {
        this.#writers[1]!.log.membership!.take(partition);
        this.#giveToWriter(partition, this.#writers[0]!);
      }
      for (let partition = 0; partition < PARTITION_COUNT; partition++) {
        const owner = this.#assigned[partition] ?? this.#members[0]!;
        for (const member of this.#members) {
          if (member !== owner) member.log.membership!.take(partition);
        }
        const hold = owner.log.membership!.owned.get(partition);
        if (hold?.revoke.signal.aborted) continue;
        if (hold === undefined) this.#assign(partition, owner);
      }
      await this.#drain(400);
      await this.#world.pass(16_000);
      await this.#drain(400);
    }
  }

  /** Records of one window never go backwards (G4). */
  #checkRevisions(): void {
    for (let partition = 0; partition < PARTITION_COUNT; partition++) {
      const { records } = this.#broker.partition(TOPICS.statistics, partition);
      for (
        let i = records.length - 1;
        i >= 0 && records[i]!.offset > this.#checkedThrough[partition]!;
        i--
      );
      const from = records.findIndex((record) => record.offset > this.#checkedThrough[partition]!);
      if (from < 0) continue;
      for (const record of records.slice(from)) {
        const { revision } = decodeStatistics(record.value);
        const before = this.#revisions.get(record.key!) ?? -1;
        ok(revision >= before, `${record.key}: revision ${revision} after ${before}`);
        this.#revisions.set(record.key!, revision);
        this.#last.set(record.key!, record);
      }
      this.#checkedThrough[partition] = records.at(-1)!.offset;
    }
  }

  #checkPartition(partition: number): void {
    const samples = this.#broker.partition(TOPICS.samples, partition);
    const expected = expectedOf(samples.records, CONFIG);
    const position = this.#broker.positions(GROUPS.aggregator, partition)[TOPICS.samples];
    strictEqual(position?.offset ?? 0, samples.nextOffset, "the position is at the end");
    const { counters } = decodeCheckpoint(position!.metadata);
    strictEqual(counters.counted, expected.counted, "samples counted");
    strictEqual(counters.duplicate, expected.duplicate, "duplicate ticks");

    const rejected = this.#broker.partition(TOPICS.rejected, partition).records;
    const offsets = rejected.map((record) => Number(record.headers["origin-offset"]));
    deepStrictEqual(
      offsets.sort((a, b) => a - b),
      [...expected.rejectedOffsets],
      "rejected once each",
    );

    const published = [...this.#last].filter(([, record]) =>
      this.#broker.partition(TOPICS.statistics, partition).records.includes(record)
    );
    strictEqual(published.length, expected.windows.size, "windows published");
    for (const [key, record] of published) {
      const { window, revision } = decodeStatistics(record.value);
      const must = expected.windows.get(key)!;
      strictEqual(this.#stored.get(key), revision, `${key}: the revision in the store`);
      const { mean, stddev } = summarise(window);
      const sum = must.prices.reduce((a, b) => a + b, 0);
      const squares = must.prices.reduce((a, b) => a + b * b, 0);
      const n = must.prices.length;
      const variance = n === 1 ? null : (n * squares - sum * sum) / (n * (n - 1));
      deepStrictEqual({
        count: window.count,
        min: window.min,
        max: window.max,
        mean,
        open: window.openPrice,
        close: window.closePrice,
        ticks: window.ticks?.size ?? 0,
        closed: window.closed,
        revision,
      }, {
        count: n,
        min: Math.min(...must.prices),
        max: Math.max(...must.prices),
        mean: sum / n,
        open: must.open.price,
        close: must.close.price,
        ticks: must.ticks.size,
        closed: true,
        revision: must.revision,
      }, key);
      if (variance === null) strictEqual(stddev, null);
      else {ok(
          Math.abs(stddev! - Math.sqrt(variance)) <= 1e-13 * Math.sqrt(variance),
          `${key}: stddev`,
        );}
      if (must.late) ok(window.amended, `${key}: amended`);
    }
  }
}
