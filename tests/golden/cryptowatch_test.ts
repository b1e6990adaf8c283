/** The recorded Cryptowatch answers, over HTTP from a local server, through source and sampler. */
import assert from "node:assert/strict";
import { Registry } from "prom-client";
import { decodePoll } from "../../adapters/codecs/poll_codec.ts";
import { decodeSample } from "../../adapters/codecs/sample_codec.ts";
import { MemoryStateStore } from "../../adapters/memory/state_store.ts";
import { CryptowatchSource } from "../../adapters/sources/cryptowatch.ts";
import { systemClock, systemRandom } from "../../adapters/system_clock.ts";
import type { NewRecord } from "../../ports/topic_log.ts";
import { createSampler } from "../../sampler/sampler.ts";
import type { Sample } from "../../stats/sample.ts";
import { partitionOf } from "../../topology.ts";
import { recordedTest, recording } from "../shared_data.ts";

const TICK_MS = Date.parse("2026-03-01T12:00:00Z");
const DAY = "cryptowatch/2022-02-28";
const AZGROM = "cryptowatch-azgrom";

/** One tick of a sampler whose source answers with recordings: by `path?query` of the request. */
async function sample(
  endpoint: "prices" | "summaries",
  answers: Record<string, { file: string; status?: number }>,
) {
  const bodies = new Map<string, Response>();
  for (const [path, { file, status = 200 }] of Object.entries(answers)) {
    bodies.set(path, new Response(await recording(file), { status }));
  }
  await using server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, (request) => {
    const { pathname, search } = new URL(request.url);
    return bodies.get(pathname + search) ?? new Response(null, { status: 400 });
  });
  const url = `http://127.0.0.1:${server.addr.port}`;
  const records: NewRecord[] = [];
  const sampler = createSampler({
    log: { append: (appended) => Promise.resolve(void records.push(...appended)) },
    sources: [new CryptowatchSource(systemClock, { url, endpoint, apiKey: null })],
    state: new MemoryStateStore(),
    clock: systemClock,
    random: systemRandom,
    registry: new Registry(),
  }, { partitionCount: 6, schedule: { cron: "* * * * *" }, zeroPrices: "skip" });
  await sampler.tick(TICK_MS);

  const samples = new Map<string, Sample>();
  for (const { topic, key, partition, value } of records) {
    if (topic !== "samples") continue;
    const read = decodeSample(value) as Sample;
    assert.equal(key, `${read.exchange}:${read.instrument}`);
    assert.equal(partition, partitionOf(key, 6));
    assert.ok(!samples.has(key), `${key} came twice`);
    samples.set(key, read);
  }
  const poll = decodePoll(records.at(-1)!.value);
  assert.equal(poll.marketCount, samples.size);
  return { samples, poll };
}

recordedTest(
  "the snapshot of 2022-02-28: 10,630 entries, 10,374 markets, 256 zero prices left out",
  async () => {
    const { samples, poll } = await sample("prices", {
      "/markets/prices": { file: `${DAY}/markets_prices.json` },
    });
    assert.equal(poll.outcome, "ok");
    assert.equal(poll.entryCount, 10_630);
    assert.equal(poll.marketCount, 10_374);
    assert.equal(poll.zeroPriceCount, 256);
    assert.deepEqual([poll.leftOutCount, poll.malformedCount], [0, 0]);
    assert.deepEqual(poll.budget, { costPerPoll: 0.015, remaining: 9.903, resetMs: null });

    // Every entry that is not zero is there, with the very price; the five indexes are of their exchange.
    const text = new TextDecoder().decode(await recording(`${DAY}/markets_prices.json`));
    let indexCount = 0;
    for (const [key, price] of Object.entries<number>(JSON.parse(text).result)) {
      const market = key.replace(/^(market|index):/, "");
      assert.equal(samples.get(market)?.price, price === 0 ? undefined : price, key);
      if (key.startsWith("index:")) indexCount++;
    }
    assert.equal(indexCount, 5);
    assert.equal(samples.get("kraken-futures:cme-cf-brti")?.price, 41_390);
    assert.equal(samples.get("gateio:luffyeth")?.price, 1e-12);
    assert.equal(samples.get("uniswap-v2:wethkishutama")?.price, 1.6764489013006054e21);
    assert.equal(samples.get("uniswap-v2:wethalien")?.price, 25_896_230_525_580_536);
    assert.equal([...samples.keys()].filter((key) => key.includes("-")).length > 700, true);
    const { base, quote } = samples.get("binance-us:btcusdt")!;
    assert.deepEqual([base, quote], ["btc", "usdt"]);
  },
);

recordedTest("the summaries of 2022-02-28: 10,626 entries, 256 zero prices left out", async () => {
  const { samples, poll } = await sample("summaries", {
    "/markets/summaries": { file: `${DAY}/markets_summaries.json.gz` },
  });
  assert.equal(poll.entryCount, 10_626);
  assert.equal(poll.zeroPriceCount, 256);
  assert.equal(poll.marketCount, 10_370);
  assert.equal(samples.get("binance-us:aaveusd")?.price, 141.79);
});

recordedTest("two pages of prices and two of summaries, by their cursors", async () => {
  const prices = await sample("prices", {
    "/markets/prices": { file: `${AZGROM}/MarketsPricesWithCursorAndLimitOfThreeResponse.json` },
    "/markets/prices?cursor=NiBZVMA38VIwgRHf7b_jbQNNjTM9ZwJizlQWvU4vXc6QkcdyzxMLIw": {
      file: `${AZGROM}/MarketsPricesWithCursorResponse.json`,
    },
  });
  assert.equal(prices.poll.outcome, "ok");
  // The second recording begins again with the markets of the first.
  assert.deepEqual(
    [prices.poll.entryCount, prices.poll.marketCount, prices.poll.leftOutCount],
    [44, 24, 20],
  );
  assert.equal(prices.samples.get("binance-us:atomusdt")?.price, 9.023);
  assert.equal(prices.poll.budget?.costPerPoll, 0.03);

  const pages = await sample("summaries", {
    "/markets/summaries": { file: `${AZGROM}/MarketsSummariesWithLimitOf3Response.json` },
    "/markets/summaries?cursor=jYWBofYi7AbqxVQyHC3GQoguYnxKEL2vjPxTCJ3SAZEcXdzN6HDnSw": {
      file: `${AZGROM}/MarketsSummariesFromCursorWithLimitOf3Response.json`,
    },
    "/markets/summaries?cursor=U2a6cHlYunhmlcObd2lcQtZUg_jW9jLedi5oAY3v-6Xm7S4Y1rfPdQ": {
      file: `${DAY}/markets_summaries.json.gz`,
    },
  });
  assert.deepEqual([pages.poll.outcome, pages.poll.entryCount], ["ok", 10_632]);
  assert.equal(pages.samples.get("bitfinex:btcusd")?.price, 29_358);
});

recordedTest(
  "answers that are no list of markets fail clearly, and what they cost is known",
  async () => {
    const failures: [file: string, status: number, reason: RegExp, remaining: number][] = [
      [
        `${DAY}/markets_kraken_aaabbb_price.json`,
        404,
        /answered 404: Instrument not found$/,
        9.968,
      ],
      [`${DAY}/markets_kraken_aaabbb_summary.json`, 404, /: Instrument not found$/, 9.878],
      [`${DAY}/markets_binance_ethbtc_price.json`, 200, /no markets, but price: 0\.068138$/, 9.983],
      [
        `${AZGROM}/AllMarketsSummariesByIdResponse.json`,
        200,
        /no markets, but 1: \{"price"/,
        9.985,
      ],
      [
        "cryptowatch/2023-08-19_markets_hasMore_true.json.gz",
        200,
        /result: must be an object of markets$/,
        9.91,
      ],
      [
        `${AZGROM}/authenticated_SpecifiedExchangeDetailingResponse.json`,
        200,
        /no markets, but id: 1$/,
        10_000_000_009,
      ],
    ];
    for (const [file, status, reason, remaining] of failures) {
      const { poll } = await sample("prices", { "/markets/prices": { file, status } });
      assert.equal(poll.outcome, "failed");
      assert.match(poll.reason!, reason);
      assert.equal(poll.budget?.remaining, remaining, file);
    }
  },
);
