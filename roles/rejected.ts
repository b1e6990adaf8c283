/**
 * Setting a record aside: what cannot be counted or stored goes to `rejected` as it came.
 *
 * @module
 */
import type { LogRecord, NewRecord } from "../ports/topic_log.ts";
import { REJECTED_HEADERS, TOPICS } from "../topology.ts";

/** Longer values are cut, so that a record which just fitted into its topic fits into `rejected` with its reasons. */
export const REJECTED_VALUE_BYTES_MAX = 512 * 1024;

/** Longer keys are cut, and headers beyond so many characters in all left out: an honest key has 200 at most. */
export const REJECTED_TEXT_LENGTH_MAX = 64 * 1024;

/** Where a record came from, and why it was refused. */
export interface Refusal {
  topic: string;
  partition: number;
  record: LogRecord;
  /** A word: counted per word. */
  reason: string;
  /** Why, in words. */
  detail: string;
}

/** The record for `rejected`. */
export function setAside({ topic, partition, record, reason, detail }: Refusal): NewRecord {
  const value = record.value ?? new Uint8Array();
  const isCut = value.length > REJECTED_VALUE_BYTES_MAX;
  return {
    topic: TOPICS.rejected,
    partition,
    key: (record.key ?? "").slice(0, REJECTED_TEXT_LENGTH_MAX),
    value: isCut ? value.subarray(0, REJECTED_VALUE_BYTES_MAX) : value,
    headers: {
      ...headersThatFit(record.headers),
      [REJECTED_HEADERS.reason]: reason,
      [REJECTED_HEADERS.detail]: detail,
      [REJECTED_HEADERS.topic]: topic,
      [REJECTED_HEADERS.partition]: `${partition}`,
      [REJECTED_HEADERS.offset]: `${record.offset}`,
      ...(isCut && { [REJECTED_HEADERS.byteCount]: `${value.length}` }),
    },
  };
}

function headersThatFit(headers: LogRecord["headers"]): LogRecord["headers"] {
  let length = 0;
  return Object.fromEntries(
    Object.entries(headers).filter(([name, text]) => {
      length += name.length + text.length;
      return length <= REJECTED_TEXT_LENGTH_MAX;
    }),
  );
}
