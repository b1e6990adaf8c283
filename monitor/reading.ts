/**
 * What the monitor reads off records of `statistics` and `polls`. One that is none is passed over:
 * the writer, who stores them, sets it aside.
 *
 * @module
 */
import { decodePoll } from "../adapters/codecs/poll_codec.ts";
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import { decodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import type { LogRecord } from "../ports/topic_log.ts";
import { summarise } from "../stats/moments.ts";
import type { Baseline } from "../stats/notification.ts";

/** What a record of `statistics` says of its market; `null` where it is none, or of history that was imported. */
export function readStatistics(record: LogRecord) {
  const window = passingOver(() => decodeStatistics(record.value).window);
  if (window === null || window.origin !== "live") return null;
  const { exchange, instrument, base, quote, startMs, count, closeMs } = window;
  const { mean, stddev } = summarise(window);
  const baseline: Baseline = { startMs, count, mean, stddev };
  return { exchange, instrument, base, quote, closeMs, baseline };
}

/** The source that a record of `polls` is a sign of life of; `null` where it brought nothing. */
export function soundSource(record: LogRecord): string | null {
  const poll = passingOver(() => decodePoll(record.value));
  return poll !== null && poll.outcome === "ok" && poll.marketCount > 0 ? poll.source : null;
}

/** `null` for a record that is none: whoever stores it sets it aside. */
function passingOver<T>(read: () => T): T | null {
  try {
    return read();
  } catch (error) {
    if (error instanceof NewerSchemaError || !(error instanceof TypeError)) throw error;
    return null;
  }
}
