import assert from "node:assert/strict";
import fc from "fast-check";
import { assignPartitions } from "./partition_assignment.ts";

Deno.test("assignPartitions() gives every partition to one member, evenly", () => {
  const member = fc.array(fc.nat(20));
  fc.assert(fc.property(fc.array(member, { minLength: 1 }), fc.nat(20), (owned, partitionCount) => {
    const members = owned.map((partitions, i) => ({ id: `m${i}`, owned: partitions }));
    const shares = [...assignPartitions(members, partitionCount).values()];
    const all = shares.flat().sort((a, b) => a - b);
    assert.deepEqual(all, Array.from({ length: partitionCount }, (_, i) => i));
    const sizes = shares.map((share) => share.length);
    assert.ok(Math.max(...sizes) - Math.min(...sizes) <= 1);
  }));
});

Deno.test("assignPartitions() moves only what a new member needs", () => {
  const members = [
    { id: "a", owned: [0, 2, 4] },
    { id: "b", owned: [1, 3, 5] },
    { id: "c", owned: [] },
  ];
  assert.deepEqual(
    assignPartitions(members, 6),
    new Map([["a", [0, 2]], ["b", [1, 3]], ["c", [4, 5]]]),
  );
});

Deno.test("assignPartitions() gives the partitions of one that left to the others, who keep theirs", () => {
  const members = [{ id: "a", owned: [0, 2] }, { id: "c", owned: [4, 5] }];
  const assigned = assignPartitions(members, 6);
  assert.deepEqual(assigned.get("a"), [0, 1, 2]);
  assert.deepEqual(assigned.get("c"), [3, 4, 5]);
});

Deno.test("assignPartitions() lets one of two that claim the same partition have it", () => {
  const members = [{ id: "a", owned: [0] }, { id: "b", owned: [0] }];
  const assigned = assignPartitions(members, 2);
  assert.deepEqual([...assigned.values()].flat().sort(), [0, 1]);
});
