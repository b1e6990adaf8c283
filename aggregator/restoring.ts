/**
 * The windows of a partition read back from the tail of `statistics` (protocol rules 5 and 6), by a
 * process whose disk is not exactly the committed checkpoint's.
 *
 * In: `statistics`. Out: windows in memory, and on disk some time later, the disk's row last. Safe to
 * die in at any point: until then the row is torn.
 *
 * @module
 */
import { getLogger } from "@logtape/logtape";
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import { decodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import type { Clock } from "../ports/clock.ts";
import type { LogRecord, TopicLog } from "../ports/topic_log.ts";
import type { PartitionRow } from "../ports/partition_state.ts";
import type { PartitionWindows } from "../ports/window_store.ts";
import { StopPartitionError } from "../roles/partition_task.ts";
import { putAll } from "../roles/saved_state.ts";
import { topicTail } from "../roles/topic_tail.ts";
import { marketOfWindow, type WindowState } from "../stats/window.ts";
import { TOPICS, windowKeyOf } from "../topology.ts";
import { type Checkpoint, encodeFirstPlaces } from "./checkpoint.ts";
import type { Partition } from "./partition.ts";
import type { Restores } from "./restores.ts";
import type { Rules } from "./rules.ts";
import { byPlace, deleteWindows } from "./writing.ts";

const logger = getLogger(["data-tracker", "aggregator"]);

/**
 * What is gathered of one partition before it is decoded and written to disk, in bytes: the last
 * records of some 30,000 windows, so that most tails are gathered whole and each window is written once.
 */
const GATHERED_BYTES_MAX = 16 * 1024 * 1024;
/** How long what was read back waits for the other partitions' restores before it is written, in ms. */
const SAVE_WAIT_MAX_MS = 5_000;

/** Where a new owner finds its partition. */
export interface ClaimingDeps {
  log: Pick<TopicLog, "fetch">;
  clock: Clock;
  rules: Rules;
  restores: Restores;
  signal: AbortSignal;
  /** Go on where samples were deleted before they were read, and count them. */
  skipLost: boolean;
}

/**
 * Rules 5 and 6: the windows are read back from `statistics`. Samples may be counted when this
 * resolves; `partition.saving` tells when all windows are on disk, too.
 */
export async function restore(
  partition: Partition,
  shelf: PartitionWindows,
  committed: Checkpoint | null,
  deps: ClaimingDeps,
): Promise<void> {
  const torn = { torn: true, checkpointId: partition.checkpointId, state: "[]" };
  await shelf.write({ row: torn });
  for await (const page of shelf.scan()) await deleteWindows(shelf, page);

  const isUncommitted = committed === null;
  let tail: Tail;
  try {
    tail = await readTail(new Tail(partition, shelf, torn, { isUncommitted }));
  } catch (error) {
    if (!(error instanceof ReplacedError)) throw error;
    tail = await readTail(new Tail(partition, shelf, torn, { isUncommitted, checksEach: true }));
  }
  dropPlacesOver(partition);
  if (!deps.signal.aborted) partition.save(save(tail));

  async function readTail(tail: Tail): Promise<Tail> {
    const range = {
      topic: TOPICS.statistics,
      partition: partition.config.partition,
      from: committed?.restoreFrom ?? 0,
      through: committed?.statisticsThrough ?? null,
    };
    try {
      for await (const records of topicTail(range, deps)) {
        await tail.add(records);
      }
      await tail.flush();
      return tail;
    } catch (error) {
      await tail.settle();
      throw error;
    }
  }

  async function save(tail: Tail): Promise<void> {
    const { signal, restores, clock } = deps;
    const waited = new AbortController();
    const wait = clock.sleep(SAVE_WAIT_MAX_MS, AbortSignal.any([signal, waited.signal]));
    await Promise.race([restores.ended, wait]);
    waited.abort();
    // One that is given up again without having counted needs nothing on disk.
    if (signal.aborted && !partition.changed) return;
    await tail.write();
    // With samples counted in them already, they are more than what was committed: the next
    // checkpoint writes those again, and the row.
    if (partition.changed) return;
    const state = encodeFirstPlaces(partition.places);
    await shelf.write({ row: { ...torn, torn: false, state } });
  }
}

/** The last record of a key, so far. */
interface Gathered {
  key: string | null;
  /** A copy, which keeps no whole answer in memory. */
  value: Uint8Array | null;
  offset: number;
  /** Where the first record of the key was. */
  firstOffset: number;
}

/** A record that is none has taken the place of another of its key. */
class ReplacedError extends Error {
  override name = "ReplacedError";
}

/**
 * The tail of `statistics` on its way to memory and disk: gathered by key, so that only the last
 * record of each is decoded, and written while the next are read.
 */
class Tail {
  readonly #gathered = new Map<string, Gathered>();
  #byteCount = 0;
  /** Decoded, and in memory alone yet. */
  #unwritten: WindowState[] = [];
  #writing: Promise<void> = Promise.resolve();

  constructor(
    private readonly partition: Partition,
    private readonly shelf: PartitionWindows,
    private readonly torn: PartitionRow,
    private readonly options: {
      /** Without a commit, the windows tell what was counted. */
      isUncommitted: boolean;
      /** Whether every record is decoded, so that one that is none replaces nothing: slow. */
      checksEach?: boolean;
    },
  ) {
    partition.restored = { recordCount: 0, windowCount: 0 };
  }

  async add(records: readonly LogRecord[]): Promise<void> {
    const { partition, options } = this;
    for (const record of records) {
      if (options.isUncommitted) {
        partition.arrivalMs = Math.max(partition.arrivalMs ?? 0, record.appendMs);
      }
      if (options.checksEach && windowOf(record, partition) === null) continue;
      this.#gather(record);
    }
    partition.restored!.recordCount += records.length;
    const last = records.at(-1)?.offset ?? -1;
    partition.statisticsThrough = Math.max(partition.statisticsThrough, last);
    if (this.#byteCount < GATHERED_BYTES_MAX) return;
    await this.flush();
    void this.write();
  }

  #gather({ key, value, offset }: LogRecord): void {
    const copy = value?.slice() ?? null;
    const before = this.#gathered.get(key ?? "");
    this.#byteCount += (copy?.length ?? 0) - (before?.value?.length ?? 0);
    if (before === undefined) {
      this.#gathered.set(key ?? "", { key, value: copy, offset, firstOffset: offset });
    } else {
      before.value = copy;
      before.offset = offset;
    }
  }

  /** Decodes what was gathered, into memory, once what was before is written. */
  async flush(): Promise<void> {
    const { partition } = this;
    await this.#writing;
    // All that is in memory now is on disk, too.
    partition.cache.shrink();
    for (const record of this.#gathered.values()) {
      const { firstOffset } = record;
      const window = windowOf(record, partition);
      if (window === null) {
        if (firstOffset < record.offset) throw new ReplacedError();
        continue;
      }
      if (this.options.isUncommitted) remember(partition, window);
      const { startMs } = window;
      // A later record must replace an earlier one that was kept, even if itself it need not be.
      if (!isKept(partition, window) && !partition.places.has(startMs)) continue;
      // A window's first place is where it is found first: nothing before it is needed again.
      if (!partition.places.has(startMs)) partition.places.set(startMs, firstOffset);
      partition.take(window);
      this.#unwritten.push(window);
    }
    this.#gathered.clear();
    this.#byteCount = 0;
    partition.restored!.windowCount += this.#unwritten.length;
  }

  /** Writes what was decoded: resolves when it is on disk, and rejects where it is not, as the next {@link flush} does. */
  write(): Promise<void> {
    const windows = this.#unwritten.sort(byPlace);
    this.#unwritten = [];
    this.#writing = putAll(this.shelf, windows, this.torn, this.torn);
    this.#writing.catch(() => {}); // Told to whoever awaits it.
    return this.#writing;
  }

  /** Resolves when nothing is under way any more. */
  async settle(): Promise<void> {
    await Promise.allSettled([this.#writing]);
  }
}

/** The window of a record; `null` where it is none: the writer sets it aside, and it must not be in the way here. */
function windowOf(
  record: Pick<LogRecord, "key" | "value" | "offset">,
  partition: Partition,
): WindowState | null {
  try {
    const { window } = decodeStatistics(record.value);
    // They are gathered by key: another's must not pass for this one.
    const key = windowKeyOf(marketOfWindow(window), window.startMs);
    if (key !== record.key) throw new TypeError(`Its key is ${record.key}, its window's ${key}`);
    return window;
  } catch (error) {
    if (error instanceof NewerSchemaError) throw new StopPartitionError(error.message);
    if (!(error instanceof TypeError)) throw error;
    logger.warn("Partition {partition}: passed over offset {offset} of statistics: {problem}", {
      partition: partition.config.partition,
      offset: record.offset,
      problem: error.message,
    });
    return null;
  }
}

/** Rule 6, without a commit: stream time and arrival are what the windows show, and each knows what it has counted. */
function remember(partition: Partition, window: WindowState): void {
  partition.dealtThrough = Math.max(partition.dealtThrough, window.throughOffset);
  partition.streamMs = Math.max(partition.streamMs ?? 0, window.closeMs);
}

/** Sealed windows are done with, once they are published as closed. */
export function isKept(partition: Partition, window: WindowState): boolean {
  return !window.closed ||
    !partition.rules.isSealed(window.endMs, partition.streamMs, partition.config);
}

export function dropPlacesOver(partition: Partition): void {
  for (const startMs of partition.places.keys()) {
    if (partition.isOver(startMs)) partition.places.delete(startMs);
  }
}
