/**
 * `deno task notify`: lists the channels, or sends a test digest through one and says how it ended.
 *
 * @module
 */
import { channelHosts, createChannels } from "../adapters/channels/channels.ts";
import { systemClock, systemRandom } from "../adapters/system_clock.ts";
import { type ChannelConfig, type Config, loadConfig } from "../config.ts";
import { formatDuration } from "../config/duration.ts";
import { configureLogging } from "../logging.ts";
import type { Digest } from "../ports/channel.ts";
import { notificationIdOf } from "../stats/notification.ts";
import { type Command, EXIT, type Output, runCommand, UsageError } from "./command.ts";
import { formatTable } from "./table.ts";

const HOUR_MS = 3_600_000;
/** A test that Alertmanager is not told the end of is over after three times this, in ms. */
const TEST_REPEAT_MS = 60_000;
/** What the test digest is about, on every channel: nobody must take it for a market. */
const TEST_RULE = "test-please-ignore";

const options = {
  test: { value: "CHANNEL", about: "Send a test digest through this channel" },
} as const;

/** The command. */
export const notifyCommand: Command<typeof options> = {
  name: "notify",
  about: `
Lists the channels of CHANNELS. With --test, sends through one of them a digest that says it is a
test, and tells how that ended. Ends with 1 where it was not sent.`,
  options,
  async run({ options: { test } }, output) {
    const config = loadConfig({ dev: true });
    if (test === undefined) {
      output.out(listOf(config));
      return EXIT.ok;
    }
    const channel = config.channels.find(({ name }) => name === test);
    if (channel !== undefined) return await sendTest(config, channel, output);
    const names = config.channels.map(({ name }) => name).join(", ") || "none";
    throw new UsageError(`notify: ${test} is no channel of CHANNELS; there are: ${names}`);
  },
};

function listOf({ channels }: Config): string {
  if (channels.length === 0) return "CHANNELS names none\n";
  return formatTable(
    ["channel", "type", "to", "groups by", "waits", "at most every", "repeats", "lacks"],
    channels.map((channel) => [
      ...[
        channel.name,
        channel.type,
        receiversOf(channel),
        channel.groupBy.join(", ") || "nothing",
      ],
      ...[formatDuration(channel.waitMs), formatDuration(channel.intervalMs)],
      channel.repeatMs === null ? "never" : formatDuration(channel.repeatMs),
      [...channel.unsetVariables, ...channel.wrongVariables].join(", ") || null,
    ]),
  );
}

function receiversOf(channel: ChannelConfig): string {
  if (channel.type === "log") return "the log";
  const [host = "–"] = channelHosts({ channels: [channel] });
  return "to" in channel ? `${channel.to.join(", ")} by ${host}` : host;
}

async function sendTest(config: Config, channel: ChannelConfig, output: Output): Promise<number> {
  if (channel.type === "log") await configureLogging(config);
  const [made] = createChannels([
    channel.repeatMs === null || channel.repeatMs > TEST_REPEAT_MS
      ? { ...channel, repeatMs: TEST_REPEAT_MS }
      : channel,
  ]);
  const startMs = systemClock.nowMs();
  const delivery = await made!.send(
    testDigest(channel.name, startMs, systemRandom.id()),
    new AbortController().signal,
  );
  const tookMs = systemClock.nowMs() - startMs;
  if (delivery.outcome === "sent") {
    output.out(`${channel.name}: sent to ${delivery.to} (${tookMs} ms)\n`);
    return EXIT.ok;
  }
  const { reason, retryable, retryAfterMs, isUnknown } = delivery;
  const after = retryAfterMs === undefined ? "" : ` in ${formatDuration(Math.ceil(retryAfterMs))}`;
  const then = retryable ? `try again${after}` : "trying again will not help";
  const what = isUnknown ? "nobody knows whether it was sent" : "not sent";
  output.err(`${channel.name}: ${what}: ${reason}; ${then}\n`);
  return EXIT.failure;
}

/** A digest that anybody sees to be a test. */
export function testDigest(channel: string, nowMs: number, id: string): Digest {
  const windowStartMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
  const subject = "test-exchange:testusd";
  const own = { rule: TEST_RULE, subject, windowStartMs };
  return {
    ...{ id: `${channel}/test/${id}`, group: { rule: TEST_RULE } },
    firing: [{
      ...{ ...own, id: notificationIdOf(own), state: "firing", kind: "ratioAbove" },
      ...{ exchange: "test-exchange", instrument: "testusd", base: "test", quote: "usd" },
      ...{ source: null, windowEndMs: windowStartMs + HOUR_MS, startedMs: nowMs, endedMs: null },
      ...{ price: 3.5, value: 3.5, threshold: 3, past: false },
      baseline: { startMs: windowStartMs - HOUR_MS, count: 60, mean: 1, stddev: 0.1 },
    }],
    ...{ resolved: [], firingCount: 1, resolvedCount: 0 },
    ...{ fromMs: nowMs, toMs: nowMs, isRepeat: false },
  };
}

if (import.meta.main) Deno.exitCode = await runCommand(notifyCommand);
