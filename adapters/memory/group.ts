/**
 * Members of one process or several that share a group's partitions; also used by the embedded log.
 *
 * @module
 */
import { aborted } from "../../signals.ts";

type Own = (partition: number, revoked: AbortSignal) => Promise<void>;

interface Member {
  own: Own;
  leaving: boolean;
  tasks: Map<number, { revoke: AbortController; ended: Promise<void> }>;
  fail: (error: unknown) => void;
}

/** One consumer group: every partition belongs to one member, and moves only after its last owner has ended. */
export class MemoryGroup {
  #members: Member[] = [];
  #partitionCount = 0;
  #owners = new Map<number, Member>();

  /** As {@link TopicLog.join}. */
  async join(partitionCount: number, own: Own, signal: AbortSignal): Promise<void> {
    this.#partitionCount = Math.max(this.#partitionCount, partitionCount);
    let failure: { error: unknown } | null = null;
    const left = Promise.withResolvers<void>();
    const fail = (error: unknown) => {
      failure ??= { error };
      left.resolve();
    };
    const member: Member = { own, leaving: false, tasks: new Map(), fail };
    const leave = () => left.resolve();
    if (!signal.aborted) {
      signal.addEventListener("abort", leave, { once: true });
      this.#members.push(member);
      this.#rebalance();
      await left.promise;
      signal.removeEventListener("abort", leave);
    }
    member.leaving = true;
    this.#members = this.#members.filter((other) => other !== member);
    const tasks = [...member.tasks.values()];
    this.#rebalance();
    await Promise.all(tasks.map((task) => task.ended));
    if (failure !== null) throw (failure as { error: unknown }).error;
  }

  #rebalance(): void {
    for (let partition = 0; partition < this.#partitionCount; partition++) {
      const owner = this.#owners.get(partition);
      const target = this.#target(partition);
      if (owner === undefined) this.#give(partition, target);
      else if (owner !== target) owner.tasks.get(partition)?.revoke.abort();
    }
  }

  #target(partition: number): Member | undefined {
    return this.#members[partition % Math.max(1, this.#members.length)];
  }

  #give(partition: number, member: Member | undefined): void {
    if (member === undefined) return;
    const revoke = new AbortController();
    this.#owners.set(partition, member);
    const ended = (async () => {
      try {
        await member.own(partition, revoke.signal);
        // An owner that ends by itself keeps the partition, idle, until it is taken away.
        if (!revoke.signal.aborted) await aborted(revoke.signal);
      } catch (error) {
        member.fail(error);
        if (!revoke.signal.aborted) await aborted(revoke.signal);
      }
      member.tasks.delete(partition);
      this.#owners.delete(partition);
      this.#give(partition, this.#target(partition));
    })();
    member.tasks.set(partition, { revoke, ended });
  }
}
