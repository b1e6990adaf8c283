/** Recorded hours, minute by minute, through aggregator and monitor, against the reference. */
import { deepStrictEqual, ok } from "node:assert";
import type { Rule } from "../../monitor/rules.ts";
import { TOPICS } from "../../topology.ts";
import { importRows } from "../lean.ts";
import {
  expectedNotifications,
  publishedNotifications,
  type ReferenceRule,
  toldOf,
} from "../oracle/monitor_reference.ts";
import { recordedTest, recording } from "../shared_data.ts";
import { Dice } from "../simulation/world.ts";
import { Timeline, timeMsOf } from "./timeline.ts";

const HOUR_MS = 3_600_000;
const MARKETS = ["btcusd", "btceur", "ltcusd"];
const DAYS = ["20180404", "20180405"];
/** From an afternoon through the hole that the recording has to the next morning, since the first midnight. */
const FROM_MS = 14 * HOUR_MS;
const TO_MS = 32 * HOUR_MS;
const PRICE = { filters: {}, sampleCountMin: 10, leavesOutAlarmed: false };
const RULES: Rule[] = [
  { name: "leap", kind: "ratioAbove", threshold: 3, ...PRICE },
  { name: "rise", kind: "ratioAbove", threshold: 1.02, ...PRICE },
  { name: "fall", kind: "ratioBelow", threshold: 0.98, ...PRICE },
  { name: "far", kind: "deviation", threshold: 5, ...PRICE },
  { name: "gone", kind: "marketSilent", threshold: 180_000, filters: {}, sources: null },
];

/** Every row of these hours, as minutes since the first, now and then with a simulated leap. */
async function rows(seed: number): Promise<{ market: string; atMs: number; price: number }[]> {
  const dice = new Dice(seed);
  const all = [];
  for (const day of DAYS) {
    for (const market of MARKETS) {
      const name = `coinbase_${day}_${market}_minute_trade.csv`;
      const text = new TextDecoder().decode(await recording(`lean/${name}`));
      all.push(...importRows(name, text));
    }
  }
  const firstMs = Date.UTC(2018, 3, 4);
  return all.map((row) => {
    const [exchange, instrument, timeMs, price] = row.split(",");
    return {
      market: `${exchange}:${instrument}`,
      // A market has its own second, so that none is in the same millisecond as a publication.
      atMs: Number(timeMs) - firstMs + 1_007 * (1 + MARKETS.indexOf(instrument!)),
      price: dice.oneIn(400) ? Number(price) * 5 : Number(price),
    };
  }).filter(({ atMs }) => atMs >= FROM_MS && atMs < TO_MS).sort((a, b) => a.atMs - b.atMs);
}

for (const pauses of [false, true]) {
  const how = pauses ? "with pauses, each on an empty disk," : "without a pause";
  recordedTest(
    `monitor: recorded hours with simulated leaps, ${how} give the reference's notifications`,
    async () => {
      const line = new Timeline({}, RULES);
      const startMs = timeMsOf("10:00");
      const dice = new Dice(7);
      let isPaused = false;
      let last = 0;
      for (const { market, atMs, price } of await rows(1)) {
        if (pauses && Math.floor(atMs / 1_800_000) > last) {
          last = Math.floor(atMs / 1_800_000);
          if (isPaused) line.monitorStarts({ on: "an empty disk" });
          else if (dice.oneIn(4)) line.monitorStops();
          else continue;
          isPaused = !isPaused;
        }
        line.atMs(startMs + atMs - FROM_MS).sample(market, price);
      }
      if (isPaused) line.monitorStarts({ on: "its disk" });
      try {
        await line.told();
        const endMs = line.clock.nowMs() + 2 * HOUR_MS;
        await line.atMs(endMs).told();
        const told = toldOf(line.records(TOPICS.samples), line.records(TOPICS.statistics));
        const rules = RULES.map((rule): ReferenceRule => ({ sampleCountMin: 0, ...rule }));
        const expected = expectedNotifications(told, rules, HOUR_MS, endMs - 4_000);
        deepStrictEqual(publishedNotifications(line.records(TOPICS.notifications)), expected);
        for (const { name } of RULES) {
          ok(expected.some((text) => text.includes(` ${name} `)), `nothing of ${name}`);
        }
      } finally {
        await line.end();
      }
    },
  );
}
