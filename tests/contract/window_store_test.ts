import { openKvFile } from "../../adapters/deno_kv/kv_file.ts";
import {
  openWindowStore,
  WINDOW_STORE_SCHEMA_VERSION,
} from "../../adapters/deno_kv/window_store.ts";
import { MemoryWindowStore } from "../../adapters/memory/window_store.ts";
import { windowStoreContract } from "./window_store_contract.ts";

windowStoreContract(
  "memory window store",
  () => Promise.resolve({ store: new MemoryWindowStore(), close: () => Promise.resolve() }),
);

windowStoreContract("Deno KV window store", async (windowSizeMs) => {
  const folder = await Deno.makeTempDir();
  let kv: Deno.Kv | null = null;
  const reopen = async () => {
    kv?.close();
    kv = await openKvFile(`${folder}/windows.kv`, WINDOW_STORE_SCHEMA_VERSION);
    return await openWindowStore(kv, { windowSizeMs });
  };
  return {
    store: await reopen(),
    reopen,
    async close() {
      kv?.close();
      await Deno.remove(folder, { recursive: true });
    },
  };
});
