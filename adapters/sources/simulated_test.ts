import assert from "node:assert/strict";
import { ManualClock } from "../memory/manual_clock.ts";
import { SimulatedSource } from "./simulated.ts";

const START_MS = Date.parse("2026-03-01T00:00:00Z");
const MINUTE_MS = 60_000;
const clock = new ManualClock(START_MS + 123);
const source = (seed = 1, marketCount = 120) => new SimulatedSource(clock, { seed, marketCount });
const prices = (from: SimulatedSource, tickMs: number) => from.quotesAt(tickMs).map((q) => q.price);

Deno.test("a poll gives every market of four simulated exchanges, with base and quote", async () => {
  const poll = await source().poll(START_MS);
  assert.deepEqual([poll.entryCount, poll.observedMs], [120, START_MS + 123]);
  const markets = new Set(poll.quotes.map((q) => `${q.exchange}:${q.instrument}`));
  assert.equal(markets.size, 120);
  const exchanges = new Set(poll.quotes.map((q) => q.exchange));
  assert.deepEqual([...exchanges].sort(), [
    "simulated-alpha",
    "simulated-bravo",
    "simulated-charlie",
    "simulated-delta",
  ]);
  for (const { base, quote, instrument, price } of poll.quotes) {
    assert.equal(`${base}${quote}`, instrument);
    assert.ok(price > 0 && String(price).length <= 13, `${instrument} ${price}`);
  }
  assert.equal((await source(1, 14_500).poll(START_MS)).quotes.length, 14_500);
});

Deno.test("the same seed gives the same prices at any time and in any order, another seed others", () => {
  const [one, again] = [source(), source()];
  const later = prices(again, START_MS + MINUTE_MS);
  assert.deepEqual(prices(one, START_MS), prices(again, START_MS));
  assert.deepEqual(prices(one, START_MS + MINUTE_MS), later);
  const other = prices(source(2), START_MS);
  assert.ok(prices(one, START_MS).filter((price, i) => price === other[i]).length < 3);
});

Deno.test("prices move as a year's volatility says, over a minute, an hour and a day alike", () => {
  const simulated = source();
  for (
    const [stepMs, count] of [[MINUTE_MS, 1500], [60 * MINUTE_MS, 1500], [1440 * MINUTE_MS, 1500]]
  ) {
    let [sum, last] = [0, NaN];
    for (let i = 0; i <= count!; i++) {
      const price = simulated.quotesAt(START_MS + i * stepMs!)[0]!.price;
      if (i > 0) sum += Math.log(price / last) ** 2;
      last = price;
    }
    const volatility = Math.sqrt(sum / count! * 365 * 86_400_000 / stepMs!);
    assert.ok(volatility > 0.3 && volatility < 0.9, `bitcoin over ${stepMs} ms: ${volatility}`);
  }
});

Deno.test("an instrument's price is nearly alike on all exchanges, yet not the same", () => {
  for (let hour = 0; hour < 24; hour++) {
    const at = source().quotesAt(START_MS + hour * 60 * MINUTE_MS);
    const bitcoins = at.filter((q) => q.instrument === "btcusd").map((q) => q.price);
    assert.equal(new Set(bitcoins).size, 4);
    assert.ok(Math.max(...bitcoins) / Math.min(...bitcoins) < 1.003);
  }
});

Deno.test("in a day a few prices leap by two per cent or more within a minute, and most do not", () => {
  const simulated = source(1, 4);
  let leaps = 0;
  let last = prices(simulated, START_MS);
  for (let minute = 1; minute <= 10 * 1440; minute++) {
    const now = prices(simulated, START_MS + minute * MINUTE_MS);
    if (Math.abs(now[0]! / last[0]! - 1) > 0.015) leaps++;
    last = now;
  }
  assert.ok(leaps >= 3 && leaps <= 40, `${leaps} leaps of bitcoin in ten days`);
});
