/**
 * What a new owner does before anything else: it reads back from `deliveries` what the last one knew.
 * There is no disk; any machine can go on.
 *
 * @module
 */
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import {
  type Claim,
  type FetchedBatch,
  type LogRecord,
  OffsetOutOfRangeError,
  type TopicLog,
} from "../ports/topic_log.ts";
import { recreated, StopPartitionError } from "../roles/partition_task.ts";
import { TOPICS } from "../topology.ts";
import type { GroupState } from "./group.ts";
import type { JournalMetadata } from "./journal.ts";
import { decodeGroup, decodePositions, GROUP_PREFIX, POSITIONS_KEY } from "./state_codec.ts";

/** One fetch, in bytes. */
const FETCH_BYTES = 4 * 1024 * 1024;
/** How long to wait for a record that must be there, in ms. */
const FETCH_WAIT_MS = 1000;
/** Empty answers in a row after which what must be there is taken as gone. */
const EMPTY_MAX = 10;

const START_OVER =
  "To start over, delete topic deliveries and the offsets of group notifier; what is firing is told anew";

/** What the last owner knew. */
export interface Restored {
  groups: readonly GroupState[];
  /** Where to go on in `notifications`, by partition; empty: nothing was read ever. */
  positions: readonly number[];
  /** The last record committed. */
  through: number;
  /** Records of `deliveries` read. */
  recordCount: number;
  /** When the first of what still counts was written, by the log's clock; `null`: nothing was. */
  oldestMs: number | null;
}

/** What it is read by. */
export interface RestoringDeps {
  log: Pick<TopicLog, "fetch">;
  /** A record that is none of ours is passed over. */
  passedOver(record: LogRecord, reason: string): void;
}

/** Reads all of `deliveries`; `null` where `signal` aborted first. */
export async function restore(
  claim: Pick<Claim, "positions">,
  signal: AbortSignal,
  deps: RestoringDeps,
): Promise<Restored | null> {
  const through = throughOf(claim);
  /** Only the last state of a group is worth decoding. */
  const last = new Map<string, LogRecord>();
  let recordCount = 0;
  for await (const records of wholeTopic(through, signal, deps.log)) {
    for (const record of records) {
      recordCount++;
      const key = record.key ?? "";
      if (key !== POSITIONS_KEY && !key.startsWith(GROUP_PREFIX)) continue;
      if (record.value?.[0] === "{".charCodeAt(0)) last.set(key, record);
      else deps.passedOver(record, "not JSON");
    }
  }
  if (signal.aborted) return null;
  const groups: GroupState[] = [];
  let positions: number[] = [];
  let oldestMs: number | null = null;
  for (const [key, record] of last) {
    try {
      const group = key === POSITIONS_KEY ? null : decodeGroup(record.value);
      if (group !== null) groups.push(group);
      else if (key === POSITIONS_KEY) positions = decodePositions(record.value);
      else continue;
      oldestMs = Math.min(oldestMs ?? record.appendMs, record.appendMs);
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof NewerSchemaError)) throw error;
      const { message } = error;
      const problem = `${TOPICS.deliveries}, offset ${record.offset}: ${message}`;
      // Without the positions everything would be told again.
      if (error instanceof NewerSchemaError || key === POSITIONS_KEY) {
        throw new StopPartitionError(problem);
      }
      deps.passedOver(record, message);
    }
  }
  return { groups, positions, through, recordCount, oldestMs };
}

function throughOf({ positions }: Pick<Claim, "positions">): number {
  const position = positions[TOPICS.deliveries];
  if (position === undefined) return -1;
  let metadata: Partial<JournalMetadata>;
  try {
    metadata = JSON.parse(position.metadata);
  } catch (cause) {
    throw new StopPartitionError(
      `the offsets of group notifier were not committed by this program. ${START_OVER}`,
      { cause },
    );
  }
  if (metadata.v === 1 && typeof metadata.through === "number") return metadata.through;
  throw new StopPartitionError(
    `the offsets of group notifier are of version ${metadata.v}: this program knows 1; upgrade it`,
  );
}

/** The topic's records from its start through the last committed one, and on to the end. */
async function* wholeTopic(
  through: number,
  signal: AbortSignal,
  log: RestoringDeps["log"],
): AsyncGenerator<readonly LogRecord[]> {
  let offset = 0;
  let emptyCount = 0;
  while (!signal.aborted) {
    let batch: FetchedBatch;
    try {
      batch = await log.fetch(TOPICS.deliveries, 0, offset, {
        byteCountMax: FETCH_BYTES,
        waitMaxMs: offset <= through ? FETCH_WAIT_MS : 0,
        signal,
      });
    } catch (error) {
      if (!(error instanceof OffsetOutOfRangeError)) throw error;
      if (offset > error.endOffset) throw recreated(error, START_OVER);
      // Retention: whatever still counts is written again long before.
      offset = error.startOffset;
      continue;
    }
    yield batch.records;
    emptyCount = batch.nextOffset > offset ? 0 : emptyCount + 1;
    offset = batch.nextOffset;
    if (offset > through && offset >= batch.endOffset) return;
    if (emptyCount > EMPTY_MAX) {
      // A broker that has just begun to lead may not know yet how far the log is committed.
      throw new Error(
        `the record at offset ${through} of ${TOPICS.deliveries} does not come; waiting for it. Was the topic deleted and made again? ${START_OVER}`,
      );
    }
  }
}
