/**
 * Two notifiers on a real log, in real time: one tells, the other goes on where it stopped.
 *
 * @module
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { encodeNotification } from "../../adapters/codecs/notification_codec.ts";
import { systemClock, systemRandom } from "../../adapters/system_clock.ts";
import { createNotifier } from "../../notifier/notifier.ts";
import type { Channel, Digest } from "../../ports/channel.ts";
import type { TopicAdmin, TopicLog } from "../../ports/topic_log.ts";
import type { Notification } from "../../stats/notification.ts";
import { partitionOf, TOPICS, topicSpecs } from "../../topology.ts";
import { crossing, over } from "../notification_sample.ts";
import { OPS } from "./notifier_timeline.ts";

const PARTITION_COUNT = 2;
const PATIENCE_MS = 30_000;

interface Told {
  by: string;
  digest: Digest;
}

/** A notifier as a process of its own would be. */
function start(name: string, log: TopicLog, told: Told[]) {
  const stop = new AbortController();
  const channel: Channel = {
    name: OPS.name,
    send: (digest) => {
      told.push({ by: name, digest });
      return Promise.resolve({ outcome: "sent", to: "someone" });
    },
  };
  const notifier = createNotifier({
    ...{ log, channels: [channel], registry: new Registry() },
    ...{ clock: systemClock, random: systemRandom },
  }, {
    partitionCount: PARTITION_COUNT,
    policies: [{ ...OPS, waitMs: 0, intervalMs: 100, repeatMs: null }],
  });
  const running = notifier.run(stop.signal);
  return {
    notifier,
    async stop() {
      stop.abort();
      await running;
    },
  };
}

async function waitFor(what: string, isSo: () => boolean): Promise<void> {
  const endMs = Date.now() + PATIENCE_MS;
  while (!isSo()) {
    ok(Date.now() < endMs, `waited for ${what}`);
    await systemClock.sleep(20);
  }
}

/** Each opens a connection of its own, where the log has such. */
export async function tellAndTakeOver(
  first: TopicLog & TopicAdmin,
  second: TopicLog,
): Promise<void> {
  await first.create(topicSpecs("kafka", PARTITION_COUNT));
  const publish = (...notifications: Notification[]) =>
    first.append(notifications.map((one) => {
      const partition = partitionOf(one.subject, PARTITION_COUNT);
      const value = encodeNotification(one);
      return { topic: TOPICS.notifications, partition, key: one.subject, value };
    }));
  const told: Told[] = [];
  const said = () =>
    told.map(({ digest }) =>
      [digest.firing, digest.resolved].map((all) => all.map(({ subject }) => subject).sort())
    );
  const nowMs = Date.now();
  const [btc, eth, xrp] = ["x:btc", "x:eth", "x:xrp"].map((market) => crossing(market, nowMs));
  await publish(btc!, eth!);
  const one = start("one", first, told);
  await waitFor("the first digest", () => told.length > 0);
  await one.stop();
  const two = start("two", second, told);
  await publish(over(btc!, nowMs + 1));
  await waitFor("the second digest", () => told.length > 1);
  await two.stop();
  // While none runs.
  await publish(over(eth!, nowMs + 2), xrp!);
  const three = start("three", first, told);
  await waitFor("the third digest", () => told.length > 2);
  strictEqual(three.notifier.health().ready, true);
  await three.stop();
  deepStrictEqual(said(), [
    [["x:btc", "x:eth"], []],
    [["x:eth"], ["x:btc"]],
    [["x:xrp"], ["x:eth"]],
  ]);
  deepStrictEqual(told.map(({ by }) => by), ["one", "two", "three"]);
}
