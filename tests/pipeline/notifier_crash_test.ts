import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { decodeSent } from "../../adapters/codecs/delivery_codec.ts";
import { encodeNotification } from "../../adapters/codecs/notification_codec.ts";
import { MemoryBroker } from "../../adapters/memory/topic_log.ts";
import { createNotifier, type DigestPolicy } from "../../notifier/notifier.ts";
import type { Channel, Digest } from "../../ports/channel.ts";
import type { Notification } from "../../stats/notification.ts";
import { TOPICS, topicSpecs } from "../../topology.ts";
import { crossing, over } from "../notification_sample.ts";
import { SimulatedLog } from "../simulation/ports.ts";
import { Dice, type Fault, type Process, World } from "../simulation/world.ts";

const START_MS = Date.UTC(2026, 0, 5, 10);
const FAULTS: Fault[] = ["fail before", "fail after", "die before", "die after"];
const STEP_MS = 5_000;
const POLICY: DigestPolicy = {
  ...{ name: "ops", groupBy: ["exchange"], rules: ["*"], filters: {}, sendResolved: true },
  ...{ waitMs: 5_000, intervalMs: 15_000, repeatMs: 40_000 },
};

/** What comes, by step: some are over before they are told, some after, some never. */
const FEED: [step: number, market: string, state: "firing" | "resolved"][] = [
  [0, "a:one", "firing"],
  [1, "b:two", "firing"],
  [1, "b:two", "resolved"],
  [3, "a:three", "firing"],
  [4, "a:one", "resolved"],
  [5, "b:four", "firing"],
  [8, "b:four", "resolved"],
  [8, "b:five", "firing"],
];
const STEP_COUNT = 20;
const GOES_ON = ["a:three", "b:five"];
const IS_OVER = ["a:one", "b:two", "b:four"];

interface History {
  delivered: Digest[];
  callCount: number;
  /** Digests of which nobody knew, in `deliveries`, whether they were sent when the fault came. */
  inDoubt: Set<string>;
}

/** When the channel is away, where it is for a while. */
const AWAY_STEPS = [3, 4, 5, 6, 9];

/** One notifier, the feed, and at most one fault at the n-th port call; a process that dies is started anew. */
async function run(fault: Fault, at: number, isAway: boolean): Promise<History> {
  const world = new World(new Dice(1));
  world.nowMs = START_MS;
  const broker = new MemoryBroker({ nowMs: () => world.nowMs, sleep: () => Promise.resolve() });
  for (const spec of topicSpecs("kafka", 1)) broker.create(spec);
  const delivered: Digest[] = [];
  let process = start();
  let callCount = 0;
  let inDoubt = new Set<string>();

  function start(): Process {
    const process: Process = { name: "one", state: "running", fault: "none", callCount: 0 };
    const channel: Channel = {
      name: "ops",
      send: (digest) =>
        world.call(process, () => {
          const step = (world.nowMs - START_MS) / STEP_MS;
          if (isAway && AWAY_STEPS.includes(step)) {
            return { outcome: "failed" as const, retryable: true, reason: "away" };
          }
          delivered.push(structuredClone(digest));
          return { outcome: "sent" as const, to: "someone" };
        }),
    };
    createNotifier({
      log: new SimulatedLog(world, broker, process, {}, [0]),
      channels: [channel],
      clock: world.clockOf(process),
      random: world.dice,
      registry: new Registry(),
    }, { partitionCount: 1, policies: [POLICY] }).run(new AbortController().signal);
    return process;
  }

  async function drain(): Promise<void> {
    for (let i = 0; i < 500; i++) {
      if (process.callCount + 1 === at && process.fault === "none") {
        process.fault = fault;
        inDoubt = sendingIn(broker);
      }
      if (process.state === "dead") {
        world.bury();
        callCount += process.callCount;
        at = -1;
        process = start();
        await world.pass(0);
      }
      if (!await world.turn()) return;
    }
  }

  await world.pass(0);
  const known = new Map<string, Notification>();
  for (let step = 0; step < STEP_COUNT; step++) {
    for (const [of, market, state] of FEED) {
      if (of !== step) continue;
      const notification = state === "firing"
        ? crossing(market, world.nowMs)
        : over(known.get(market)!, world.nowMs);
      known.set(market, notification);
      const value = encodeNotification(notification);
      broker.append([{ topic: TOPICS.notifications, partition: 0, key: market, value }]);
    }
    await drain();
    await world.pass(STEP_MS);
  }
  await drain();
  return { delivered, callCount: callCount + process.callCount, inDoubt };
}

/** The digests that `deliveries` says are being sent. */
function sendingIn(broker: MemoryBroker): Set<string> {
  const sending = new Set<string>();
  for (const { key, value } of broker.partition(TOPICS.deliveries, 0).records) {
    if (!key!.startsWith("sent/")) continue;
    const { id, outcome } = decodeSent(value);
    if (outcome === "sending") sending.add(id);
    else sending.delete(id);
  }
  return sending;
}

/** Holds what people were told against what happened. */
function check({ delivered, inDoubt }: History): void {
  const byId = Map.groupBy(delivered, ({ id }) => id);
  for (const [id, same] of byId) {
    for (const digest of same) deepStrictEqual(digest, same[0], "the same id, the same digest");
    if (same.length > 1) ok(inDoubt.has(id), `${id} was told again, and not in doubt`);
    ok(same.length <= 2, `${id} was told ${same.length} times`);
  }
  const digests = [...byId.values()].map(([digest]) => digest!);
  const told = (list: "firing" | "resolved") =>
    digests.flatMap((digest) => digest[list].map(({ subject }) => subject)).sort();
  deepStrictEqual(told("resolved"), IS_OVER.toSorted(), "over, each told once");
  for (const market of GOES_ON) ok(told("firing").includes(market), `${market} was not told`);
  // Each group's last digest has what is true at the end.
  for (const exchange of ["a", "b"]) {
    const last = digests.findLast(({ group }) => group.exchange === exchange);
    deepStrictEqual(last?.firing.map(({ subject }) => subject), [
      GOES_ON.find((market) => market.startsWith(exchange)),
    ]);
    strictEqual(last?.firingCount, 1);
  }
}

for (const isAway of [false, true]) {
  const name = isAway ? "a channel that is away for a while, and " : "";
  Deno.test(`crash: ${name}whichever log or channel call of the notifier fails or is its last, nothing is forgotten, and repeated only what was in doubt`, async () => {
    const whole = await run("none", -1, isAway);
    check(whole);
    strictEqual(new Set(whole.delivered.map(({ id }) => id)).size, whole.delivered.length);
    ok(whole.callCount > 50);
    let repeatedCount = 0;
    for (const fault of FAULTS) {
      for (let n = 1; n <= whole.callCount; n++) {
        const history = await run(fault, n, isAway);
        const { size } = new Set(history.delivered.map(({ id }) => id));
        repeatedCount += history.delivered.length - size;
        try {
          check(history);
        } catch (cause) {
          throw new Error(`${fault} at call ${n}`, { cause });
        }
      }
    }
    // At least once, and not at most once: a test that never saw it would show nothing.
    ok(repeatedCount > 0);
  });
}
