/**
 * Which member of a group gets which partition numbers.
 *
 * @module
 */

/** A member, and the partition numbers it has now. */
export interface GroupMember {
  id: string;
  owned: readonly number[];
}

/**
 * Shares the numbers below `partitionCount` out evenly, and moves as few as it can: a partition that
 * changes hands has to be restored elsewhere.
 *
 * @returns Per member's id its numbers, ascending; of any two members, one has at most one more.
 *
 * @example
 * ```ts
 * import { deepStrictEqual } from "node:assert";
 *
 * const members = [{ id: "a", owned: [0, 1, 2] }, { id: "b", owned: [] }];
 * deepStrictEqual(assignPartitions(members, 3), new Map([["a", [0, 1]], ["b", [2]]]));
 * ```
 */
export function assignPartitions(
  members: readonly GroupMember[],
  partitionCount: number,
): Map<string, number[]> {
  const free = new Set(Array.from({ length: partitionCount }, (_, partition) => partition));
  // Those that have most may keep the odd one.
  const order = [...members].sort((a, b) =>
    b.owned.length - a.owned.length || (a.id < b.id ? -1 : 1)
  );
  const quotaOf = (place: number) =>
    Math.floor(partitionCount / members.length) +
    (place < partitionCount % members.length ? 1 : 0);
  const assigned = order.map(({ id, owned }, place) => {
    const kept = [...free.intersection(new Set(owned))].sort((a, b) => a - b)
      .slice(0, quotaOf(place));
    for (const partition of kept) free.delete(partition);
    return { id, partitions: kept };
  });
  const left = free.values();
  assigned.forEach(({ partitions }, place) => {
    while (partitions.length < quotaOf(place)) partitions.push(left.next().value!);
    partitions.sort((a, b) => a - b);
  });
  return new Map(assigned.map(({ id, partitions }) => [id, partitions]));
}
