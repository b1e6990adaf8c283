/**
 * One poll of 14,500 markets over HTTP from a local server into the embedded log: how long from the
 * whole answer's arrival, and from the request, until its samples are durable in `samples`.
 *
 * ```sh
 * deno run --allow-all bench/poll_bench.ts
 * ```
 *
 * @module
 */
import { Registry } from "prom-client";
import { openKvFile } from "../adapters/deno_kv/kv_file.ts";
import { openTopicLog, TOPIC_LOG_SCHEMA_VERSION } from "../adapters/deno_kv/topic_log.ts";
import { MemoryStateStore } from "../adapters/memory/state_store.ts";
import { CryptowatchSource } from "../adapters/sources/cryptowatch.ts";
import { systemClock, systemRandom } from "../adapters/system_clock.ts";
import type { NewRecord } from "../ports/topic_log.ts";
import { createSampler } from "../sampler/sampler.ts";
import { TOPICS, topicSpecs } from "../topology.ts";

const MARKET_COUNT = 14_500;
const PARTITION_COUNT = 6;
const WARM_UP_COUNT = 3;
const MINUTE_MS = 60_000;

/** One figure over several runs, in ms. */
export interface Figure {
  name: string;
  minMs: number;
  medianMs: number;
  maxMs: number;
}

/** Polls `count` times and measures. */
export async function benchPoll(count = 15): Promise<Figure[]> {
  let servedMs = 0;
  const body = new TextEncoder().encode(JSON.stringify({
    result: Object.fromEntries(
      Array.from({ length: MARKET_COUNT }, (_, i) => [
        `market:exchange-${i % 30}:asset${Math.floor(i / 30)}usdt`,
        Number((1 + (i * 7919 % 100_003) / 7).toPrecision(7)),
      ]),
    ),
    cursor: { last: "end", hasMore: false },
    allowance: { cost: 0, remaining: 10 },
  }));
  const folder = await Deno.makeTempDir();
  const kv = await openKvFile(`${folder}/log.kv`, TOPIC_LOG_SCHEMA_VERSION);
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, () => {
    servedMs = performance.now();
    return new Response(body);
  });
  try {
    const log = await openTopicLog(kv, { clock: systemClock });
    await log.create(topicSpecs("embedded", PARTITION_COUNT));
    const answered: number[] = [];
    const encoded: number[] = [];
    const durable: number[] = [];
    const source = new CryptowatchSource(systemClock, {
      url: `http://127.0.0.1:${server.addr.port}`,
      endpoint: "prices",
      apiKey: null,
    });
    const sampler = createSampler({
      log: {
        async append(records: readonly NewRecord[]) {
          const samples = records[0]?.topic === TOPICS.samples;
          if (samples) encoded.push(performance.now() - servedMs);
          await log.append(records);
          if (samples) durable.push(performance.now() - servedMs);
        },
      },
      sources: [{
        name: source.name,
        async poll(tickMs, signal) {
          const poll = await source.poll(tickMs, signal);
          answered.push(performance.now() - servedMs);
          return poll;
        },
      }],
      state: new MemoryStateStore(),
      clock: systemClock,
      random: systemRandom,
      registry: new Registry(),
    }, {
      partitionCount: PARTITION_COUNT,
      schedule: { intervalMs: MINUTE_MS },
      zeroPrices: "skip",
    });
    for (let i = 0; i < WARM_UP_COUNT + count; i++) await sampler.tick(i * MINUTE_MS);
    return [
      figure("response → markets read", answered),
      figure("markets read → samples made", encoded.map((ms, i) => ms - answered[i]!)),
      figure(
        "samples made → durable in the embedded log",
        durable.map((ms, i) => ms - encoded[i]!),
      ),
      figure(`one poll of ${MARKET_COUNT} markets, response → durable in samples`, durable),
    ];
  } finally {
    await server.shutdown();
    kv.close();
    await Deno.remove(folder, { recursive: true });
  }
}

function figure(name: string, runs: readonly number[]): Figure {
  const sorted = runs.slice(WARM_UP_COUNT).sort((a, b) => a - b);
  return {
    name,
    minMs: sorted[0]!,
    medianMs: sorted[Math.floor(sorted.length / 2)]!,
    maxMs: sorted.at(-1)!,
  };
}

if (import.meta.main) {
  for (const { name, minMs, medianMs, maxMs } of await benchPoll()) {
    const [min, median, max] = [minMs, medianMs, maxMs].map((ms) => ms.toFixed(1));
    // deno-lint-ignore no-console -- a benchmark's output
    console.log(`${name}: ${median} ms (${min} to ${max})`);
  }
}
