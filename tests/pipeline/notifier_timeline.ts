/**
 * Notifiers on a memory log and a manual clock, told as a timeline:
 *
 * ```ts ignore
 * await new NotifierTimeline()
 *   .at("10:05").fires("kraken:btcusd")
 *   .at("10:05:30").expectDigest("ops", { firing: ["kraken:btcusd"] })
 *   .end();
 * ```
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { decodeSent, type SentRecord } from "../../adapters/codecs/delivery_codec.ts";
import { encodeNotification } from "../../adapters/codecs/notification_codec.ts";
import { countingRandom, ManualClock, settle } from "../../adapters/memory/manual_clock.ts";
import { MemoryBroker } from "../../adapters/memory/topic_log.ts";
import { createNotifier, type DigestPolicy } from "../../notifier/notifier.ts";
import type { Channel, Delivery, Digest } from "../../ports/channel.ts";
import type { Role } from "../../ports/role.ts";
import type { LogRecord, TopicLog } from "../../ports/topic_log.ts";
import type { Notification } from "../../stats/notification.ts";
import { partitionOf, TOPICS, topicSpecs } from "../../topology.ts";
import { crossing, over } from "../notification_sample.ts";

const DAY_MS = Date.UTC(2026, 0, 5);
const PARTITION_COUNT = 3;

/** Half a minute, five minutes, four hours: as people set Alertmanager. */
export const OPS: DigestPolicy = {
  name: "ops",
  groupBy: ["rule"],
  waitMs: 30_000,
  intervalMs: 300_000,
  repeatMs: 4 * 3_600_000,
  rules: ["*"],
  filters: {},
  sendResolved: true,
};

/** A digest as a channel was given it. */
export interface Told {
  channel: string;
  process: string;
  atMs: number;
  digest: Digest;
  delivery: Delivery | null;
}

/** What a digest is expected to say; what is left out may be anything. Markets in any order. */
export interface ExpectedDigest extends Partial<Omit<Digest, "firing" | "resolved">> {
  firing?: string[];
  resolved?: string[];
}

type Answer = (digest: Digest) => Delivery | Promise<Delivery>;

const SENT: Delivery = { outcome: "sent", to: "someone" };
/** A receiver that is away. */
export const AWAY: Delivery = { outcome: "failed", retryable: true, reason: "connection refused" };
/** A receiver of which nobody knows whether it has the digest. */
export const LATE: Delivery = {
  ...{ outcome: "failed", retryable: true, reason: "no answer in time", isUnknown: true },
};

/** One process with a notifier: its ports can be closed, as when it is frozen or dead. */
class Process {
  readonly stop = new AbortController();
  #open: Promise<void> = Promise.resolve();
  #opening: (() => void) | null = null;
  /** A partition of `notifications` whose every fetch takes a second. */
  slowPartition: number | null = null;
  role: Role | null = null;
  running: Promise<void> | null = null;
  isEnded = false;

  constructor(readonly name: string, private readonly clock: ManualClock) {}

  close(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    [this.#open, this.#opening] = [promise, resolve];
  }

  open(): void {
    this.#opening?.();
  }

  async through<T>(work: () => Promise<T>): Promise<T> {
    await this.#open;
    return await work();
  }

  /** The log as it sees it; it owns the notifier's partition as soon as it joins. */
  logOf(broker: MemoryBroker): TopicLog {
    const inner = broker.connect();
    return {
      append: (records) => this.through(() => inner.append(records)),
      fetch: (topic, partition, ...rest) =>
        this.through(async () => {
          const isSlow = topic === TOPICS.notifications && partition === this.slowPartition;
          if (isSlow) await this.clock.sleep(1000);
          return await inner.fetch(topic, partition, ...rest);
        }),
      claim: (group, partition) =>
        this.through(async () => {
          const claim = await inner.claim(group, partition);
          return { ...claim, commit: (all) => this.through(() => claim.commit(all)) };
        }),
      join: (_group, own, signal) => own(0, signal),
    };
  }
}

/** One day of notifiers, from 2026-01-05 10:00 UTC; the first runs from the beginning. */
export class NotifierTimeline {
  readonly clock = new ManualClock(timeMsOf("10:00"));
  readonly broker = new MemoryBroker(this.clock);
  readonly told: Told[] = [];
  /** Of processes that start from now on: a partition of `notifications` whose every fetch takes a second. */
  slowPartition: number | null = null;
  readonly #random = countingRandom();
  readonly #processes = new Map<string, Process>();
  readonly #answers = new Map<string, Answer>();
  readonly #read = new Map<string, number>();
  readonly #firing = new Map<string, Notification>();
  #policies: readonly DigestPolicy[];
  #chain: Promise<void> = Promise.resolve();

  constructor(...policies: Partial<DigestPolicy>[]) {
    this.#policies = (policies.length === 0 ? [{}] : policies).map((one) => ({ ...OPS, ...one }));
    for (const spec of topicSpecs("kafka", PARTITION_COUNT)) this.broker.create(spec);
    this.starts("one");
  }

  /** Lets time pass until `HH:MM[:SS[.mmm]]`, and all that it brings about happen. */
  at(time: string): this {
    return this.does(() => this.clock.advanceTo(timeMsOf(time)));
  }

  /** The market crosses a rule. */
  fires(market: string, extra: Partial<Notification> = {}): this {
    return this.does(() => {
      const notification = crossing(market, this.clock.nowMs(), extra);
      this.#firing.set(`${notification.rule}/${market}`, notification);
      return this.publish(notification);
    });
  }

  /** Its crossing is over. */
  ends(market: string, rule = "leap"): this {
    return this.does(() => {
      const notification = this.#firing.get(`${rule}/${market}`);
      ok(notification !== undefined, `${market} was not firing`);
      return this.publish(over(notification, this.clock.nowMs()));
    });
  }

  /** A record of `notifications`. */
  async publish(...notifications: Notification[]): Promise<void> {
    await this.append(
      ...notifications.map((one) => ({ key: one.subject, value: encodeNotification(one) })),
    );
  }

  async append(...records: { key: string; value: Uint8Array }[]): Promise<void> {
    this.broker.append(records.map(({ key, value }) => ({
      ...{ topic: TOPICS.notifications, partition: partitionOf(key, PARTITION_COUNT), key, value },
    })));
    await settle();
  }

  /** From now on the channel answers so. */
  answers(channel: string, answer: Delivery | Answer = SENT): this {
    return this.does(() => {
      this.#answers.set(channel, typeof answer === "function" ? answer : () => answer);
    });
  }

  /** A process starts, with these channels; it fences whoever was there. */
  starts(name: string, ...policies: DigestPolicy[]): this {
    return this.does(async () => {
      if (policies.length > 0) this.#policies = policies;
      const process = new Process(name, this.clock);
      process.slowPartition = this.slowPartition;
      this.#processes.set(name, process);
      const channels = this.#policies.map((policy) => this.#channelOf(process, policy.name));
      const deps = { clock: this.clock, random: this.#random, registry: new Registry(), channels };
      process.role = createNotifier({ ...deps, log: process.logOf(this.broker) }, {
        partitionCount: PARTITION_COUNT,
        policies: this.#policies,
      });
      process.running = process.role.run(process.stop.signal).then(() => {
        process.isEnded = true;
      });
      await settle();
    });
  }

  /** A process is told to stop. */
  stops(name = "one"): this {
    return this.does(async () => {
      this.#processes.get(name)!.stop.abort();
      await settle();
    });
  }

  /** A process does nothing more: frozen, or killed, as seen from outside. */
  freezes(name = "one"): this {
    return this.does(() => this.#processes.get(name)!.close());
  }

  /** A frozen process goes on, and hears then that another has its partition. */
  wakes(name = "one"): this {
    return this.does(async () => {
      this.#processes.get(name)!.open();
      await settle();
      this.#processes.get(name)!.stop.abort();
      await settle();
    });
  }

  /** The channel was given this digest, now to the millisecond, and no other since the last that was asked for. */
  expectDigest(channel: string, expected: ExpectedDigest = {}): this {
    return this.does(() => {
      const told = this.#next(channel);
      ok(told !== undefined, `nothing was told to ${channel} by ${timeText(this.clock.nowMs())}`);
      strictEqual(timeText(told.atMs), timeText(this.clock.nowMs()), "when it was told");
      const { firing, resolved, ...rest } = expected;
      const subjects = (all: readonly Notification[]) => all.map((one) => one.subject).sort();
      if (firing) deepStrictEqual(subjects(told.digest.firing), firing.toSorted(), "firing");
      if (resolved) deepStrictEqual(subjects(told.digest.resolved), resolved.toSorted(), "over");
      for (const [name, value] of Object.entries(rest)) {
        deepStrictEqual(told.digest[name as keyof Digest], value, name);
      }
    });
  }

  /** The channel was given nothing that was not asked for. */
  expectNothing(channel = "ops"): this {
    return this.does(() => {
      const told = this.#next(channel);
      const what = told && `${timeText(told.atMs)} ${JSON.stringify(told.digest).slice(0, 300)}`;
      strictEqual(what, undefined, `${channel} was told at ${timeText(this.clock.nowMs())}`);
    });
  }

  /** The process has ended by now. */
  expectEnded(name: string): this {
    return this.does(() => ok(this.#processes.get(name)!.isEnded, `${name} runs still`));
  }

  /** What a process says of itself. */
  health(name = "one") {
    return this.#processes.get(name)!.role!.health();
  }

  /** What became of every digest, as `deliveries` has it: the last record of each. */
  sent(): SentRecord[] {
    const last = new Map<string, SentRecord>();
    for (const { key, value } of this.records(TOPICS.deliveries)) {
      if (key!.startsWith("sent/")) last.set(key!, decodeSent(value));
    }
    return [...last.values()];
  }

  /** What is in a topic, over all partitions. */
  records(topic: string): LogRecord[] {
    return (this.broker.partitionsOf(topic) ?? []).flatMap((partition) => partition.records);
  }

  /** Does what is given when all before it was. */
  does(work: (line: this) => unknown): this {
    this.#chain = this.#chain.then(async () => {
      await work(this);
    });
    return this;
  }

  /** Runs what was told so far. */
  async run(): Promise<void> {
    await this.#chain;
  }

  /** Runs what was told, then shuts all down. */
  async end(): Promise<void> {
    try {
      await this.#chain;
    } finally {
      for (const process of this.#processes.values()) {
        process.open();
        process.stop.abort();
      }
      await this.clock.advanceTo(this.clock.nowMs() + 60_000);
      await Promise.all([...this.#processes.values()].map((process) => process.running));
    }
  }

  #next(channel: string): Told | undefined {
    const at = this.#read.get(channel) ?? 0;
    const told = this.told.filter((one) => one.channel === channel)[at];
    if (told !== undefined) this.#read.set(channel, at + 1);
    return told;
  }

  #channelOf(process: Process, name: string): Channel {
    return {
      name,
      send: (digest) =>
        process.through(async () => {
          const told: Told = {
            channel: name,
            process: process.name,
            atMs: this.clock.nowMs(),
            digest: structuredClone(digest),
            delivery: null,
          };
          this.told.push(told);
          return told.delivery = await (this.#answers.get(name) ?? (() => SENT))(digest);
        }),
    };
  }
}

/** `HH:MM[:SS[.mmm]]` of the timeline's day; hours past 24 are the next day's. */
export function timeMsOf(time: string): number {
  const [hours, minutes, seconds = 0] = time.split(":").map(Number) as [number, number, number?];
  return DAY_MS + Math.round(((hours * 60 + minutes) * 60 + seconds) * 1000);
}

function timeText(timeMs: number): string {
  return new Date(timeMs).toISOString();
}
