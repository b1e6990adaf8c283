/**
 * A role's state in a Deno KV file, as JSON: for values that are small, and few of them.
 *
 * @module
 */
import type { PartitionStateStore } from "../../ports/partition_state.ts";
import { type Kv, VALUE_BYTES_MAX } from "./kv_file.ts";
import {
  ClaimedState,
  claimPartition,
  namePart,
  type StateCodec,
  writeCountMaxOf,
} from "./partition_state.ts";

/** The newest layout of the file that this program knows. */
export const JSON_STATE_SCHEMA_VERSION = 1;

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/**
 * Opens the store.
 *
 * @param kv From {@link openKvFile} with {@link JSON_STATE_SCHEMA_VERSION}; stays the caller's to close.
 */
export function openJsonStateStore<Value>(
  kv: Kv,
  { name, keyOf, byteCountMax }: {
    name: string;
    keyOf(value: Value): string;
    /** What a value takes as JSON at most, in bytes: no more than Deno KV holds. */
    byteCountMax: number;
  },
): PartitionStateStore<Value, string> {
  const codec: StateCodec<Value, string> = {
    name,
    keyOf,
    placeOf: (key) => [namePart(key)],
    encode(value) {
      const bytes = encoder.encode(JSON.stringify(value));
      if (bytes.length <= VALUE_BYTES_MAX) return bytes;
      throw new RangeError(`${name} ${keyOf(value)}: ${bytes.length} bytes, too many for Deno KV`);
    },
    decode: (bytes) => JSON.parse(decoder.decode(bytes)),
  };
  const writeCountMax = writeCountMaxOf(byteCountMax);
  return {
    claim: async (partition) =>
      new ClaimedState(kv, codec, partition, await claimPartition(kv, partition), writeCountMax),
  };
}
