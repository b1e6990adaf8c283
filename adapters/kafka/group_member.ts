/**
 * Membership in a consumer group, and nothing else: who has which partition numbers. Reading needs no
 * membership, and what a member may commit is decided by the claims.
 *
 * Partition number p of a group is partition p of each of its topics.
 *
 * @module
 */
import { AssignerProtocol } from "kafkajs";
import { getLogger } from "@logtape/logtape";
import type { Group } from "../../ports/topic_log.ts";
import { systemClock } from "../system_clock.ts";
import { OperatorError } from "../../errors.ts";
import { orAborted } from "../../signals.ts";
import type { ClusterConnection, RetryOptions } from "./connection.ts";
import { isPassing, rootOf } from "./errors.ts";
import { type Own, Ownership } from "./ownership.ts";
import { assignPartitions } from "./partition_assignment.ts";
import { COORDINATOR, type WireBroker } from "./wire.ts";

/** The assigner's name: members of other programs in this group would be refused by the broker. */
const PROTOCOL = "data-tracker-sticky";
/** So many heartbeats in a session: a lost one does no harm, and a rebalance is heard of soon. */
const HEARTBEATS_PER_SESSION = 10;
const HEARTBEAT_INTERVAL_MAX_MS = 1_000;
/** How long a member that leaves waits for a rebalance under way and for the broker, in ms; then it leaves without a word. */
const LEAVE_TIMEOUT_MS = 2_000;
/** What the coordinator says to a member that it has given up: others may have its partitions. */
const LOST_MEMBER_ERRORS = new Set(["UNKNOWN_MEMBER_ID", "ILLEGAL_GENERATION"]);

const log = getLogger(["data-tracker", "kafka"]);

/** As {@link TopicLog.join}, on a connection of its own: the broker holds a joining member's requests back. */
export async function joinGroup(
  connection: ClusterConnection,
  group: Group,
  own: Own,
  options: { sessionTimeoutMs: number; signal: AbortSignal },
): Promise<void> {
  const ownership = new Ownership(own);
  const membership = new Membership(connection, group, ownership, options.sessionTimeoutMs);
  const leaving = AbortSignal.any([options.signal, ownership.failed]);
  try {
    await membership.run(leaving);
  } finally {
    await membership.leave();
  }
  if (ownership.failed.aborted) throw ownership.failed.reason;
}

class Membership {
  readonly #heartbeatIntervalMs: number;
  #memberId = "";
  /** The partitions last told. */
  #said = "";
  #generationId = -1;
  #lastHeardMs = Date.now();
  #request: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly connection: ClusterConnection,
    private readonly group: Group,
    private readonly ownership: Ownership,
    private readonly sessionTimeoutMs: number,
  ) {
    const intervalMs = sessionTimeoutMs / HEARTBEATS_PER_SESSION;
    this.#heartbeatIntervalMs = Math.min(intervalMs, HEARTBEAT_INTERVAL_MAX_MS);
  }

  /** Joins, and joins again whenever the group rebalances, until the signal aborts. */
  async run(leaving: AbortSignal): Promise<void> {
    while (!leaving.aborted) {
      try {
        const joining = { forMaxMs: this.#patienceMs(), signal: leaving };
        const partitions = await this.#contact(() => this.#join(), joining);
        if (leaving.aborted) return;
        this.#assign(partitions!);
        while (!leaving.aborted) {
          await systemClock.sleep(this.#heartbeatIntervalMs, leaving);
          const staying = { forMaxMs: this.#patienceMs(), signal: leaving };
          if (!leaving.aborted) await this.#contact(() => this.#heartbeat(), staying);
        }
      } catch (error) {
        if (leaving.aborted) return;
        this.#meet(error);
      }
    }
  }

  /** Lets the tasks end, staying a member meanwhile, and leaves the group. Never rejects. */
  async leave(): Promise<void> {
    this.ownership.assign([]);
    const ended = new AbortController();
    void this.ownership.ended().then(() => ended.abort());
    while (!ended.signal.aborted) {
      await systemClock.sleep(this.#heartbeatIntervalMs, ended.signal);
      if (this.#memberId !== "") void this.#heartbeat().catch(() => {});
    }
    const leave = async () => {
      await this.#request;
      const [groupId, memberId] = [this.group.id, this.#memberId];
      if (memberId !== "") await (await this.#coordinator()).leaveGroup({ groupId, memberId });
    };
    const left = new AbortController();
    const leaving = leave().catch(() => {}).finally(() => left.abort());
    await Promise.race([leaving, systemClock.sleep(LEAVE_TIMEOUT_MS, left.signal)]);
  }

  /** Asks the coordinator, through its restarts and moves; `null` where the signal aborts first. */
  async #contact<T>(action: () => Promise<T>, options: RetryOptions): Promise<T | null> {
    const name = `group ${this.group.id} of ${this.group.topics.join(", ")}`;
    const request = this.connection.retry(name, action, options);
    this.#request = request.catch(() => {});
    const result = await orAborted(request, options.signal);
    this.#lastHeardMs = Date.now();
    return result;
  }

  /** Whoever owns partitions must not let the session pass unnoticed; whoever owns none has time. */
  #patienceMs(): number {
    if (this.ownership.assigned.length === 0) return Infinity;
    return Math.max(0, this.#lastHeardMs + this.sessionTimeoutMs - Date.now());
  }

  #assign(partitions: readonly number[]): void {
    const list = partitions.join(", ") || "none";
    if (list !== this.#said) {
      const { id: group, isByProxy = false } = this.group;
      log[isByProxy ? "debug" : "info"]("Group {group}: this process has partitions {partitions}", {
        group,
        partitions: list,
      });
    }
    this.#said = list;
    this.ownership.assign(partitions);
  }

  /** Joins again after what a member must expect. @throws All else. */
  #meet(error: unknown): void {
    const root = rootOf(error);
    const type = root.type ?? "";
    if (type === "REBALANCE_IN_PROGRESS") return;
    const isOwner = this.ownership.assigned.length > 0;
    // A coordinator silent for a session's time may have given the partitions to another.
    const isAway = isPassing(root) || root instanceof OperatorError;
    if (!LOST_MEMBER_ERRORS.has(type) && !(isOwner && isAway)) throw error;
    if (isOwner) {
      log.warning("Group {group}: lost the session; joining again", { group: this.group.id });
    }
    this.ownership.assign([]);
    this.#said = "";
    if (type === "UNKNOWN_MEMBER_ID") this.#memberId = "";
  }

  #coordinator(): Promise<WireBroker> {
    return this.connection.coordinatorOf(COORDINATOR.group, this.group.id);
  }

  async #heartbeat(): Promise<void> {
    const coordinator = await this.#coordinator();
    await coordinator.heartbeat({
      groupId: this.group.id,
      groupGenerationId: this.#generationId,
      memberId: this.#memberId,
    });
  }

  /** Joins and learns this member's partition numbers; where the broker names it the leader, it shares them out. */
  async #join(): Promise<number[]> {
    const { id: groupId, topics } = this.group;
    const coordinator = await this.#coordinator();
    const userData = Buffer.from(JSON.stringify(this.ownership.assigned));
    const metadata = AssignerProtocol.MemberMetadata.encode({
      version: 1,
      topics: [...topics],
      userData,
    });
    const { members, leaderId, memberId, generationId } = await coordinator.joinGroup({
      groupId,
      sessionTimeout: this.sessionTimeoutMs,
      rebalanceTimeout: this.sessionTimeoutMs,
      memberId: this.#memberId,
      groupProtocols: [{ name: PROTOCOL, metadata }],
    });
    this.#memberId = memberId;
    this.#generationId = generationId;
    const groupAssignment = leaderId === memberId ? await this.#share(members) : [];
    const synced = { groupId, generationId, memberId, groupAssignment };
    const { memberAssignment } = await coordinator.syncGroup(synced);
    const decoded = AssignerProtocol.MemberAssignment.decode(memberAssignment);
    return [...new Set(Object.values(decoded?.assignment ?? {}).flat())].sort((a, b) => a - b);
  }

  async #share(members: { memberId: string; memberMetadata: Buffer }[]) {
    const { topics } = this.group;
    await this.connection.cluster.refreshMetadata();
    const counts = await Promise.all(
      topics.map((topic) => this.connection.partitionCountOf(topic)),
    );
    const owners = members.map(({ memberId, memberMetadata }) => {
      const { userData } = AssignerProtocol.MemberMetadata.decode(memberMetadata)!;
      return { id: memberId, owned: JSON.parse(userData.toString()) as number[] };
    });
    return [...assignPartitions(owners, Math.max(...counts))].map(([memberId, partitions]) => {
      const assignment = Object.fromEntries(
        topics.map((topic, i) => [topic, partitions.filter((number) => number < counts[i]!)]),
      );
      const encoded = { version: 1, assignment, userData: Buffer.alloc(0) };
      return { memberId, memberAssignment: AssignerProtocol.MemberAssignment.encode(encoded) };
    });
  }
}
