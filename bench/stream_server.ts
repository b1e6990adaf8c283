/**
 * An API whose statistics change when a line is sent to it, for the bench of live streams: each line of
 * standard input has all markets published once, and is answered by a line with its memory in MB.
 *
 * @module
 */
import { SqliteReader } from "../adapters/sqlite/reader.ts";
import { readApart } from "../adapters/sqlite/reading_apart.ts";
import { SqliteStatisticsStore } from "../adapters/sqlite/statistics_store.ts";
import { testApi } from "../tests/api_fixture.ts";
import { record } from "../tests/contract/statistics_store_contract.ts";

const CONFIG = { graceMs: 300_000, amendForMs: 21_600_000, partitionCount: 6, keepMs: null };

if (import.meta.main) {
  const [path, marketCount] = [Deno.args[0]!, Number(Deno.args[1])];
  using store = readApart(new SqliteStatisticsStore(path, CONFIG), new SqliteReader(path, CONFIG));
  const app = testApi({ queries: store, clock: { nowMs: () => Date.now() } });
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, app.fetch);
  const say = (text: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
  say(`${server.addr.port}`);
  let count = 0;
  for await (const _line of Deno.stdin.readable) {
    count++;
    await store.writeStatistics(
      Array.from({ length: marketCount }, (_, i) => record({ instrument: `m${i}`, count })),
    );
    say(`${Deno.memoryUsage().rss / 2 ** 20}`);
  }
}
