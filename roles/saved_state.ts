/**
 * Many values to a partition's disk, in the order that the protocol wants (docs/protocol.md, rule 10b):
 * the row torn, the values, the row whole. What fits one atomic is one.
 *
 * Safe to die in at any point: until the last atomic the row is torn, and nobody trusts it.
 *
 * @module
 */
import type { PartitionRow, PartitionState } from "../ports/partition_state.ts";

/** What is written to. */
type Shelf<Value, Key> = Pick<PartitionState<Value, Key>, "write" | "writeCountMax">;

/** Rule 4: the disk is used only where it is exactly the committed checkpoint. */
export function isOfCheckpoint(
  row: PartitionRow | null,
  committed: { checkpointId: string } | null,
): boolean {
  return row !== null && committed !== null && !row.torn &&
    row.checkpointId === committed.checkpointId;
}

/** Writes values between two rows, in atomics of as many values as one takes. */
export async function putAll<Value, Key>(
  shelf: Shelf<Value, Key>,
  values: readonly Value[],
  torn: PartitionRow,
  whole: PartitionRow,
): Promise<void> {
  for (let i = 0; i === 0 || i < values.length; i += shelf.writeCountMax) {
    const isLast = i + shelf.writeCountMax >= values.length;
    const put = values.slice(i, i + shelf.writeCountMax);
    if (isLast) await shelf.write({ row: whole, put });
    else await shelf.write(i === 0 ? { row: torn, put } : { put });
  }
}

/** Deletes values, in atomics of as many keys as one takes. */
export async function deleteAll<Value, Key>(
  shelf: Shelf<Value, Key>,
  keys: readonly Key[],
): Promise<void> {
  for (let i = 0; i < keys.length; i += shelf.writeCountMax) {
    await shelf.write({ delete: keys.slice(i, i + shelf.writeCountMax) });
  }
}
