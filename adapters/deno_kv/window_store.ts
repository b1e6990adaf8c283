/**
 * The aggregator's windows in a Deno KV file: `["window", partition, startMs, market]`.
 *
 * @module
 */
import type { PartitionWindows, WindowKey, WindowStore } from "../../ports/window_store.ts";
import { marketOfWindow, type WindowState } from "../../stats/window.ts";
import { AtomicWriter } from "./atomic_writer.ts";
import { type Kv, VALUE_BYTES_MAX } from "./kv_file.ts";
import {
  ClaimedState,
  claimPartition,
  namePart,
  type StateCodec,
  writeCountMaxOf,
} from "./partition_state.ts";
import { decodeWindow, encodeWindow, windowBytesMax } from "./window_codec.ts";

/** The newest layout of the file that this program knows. */
export const WINDOW_STORE_SCHEMA_VERSION = 1;

/** The program's windows. */
export interface WindowStoreConfig {
  /** Up to some five days: their ticks, one a second, must fit into a Deno KV value. */
  windowSizeMs: number;
}

const CODEC: StateCodec<WindowState, WindowKey> = {
  name: "window",
  keyOf: (window) => ({ market: marketOfWindow(window), startMs: window.startMs }),
  placeOf: ({ market, startMs }) => [startMs, namePart(market)],
  encode: encodeWindow,
  decode: decodeWindow,
};

/**
 * Opens the store.
 *
 * @param kv From {@link openKvFile} with {@link WINDOW_STORE_SCHEMA_VERSION}; stays the caller's to close.
 * @throws {RangeError} Where windows are too long for the store.
 */
export async function openWindowStore(kv: Kv, config: WindowStoreConfig): Promise<WindowStore> {
  const key = ["windowSizeMs"];
  // Windows of an earlier, greater size may still be there.
  const { value } = await kv.get<number>(key);
  const windowSizeMs = Math.max(config.windowSizeMs, value ?? 0);
  const byteCountMax = windowBytesMax(windowSizeMs);
  if (byteCountMax > VALUE_BYTES_MAX) {
    throw new RangeError(`WINDOW of ${windowSizeMs} ms: too long, its ticks would not fit`);
  }
  await new AtomicWriter(kv, []).commit([{ key, value: windowSizeMs, byteCount: 16 }]);
  const writeCountMax = writeCountMaxOf(byteCountMax);
  return {
    claim: async (partition) =>
      new ClaimedWindows(kv, CODEC, partition, await claimPartition(kv, partition), writeCountMax),
  };
}

class ClaimedWindows extends ClaimedState<WindowState, WindowKey> implements PartitionWindows {
  override scan(startMs?: number): AsyncIterable<readonly WindowState[]> {
    return this.scanUnder(startMs === undefined ? [] : [startMs]);
  }
}
