/**
 * Setting a record aside: what cannot be counted or stored goes to `rejected` as it came.
 *
 * @module
 */
import type { LogRecord, NewRecord } from "../ports/topic_log.ts";
import { REJECTED_HEADERS, TOPICS } from "../topology.ts";

/** Longer values are cut, so that a record which just fitted into its topic fits into `rejected` with its reasons. */
export const REJECTED_VALUE_BYTES_MAX = 512 * 1024;

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
    key: record.key ?? "",
    value: isCut ? value.subarray(0, REJECTED_VALUE_BYTES_MAX) : value,
    headers: {
      ...record.headers,
      [REJECTED_HEADERS.reason]: reason,
      [REJECTED_HEADERS.detail]: detail,
      [REJECTED_HEADERS.topic]: topic,
      [REJECTED_HEADERS.partition]: `${partition}`,
      [REJECTED_HEADERS.offset]: `${record.offset}`,
      ...(isCut && { [REJECTED_HEADERS.byteCount]: `${value.length}` }),
    },
  };
}
