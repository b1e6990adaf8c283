/**
 * The channels that the setting `CHANNELS` names.
 *
 * @module
 */
import { type ChannelConfig, variableProblems } from "../../config/channels.ts";
import type { Channel } from "../../ports/channel.ts";
import type { Clock } from "../../ports/clock.ts";
import { systemClock } from "../system_clock.ts";
import { AlertmanagerChannel } from "./alertmanager.ts";
import { LogChannel } from "./log.ts";
import { SmtpChannel } from "./smtp.ts";
import { TwilioChannel } from "./twilio.ts";
import { WebhookChannel } from "./webhook.ts";

/**
 * Makes the channels, in the order named.
 *
 * @throws {TypeError} Where a variable that one needs is not set, or wrong.
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert";
 * import { parseConfig } from "../../config.ts";
 * import { createChannels } from "./channels.ts";
 * const { channels } = parseConfig({}, { dev: true });
 * deepStrictEqual(createChannels(channels).map(({ name }) => name), ["log"]);
 * ```
 */
export function createChannels(
  configs: readonly ChannelConfig[],
  { clock = systemClock }: { clock?: Clock } = {},
): Channel[] {
  const problems = configs.flatMap(variableProblems);
  if (problems.length > 0) throw new TypeError(problems.join("; "));
  return configs.map((config) => createChannel(config, clock));
}

function createChannel(config: ChannelConfig, clock: Clock): Channel {
  switch (config.type) {
    case "smtp":
      return new SmtpChannel(config, clock);
    case "twilio":
      return new TwilioChannel(config, clock);
    case "webhook":
      return new WebhookChannel(config, clock);
    case "alertmanager":
      return new AlertmanagerChannel(config, clock);
    case "log":
      return new LogChannel(config.name);
  }
}

/** What the channels need of the world, for the process's permissions. */
export interface ChannelNeeds {
  /** `host:port` of everything that they send to. */
  hosts: readonly string[];
  /** Variables of the environment. */
  variables: readonly string[];
  /** Paths that they read. */
  files: readonly string[];
}

/** The `host:port` of everything that the channels send to. */
export function channelHosts(config: { channels: readonly ChannelConfig[] }): string[] {
  return channelNeeds(config).hosts.slice();
}

/** All that the channels need, each once. */
export function channelNeeds({ channels }: { channels: readonly ChannelConfig[] }): ChannelNeeds {
  return {
    hosts: [...new Set(channels.flatMap(hostOf))],
    variables: [...new Set(channels.flatMap(({ variables }) => variables))],
    files: [
      ...new Set(
        channels.flatMap((channel) =>
          channel.type === "smtp" && channel.caFile !== null ? [channel.caFile] : []
        ),
      ),
    ],
  };
}

function hostOf(channel: ChannelConfig): string[] {
  switch (channel.type) {
    case "smtp": {
      const { host, port } = channel;
      return [`${host.includes(":") ? `[${host}]` : host}:${port}`];
    }
    case "log":
      return [];
    default: {
      if (channel.url === "") return [];
      const { hostname, port, protocol } = new URL(channel.url);
      return [`${hostname}:${port || (protocol === "https:" ? 443 : 80)}`];
    }
  }
}
