/**
 * Samples of the present for benches of running processes, as a sampler would append them.
 *
 * @module
 */
import type { KafkaTopicLog } from "../adapters/kafka/topic_log.ts";
import { systemClock as clock } from "../adapters/system_clock.ts";
import { Publisher } from "../sampler/publication.ts";

const SECOND_MS = 1_000;

/** What is polled how often. */
export interface LoadConfig {
  exchange: string;
  partitionCount: number;
  marketCount: number;
  /** Whole seconds, in ms. */
  intervalMs: number;
  /** Whether every poll brings other markets than those before it. */
  areNew?: boolean;
}

/**
 * Appends a poll of all markets at every tick until `signal` aborts.
 *
 * @param onAppend Told of the markets of a poll just before they are appended.
 */
export async function appendPolls(
  log: KafkaTopicLog,
  { exchange, partitionCount, marketCount, intervalMs, areNew = false }: LoadConfig,
  signal: AbortSignal,
  onAppend: (instruments: readonly string[]) => void = () => {},
): Promise<void> {
  const publisher = new Publisher({ partitionCount, zeroPrices: "skip" });
  for (let poll = 0; !signal.aborted; poll++) {
    const nowMs = clock.nowMs();
    await clock.sleep(intervalMs - nowMs % intervalMs, signal);
    if (signal.aborted) return;
    const observedMs = clock.nowMs();
    const tickMs = Math.floor(observedMs / SECOND_MS) * SECOND_MS;
    const quotes = Array.from({ length: marketCount }, (_, i) => {
      const instrument = `asset${areNew ? poll * marketCount + i : i}usdt`;
      return { exchange, instrument, price: 100 + (poll * 7919 + i) % 1009 / 7 };
    });
    onAppend(quotes.map(({ instrument }) => instrument));
    await log.append(publisher.recordsOf(quotes, { tickMs, intervalMs, observedMs }).records);
  }
}
