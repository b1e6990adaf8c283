/**
 * Notifiers by chance: two processes, two partitions of notifications, and a channel that is away for
 * spells; calls fail, processes die, freeze and wake, and the notifier's partition is taken and given.
 * One seed is one history.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { encodeNotification } from "../../adapters/codecs/notification_codec.ts";
import { MemoryBroker } from "../../adapters/memory/topic_log.ts";
import { createNotifier, type DigestPolicy } from "../../notifier/notifier.ts";
import type { Channel, Digest } from "../../ports/channel.ts";
import type { Notification } from "../../stats/notification.ts";
import { partitionOf, TOPICS, topicSpecs } from "../../topology.ts";
import { crossing, over } from "../notification_sample.ts";
import { type PortBugs, SimulatedLog } from "./ports.ts";
import { Dice, type Process, World } from "./world.ts";

const START_MS = Date.UTC(2026, 0, 5, 10);
const PARTITION_COUNT = 2;
const STEP_MS = 5_000;
const STEP_COUNT = 60;
/** The last steps are calm: what is left must be told then. */
const CALM_STEP_COUNT = 60;
const TURNS_PER_STEP_MAX = 400;

interface Member {
  process: Process;
  log: SimulatedLog;
}

/** What one history came to. */
export interface NotifierHistory {
  /** In the order in which people got them. */
  delivered: readonly Digest[];
  /** Every crossing as it was last. */
  crossings: readonly Notification[];
  sendResolved: boolean;
  deathCount: number;
}

/** Plays one history. */
export async function playNotifiers(seed: number, bugs: PortBugs = {}): Promise<NotifierHistory> {
  return await new NotifierSimulation(seed, bugs).play();
}

class NotifierSimulation {
  readonly #dice: Dice;
  readonly #world: World;
  readonly #broker: MemoryBroker;
  readonly #policy: DigestPolicy;
  readonly #crossings = new Map<string, Notification>();
  readonly #delivered: Digest[] = [];
  readonly #members: Member[] = [];
  #isAway = false;
  #deathCount = 0;
  /** Which member the group means to own the partition. */
  #owner = 0;

  constructor(seed: number, private readonly bugs: PortBugs) {
    const dice = this.#dice = new Dice(seed);
    const world = this.#world = new World(dice);
    world.nowMs = START_MS;
    this.#broker = new MemoryBroker({ nowMs: () => world.nowMs, sleep: () => Promise.resolve() });
    for (const spec of topicSpecs("kafka", PARTITION_COUNT)) this.#broker.create(spec);
    this.#policy = {
      ...{ name: "ops", groupBy: ["exchange"], rules: ["*"], filters: {} },
      ...{ waitMs: 5_000, intervalMs: 15_000, sendResolved: !dice.oneIn(3) },
      repeatMs: dice.oneIn(2) ? null : 60_000,
    };
    for (const name of ["one", "two"]) this.#members.push(this.#start(name));
  }

  async play(): Promise<NotifierHistory> {
    const { sendResolved } = this.#policy;
    for (let step = 0; step < STEP_COUNT + CALM_STEP_COUNT; step++) {
      const isCalm = step >= STEP_COUNT;
      if (isCalm) this.#calm();
      else this.#stir();
      this.#assign();
      for (let i = 0; i < TURNS_PER_STEP_MAX; i++) {
        if (!isCalm && this.#dice.oneIn(60)) this.#hurt();
        if (!await this.#world.turn()) break;
      }
      this.#replaceDead();
      await this.#world.pass(STEP_MS);
    }
    return {
      ...{ sendResolved, delivered: this.#delivered, deathCount: this.#deathCount },
      crossings: [...this.#crossings.values()],
    };
  }

  #start(name: string): Member {
    const process: Process = { name, state: "running", fault: "none", callCount: 0 };
    const log = new SimulatedLog(this.#world, this.#broker, process, this.bugs);
    const channel: Channel = {
      name: this.#policy.name,
      send: (digest) =>
        this.#world.call(process, () => {
          if (this.#isAway) {
            return { outcome: "failed" as const, retryable: true, reason: "away" };
          }
          this.#delivered.push(structuredClone(digest));
          return { outcome: "sent" as const, to: "someone" };
        }),
    };
    createNotifier({
      ...{ log, channels: [channel], registry: new Registry(), random: this.#dice },
      clock: this.#world.clockOf(process),
    }, { partitionCount: PARTITION_COUNT, policies: [this.#policy] })
      .run(new AbortController().signal);
    return { process, log };
  }

  /** Crossings begin and end, and the channel goes and comes. */
  #stir(): void {
    const dice = this.#dice;
    if (dice.oneIn(3)) {
      const market = `${dice.oneIn(2) ? "a" : "b"}:coin${this.#crossings.size}`;
      this.#publish(crossing(market, this.#world.nowMs));
    }
    const firing = [...this.#crossings.values()].filter(({ state }) => state === "firing");
    if (firing.length > 0 && dice.oneIn(4)) {
      this.#publish(over(firing[dice.below(firing.length)]!, this.#world.nowMs));
    }
    if (dice.oneIn(this.#isAway ? 4 : 10)) this.#isAway = !this.#isAway;
    if (dice.oneIn(8)) this.#owner = 1 - this.#owner;
    for (const { process } of this.#members) {
      if (process.state === "paused" && dice.oneIn(3)) process.state = "running";
    }
  }

  #calm(): void {
    this.#isAway = false;
    for (const { process } of this.#members) {
      if (process.state === "paused") process.state = "running";
      process.fault = "none";
    }
  }

  /** A call fails, or a process dies or freezes, now. */
  #hurt(): void {
    const { process } = this.#members[this.#dice.below(2)]!;
    if (process.state !== "running") return;
    const faults = ["fail before", "fail after", "die before", "die after"] as const;
    if (this.#dice.oneIn(3)) process.state = "paused";
    else process.fault = faults[this.#dice.below(4)]!;
  }

  /** The group gives the partition to whom it means, also while a frozen member thinks that it has it. */
  #assign(): void {
    this.#members.forEach(({ log, process }, i) => {
      const { membership } = log;
      if (membership === null || process.state !== "running") return;
      if (i === this.#owner) {
        if (!membership.owned.has(0)) membership.give(0);
      } else membership.take(0);
    });
  }

  #replaceDead(): void {
    this.#members.forEach(({ process }, i) => {
      if (process.state !== "dead") return;
      this.#deathCount++;
      this.#world.bury();
      this.#members[i] = this.#start(process.name);
    });
  }

  #publish(notification: Notification): void {
    const { subject: key } = notification;
    this.#crossings.set(key, notification);
    const partition = partitionOf(key, PARTITION_COUNT);
    const value = encodeNotification(notification);
    this.#broker.append([{ topic: TOPICS.notifications, partition, key, value }]);
  }
}

/** Holds what people were told against what happened. */
export function checkNotifierHistory(
  { delivered, crossings, sendResolved }: NotifierHistory,
): void {
  const byId = Map.groupBy(delivered, ({ id }) => id);
  for (const same of byId.values()) {
    for (const digest of same) deepStrictEqual(digest, same[0], "the same id, the same digest");
  }
  const digests = [...byId.values()].map(([digest]) => digest!);
  const begun = new Set(digests.flatMap(({ firing }) => firing.map(({ subject }) => subject)));
  const ended = digests.flatMap(({ resolved }) => resolved.map(({ subject }) => subject));
  strictEqual(new Set(ended).size, ended.length, "told twice to be over");
  for (const { subject, state } of crossings) {
    ok(begun.has(subject) || ended.includes(subject), `${subject} was never told`);
    if (state === "firing") ok(!ended.includes(subject), `${subject} was told to be over`);
    else {
      const isToBeTold = sendResolved || !begun.has(subject);
      strictEqual(ended.includes(subject), isToBeTold, `${subject}: told to be over`);
    }
  }
  for (const exchange of ["a", "b"]) {
    const last = digests.findLast(({ group }) => group.exchange === exchange);
    const firing = crossings.filter((one) => one.exchange === exchange && one.state === "firing");
    // Without the ends of what was told, the last digest may have more than is left.
    if (sendResolved) strictEqual(last?.firingCount ?? 0, firing.length, `firing at ${exchange}`);
  }
}
