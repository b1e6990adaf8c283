/**
 * Reads a partition of the log for people: forward, backward, from a time on, by key. Every read is
 * bounded in bytes and fetches, and says where to go on.
 *
 * @module
 */
import {
  type FetchedBatch,
  type LogRecord,
  OffsetOutOfRangeError,
  type PartitionRange,
  type TopicLog,
} from "../ports/topic_log.ts";
import { RequestProblem } from "./problem.ts";

/** Most bytes of values that one answer carries: a page of honest records has less. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** Most fetches for one answer: a stretch of a partition may hold nothing visible, or nothing that matches. */
const FETCH_COUNT_MAX = 40;

/** Of one fetch: what is scanned for a key must not crowd the memory. */
const FETCH_BYTES_MAX = 1024 * 1024;

/** How many offsets the first stretch backward has; each that was read by one fetch has the next four times as long. */
const STRETCH_MIN = 16;
const STRETCH_MAX = 65_536;

/** One partition, as a reader sees it. */
export interface ReadPartition extends PartitionRange {
  log: Pick<TopicLog, "fetch">;
  topic: string;
  partition: number;
}

/** What to bring. */
export interface Wanted {
  /** At most this many records. */
  limit: number;
  matches(record: LogRecord): boolean;
}

/** Records, and the offset to go on at; `null`: there are no more. */
export interface ReadPage {
  records: LogRecord[];
  nextOffset: number | null;
}

/**
 * Reads on from `offset`, ascending.
 *
 * @throws {RequestProblem} 404, where the offset is outside the partition.
 */
export async function readForward(
  from: ReadPartition,
  offset: number,
  { limit, matches }: Wanted,
): Promise<ReadPage> {
  const records: LogRecord[] = [];
  let byteCount = 0;
  let nextOffset = offset;
  for (let i = 0; i < FETCH_COUNT_MAX; i++) {
    const batch = await fetchAt(from, nextOffset, ANSWER_BYTES_MAX - byteCount);
    for (const record of batch.records) {
      if (!matches(record)) continue;
      if (records.length === limit) return { records, nextOffset: record.offset };
      records.push(record);
      byteCount += sizeOf(record);
    }
    nextOffset = batch.nextOffset;
    if (nextOffset >= batch.endOffset) return { records, nextOffset: null };
    if (records.length === limit || byteCount >= ANSWER_BYTES_MAX) break;
  }
  return { records, nextOffset };
}

/**
 * Reads back from before `offset`, descending: `nextOffset` is the `offset` of the page before.
 * A log can only be read forward, so it is read in stretches, the later ones first.
 */
export async function readBackward(
  from: ReadPartition,
  offset: number,
  { limit, matches }: Wanted,
): Promise<ReadPage> {
  const records: LogRecord[] = [];
  let byteCount = 0;
  let before = offset;
  let stretchMax = STRETCH_MIN;
  for (let fetchCount = 0; before > from.startOffset && fetchCount < FETCH_COUNT_MAX;) {
    const start = Math.max(from.startOffset, before - stretchMax);
    const stretch = await readStretch(from, start, before, matches);
    fetchCount += stretch.fetchCount;
    if (stretch.records === null) {
      stretchMax = STRETCH_MIN;
      continue;
    }
    for (const record of stretch.records.reverse()) {
      if (records.length === limit || byteCount >= ANSWER_BYTES_MAX) {
        return { records, nextOffset: record.offset + 1 };
      }
      records.push(record);
      byteCount += sizeOf(record);
    }
    before = start;
    if (records.length === limit) break;
    if (stretch.fetchCount <= 1) stretchMax = Math.min(STRETCH_MAX, stretchMax * 4);
  }
  return { records, nextOffset: before > from.startOffset ? before : null };
}

/** What matches in `[start, end)`; `null` where that is too much to hold at once, which {@link STRETCH_MIN} offsets never are. */
async function readStretch(
  from: ReadPartition,
  start: number,
  end: number,
  matches: Wanted["matches"],
): Promise<{ records: LogRecord[] | null; fetchCount: number }> {
  const records: LogRecord[] = [];
  let fetchCount = 0;
  for (let offset = start; offset < end;) {
    if (++fetchCount > STRETCH_MIN) return { records: null, fetchCount };
    const batch = await fetchAt(from, offset, FETCH_BYTES_MAX);
    for (const record of batch.records) {
      if (record.offset < end && matches(record)) records.push(record);
    }
    if (batch.nextOffset <= offset) break;
    offset = batch.nextOffset;
  }
  return { records, fetchCount };
}

/** The least offset whose record, and every later one, the log took at `timeMs` or later; the end where there is none. */
export async function offsetOfTime(from: ReadPartition, timeMs: number): Promise<number> {
  let low = from.startOffset;
  let high = from.endOffset;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const record = await firstRecord(from, middle, high);
    if (record === null || record.appendMs >= timeMs) high = middle;
    else low = record.offset + 1;
  }
  return low;
}

/** The first record in `[start, end)`. */
async function firstRecord(
  from: ReadPartition,
  start: number,
  end: number,
): Promise<LogRecord | null> {
  for (let offset = start; offset < end;) {
    const { records: [record], nextOffset } = await fetchAt(from, offset, 1);
    if (record !== undefined) return record.offset < end ? record : null;
    if (nextOffset <= offset) break;
    offset = nextOffset;
  }
  return null;
}

function sizeOf(record: LogRecord): number {
  return record.value?.length ?? 0;
}

async function fetchAt(
  { log, topic, partition }: ReadPartition,
  offset: number,
  byteCountMax: number,
): Promise<FetchedBatch> {
  try {
    const options = { byteCountMax: Math.min(byteCountMax, FETCH_BYTES_MAX), waitMaxMs: 0 };
    return await log.fetch(topic, partition, offset, options);
  } catch (error) {
    if (!(error instanceof OffsetOutOfRangeError)) throw error;
    const detail = `Offset ${offset} is outside partition ${partition} of ${topic}, which holds ` +
      `${error.startOffset} to ${error.endOffset}`;
    throw new RequestProblem(404, { detail, errors: [{ parameter: "offset", detail }] });
  }
}
