import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import { SqliteStatisticsStore } from "../../adapters/sqlite/statistics_store.ts";
import { statisticsStoreContract } from "./statistics_store_contract.ts";

statisticsStoreContract(
  "memory statistics store",
  (config) => Object.assign(new MemoryStatisticsStore(config), { [Symbol.dispose]: () => {} }),
);

statisticsStoreContract("SQLite statistics store", (config) => {
  const folder = Deno.makeTempDirSync();
  const store = new SqliteStatisticsStore(`${folder}/statistics.db`, config);
  const close = store[Symbol.dispose].bind(store);
  return Object.assign(store, {
    [Symbol.dispose]: () => {
      close();
      Deno.removeSync(folder, { recursive: true });
    },
  });
});
