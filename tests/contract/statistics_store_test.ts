import { MemoryStatisticsStore } from "../../adapters/memory/statistics_store.ts";
import { SqliteReader } from "../../adapters/sqlite/reader.ts";
import { readApart } from "../../adapters/sqlite/reading_apart.ts";
import { SqliteStatisticsStore } from "../../adapters/sqlite/statistics_store.ts";
import { exactStatisticsContract } from "./exact_statistics_contract.ts";
import { marketFiltersContract } from "./market_filters_contract.ts";
import { notificationFiltersContract } from "./notification_filters_contract.ts";
import { type OpenStore, statisticsStoreContract } from "./statistics_store_contract.ts";

const openMemory: OpenStore = (config) => {
  const store = new MemoryStatisticsStore(config);
  return Promise.resolve(Object.assign(store, { [Symbol.asyncDispose]: async () => {} }));
};

const openSqlite: OpenStore = async (config) => {
  const folder = await Deno.makeTempDir();
  const store = new SqliteStatisticsStore(`${folder}/statistics.db`, config);
  return Object.assign(store, {
    async [Symbol.asyncDispose]() {
      store[Symbol.dispose]();
      await Deno.remove(folder, { recursive: true });
    },
  });
};

const openApart: OpenStore = async (config) => {
  const folder = await Deno.makeTempDir();
  const path = `${folder}/statistics.db`;
  // A thread's modules may be type-checked first where tests run, which takes a while.
  const reader = new SqliteReader(path, config, { readTimeMaxMs: 60_000 });
  const store = readApart(new SqliteStatisticsStore(path, config), reader);
  return Object.assign(store, {
    async [Symbol.asyncDispose]() {
      store[Symbol.dispose]();
      await Deno.remove(folder, { recursive: true });
    },
  });
};

statisticsStoreContract("memory statistics store", openMemory, { canRefuse: false });
statisticsStoreContract("SQLite statistics store", openSqlite);
marketFiltersContract("memory statistics store", openMemory);
marketFiltersContract("SQLite statistics store", openSqlite);
notificationFiltersContract("memory statistics store", openMemory);
notificationFiltersContract("SQLite statistics store", openSqlite);
exactStatisticsContract("memory statistics store", openMemory);
exactStatisticsContract("SQLite statistics store", openSqlite);
statisticsStoreContract("SQLite statistics store, read apart", openApart, { runCount: 4 });
