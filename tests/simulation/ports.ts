/**
 * The memory ports as a process of the simulated world sees them: every call takes its turn, and
 * partitions are given and taken by the driver.
 *
 * @module
 */
import { MemoryBroker, type MemoryTopicLog } from "../../adapters/memory/topic_log.ts";
import { MemoryWindowStore } from "../../adapters/memory/window_store.ts";
import type { Claim, Group, PartitionRange, TopicLog, Transaction } from "../../ports/topic_log.ts";
import type { PartitionWindows, WindowStore, WindowWrite } from "../../ports/window_store.ts";
import type { Process, World } from "./world.ts";

/** Bugs in the ports that a driver can plant. */
export interface PortBugs {
  /** The torn mark is never written. */
  noTornMark?: boolean;
  /** The committed offset is read before the claim fences. */
  offsetBeforeClaim?: boolean;
  /** One transactional id per process: other processes' claims do not fence. */
  idPerProcess?: boolean;
  /** A restore keeps its windows in memory only. */
  restoreNotWritten?: boolean;
  /** A commit that failed is taken for one that happened. */
  failureTakenForSuccess?: boolean;
  /** `statistics` records leave their ticks out. */
  recordsWithoutTicks?: boolean;
  /** Claims do not fence on the process's own disk. */
  twoTasksOneDisk?: boolean;
}

/** A member's hold of a group, for the driver to give and take partitions. */
export class Membership {
  readonly owned = new Map<number, { revoke: AbortController; ended: boolean }>();

  constructor(private readonly own: (partition: number, revoked: AbortSignal) => Promise<void>) {}

  give(partition: number): void {
    const revoke = new AbortController();
    const hold = { revoke, ended: false };
    this.owned.set(partition, hold);
    this.own(partition, revoke.signal).then(() => {
      hold.ended = true;
      if (this.owned.get(partition) === hold) this.owned.delete(partition);
    });
  }

  take(partition: number): void {
    this.owned.get(partition)?.revoke.abort();
  }
}

/** The log as a process sees it. */
export class SimulatedLog implements TopicLog {
  readonly #inner: MemoryTopicLog;
  membership: Membership | null = null;

  constructor(
    private readonly world: World,
    private readonly broker: MemoryBroker,
    private readonly process: Process,
    private readonly bugs: PortBugs,
    /** Partitions given to the process at once; others are the driver's to give. */
    private readonly given: readonly number[] = [],
  ) {
    this.#inner = broker.connect();
  }

  append: TopicLog["append"] = (records) =>
    this.world.call(this.process, () => this.#inner.append(records));

  fetch: TopicLog["fetch"] = async (topic, partition, offset, options) => {
    const now = { ...options, waitMaxMs: 0 };
    const read = () =>
      this.world.call(this.process, () => this.#inner.fetch(topic, partition, offset, now));
    const batch = await read();
    if (batch.records.length > 0 || options.waitMaxMs === 0 || options.signal?.aborted) {
      return batch;
    }
    await this.world.clockOf(this.process).sleep(options.waitMaxMs, options.signal);
    return await read();
  };

  describe(topic: string): Promise<readonly PartitionRange[] | null> {
    return this.world.call(this.process, () => this.#inner.describe(topic));
  }

  join: TopicLog["join"] = (_group, own, signal) => {
    this.membership = new Membership(own);
    for (const partition of this.given) this.membership.give(partition);
    return new Promise((resolve) =>
      signal.addEventListener("abort", () => resolve(), { once: true })
    );
  };

  async claim(group: Group, partition: number): Promise<Claim> {
    const { world, process, bugs, broker } = this;
    const early = bugs.offsetBeforeClaim
      ? await world.call(process, () => structuredClone(broker.positions(group, partition)))
      : null;
    const claim = await world.call(process, () => this.#inner.claim(group, partition));
    return {
      positions: early ?? claim.positions,
      commit: (transaction) => this.#commit(group, partition, claim, transaction),
      release: () => Promise.resolve(),
    };
  }

  async #commit(
    group: Group,
    partition: number,
    claim: Claim,
    transaction: Transaction,
  ): Promise<void> {
    const { world, process, bugs, broker } = this;
    if (bugs.recordsWithoutTicks) {
      transaction = { ...transaction, records: Array.from(transaction.records, withoutTicks) };
    }
    try {
      await world.call(process, async () => {
        if (!bugs.idPerProcess) return await claim.commit(transaction);
        const newest = broker.claim(group, partition);
        broker.commit(group, partition, newest.epoch, transaction);
      });
    } catch (error) {
      if (!bugs.failureTakenForSuccess) throw error;
      transaction.metadata({});
    }
  }
}

function withoutTicks<R extends { topic: string; value: Uint8Array }>(record: R): R {
  if (record.topic !== "statistics") return record;
  const json = JSON.parse(new TextDecoder().decode(record.value));
  return { ...record, value: new TextEncoder().encode(JSON.stringify({ ...json, ticks: null })) };
}

/** A process's disk as it sees it; the disk itself outlives the process. */
export class SimulatedWindowStore implements WindowStore {
  constructor(
    private readonly world: World,
    private readonly process: Process,
    private readonly disk: MemoryWindowStore,
    private readonly bugs: PortBugs,
  ) {}

  async claim(partition: number): Promise<PartitionWindows> {
    const { world, process, disk, bugs } = this;
    let shelf = await world.call(process, () => disk.claim(partition));
    const newest = async () => {
      // The planted bug: whoever writes is taken for the newest claimant.
      if (bugs.twoTasksOneDisk) shelf = await disk.claim(partition);
      return shelf;
    };
    let restoring = false;
    return {
      writeCountMax: shelf.writeCountMax,
      row: () => world.call(process, async () => await (await newest()).row()),
      read: (keys) => world.call(process, async () => await (await newest()).read(keys)),
      async *scan(startMs) {
        yield* await world.call(process, async () => await (await newest()).scan(startMs));
      },
      write: (change) => {
        if (change.row !== undefined) restoring = change.row.torn && change.row.state === "[]";
        return world.call(process, async () => {
          await (await newest()).write(spoil(change, bugs, restoring));
        });
      },
    };
  }
}

function spoil(change: WindowWrite, bugs: PortBugs, restoring: boolean): WindowWrite {
  const spoilt = { ...change };
  if (bugs.noTornMark && change.row?.torn) delete spoilt.row;
  if (bugs.restoreNotWritten && restoring) delete spoilt.put;
  return spoilt;
}
