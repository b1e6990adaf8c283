/**
 * One of several processes that share a store's file: run by the test. Opens the store when told,
 * writes windows with retention on, reads meanwhile, and prints what it met.
 *
 * @module
 */
import { record, T0 } from "../../tests/contract/statistics_store_contract.ts";
import { openSqliteStore } from "./statistics_store.ts";

const HOUR_MS = 3_600_000;
const [path, number] = [Deno.args[0]!, Number(Deno.args[1])];

/** Windows of this process's own market and of one that all write, each with a revision per hour. */
function windows(hour: number) {
  const fields = { hour, closed: true, streamMs: T0 + hour * HOUR_MS };
  return [`own${number}`, "all"].map((instrument) =>
    record({ ...fields, instrument, revision: 2 * (100 * hour + number) + 1 })
  );
}

if (import.meta.main) {
  await Deno.stdout.write(new TextEncoder().encode("started\n"));
  // Opened together with the others, when the test has closed the pipe of each.
  await Deno.stdin.readable.pipeTo(new WritableStream());
  const config = { graceMs: 0, amendForMs: 0, partitionCount: 6, keepMs: 48 * HOUR_MS };
  using store = await openSqliteStore(path, config);
  const readsMs: number[] = [];
  for (let hour = 0; hour < 24 * 5; hour++) {
    await store.writeStatistics(windows(hour));
    const startMs = performance.now();
    await store.latest({ limit: 100 });
    readsMs.push(performance.now() - startMs);
  }
  const result = JSON.stringify({ slowestReadMs: Math.max(...readsMs) });
  await Deno.stdout.write(new TextEncoder().encode(result));
}
