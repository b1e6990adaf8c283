/**
 * The notifier role: tells people of notifications, in digests, so that nobody is flooded.
 *
 * In: topic `notifications`. Out: the channels; topics `deliveries` and `rejected`. State: topic
 * `deliveries` alone, so that any machine can take over.
 * Safe to run any number of times: one works, fenced at the log, and the others stand by. A digest is
 * sent again, with the same id, only where nobody knows whether it was.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import type { Registry } from "prom-client";
import type { Channel } from "../ports/channel.ts";
import type { Clock, Random } from "../ports/clock.ts";
import type { Role } from "../ports/role.ts";
import type { TopicLog } from "../ports/topic_log.ts";
import { runPartition } from "../roles/partition_task.ts";
import { GROUPS } from "../topology.ts";
import { notifierMetrics } from "./metrics.ts";
import { type OwnerConfig, ownNotifier } from "./owner.ts";
import type { ChannelSender } from "./sending.ts";

export type { DigestPolicy } from "./policy.ts";

/** What the notifier works with. */
export interface NotifierDeps {
  log: TopicLog;
  channels: readonly Channel[];
  clock: Clock;
  random: Random;
  registry: Registry;
}

/** How the notifier works. */
export type NotifierConfig = OwnerConfig;

/**
 * Makes the role.
 *
 * @throws {RangeError} Where channels and policies are not of the same names.
 */
export function createNotifier(deps: NotifierDeps, config: NotifierConfig): Role {
  const { log, channels, clock, random } = deps;
  const names = (named: readonly { name: string }[]) => named.map(({ name }) => name).sort().join();
  if (names(channels) !== names(config.policies)) {
    throw new RangeError(`channels ${names(channels)} with policies of ${names(config.policies)}`);
  }
  const logger = getLogger(["data-tracker", "notifier"]);
  const problems = new Map<number, string>();
  let senders: readonly ChannelSender[] = [];
  const observe = notifierMetrics(deps.registry, logger, {
    nowMs: () => clock.nowMs(),
    pending: () =>
      senders.map((sender) => ({ channel: sender.groups.policy.name, ...sender.pending() })),
  });

  async function own(partition: number, revoked: AbortSignal): Promise<void> {
    const task = { log, group: GROUPS.notifier, partition, revoked, clock, random, problems };
    await runPartition(task, async (claim, signal, progress) => {
      const watch = (working: readonly ChannelSender[]) => senders = working;
      try {
        const owner = { log, channels, clock, random, observe, watch };
        await ownNotifier(claim, signal, progress, config, owner);
      } finally {
        senders = [];
      }
    });
    observe({ kind: "left" });
  }

  let running = false;
  return {
    name: "notifier",
    async run(signal) {
      running = true;
      try {
        await log.join(GROUPS.notifier, own, signal);
      } finally {
        running = false;
      }
    },
    health() {
      const failing = senders.map(({ problem }) => problem).filter((problem) => problem !== null);
      // A receiver that is away is no reason to start this again: another would fare no better.
      return {
        ready: running && problems.size === 0,
        problems: [...problems.values(), ...failing],
      };
    },
  };
}
