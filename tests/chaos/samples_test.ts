import { deepStrictEqual, ok } from "node:assert";
import { toldBySample } from "../oracle/monitor_reference.ts";
import { BASELINE_COUNT_MIN, isLeaping, SampleStream, TIMES } from "./samples.ts";

const TICK_COUNT = 60;

function recordsOf(stream: SampleStream, known: number) {
  const all = Array.from({ length: TICK_COUNT }, () => {
    const usual = stream.next();
    return { usual, leaps: stream.leaps(() => known) };
  });
  return { usual: all.flatMap(({ usual }) => usual), leaps: all.flatMap(({ leaps }) => leaps) };
}

const toldOf = (records: ReturnType<SampleStream["next"]>) =>
  records.flatMap(({ value }) =>
    toldBySample({ value, offset: 0, appendMs: 0, key: null, headers: {} })
  )
    .map((told) => told as Extract<typeof told, { price: number }>);

Deno.test("a market leaps in every other window at most, far above all that is usual", () => {
  const { usual, leaps } = recordsOf(new SampleStream(7), BASELINE_COUNT_MIN);
  const prices = Map.groupBy(toldOf(usual), ({ market }) => market);
  const windows = Map.groupBy(toldOf(leaps), ({ market }) => market);
  ok(windows.size > 40, `${windows.size} markets leapt`);
  for (const [market, told] of windows) {
    ok(isLeaping(market));
    const usual = prices.get(market)!.map(({ price }) => price);
    ok(Math.max(...usual) < 3 * Math.min(...usual), "usual prices do not alarm");
    ok(told.every(({ price }) => price > 70 * Math.max(...usual)));
    const numbers = new Set(told.map(({ timeMs }) => Math.floor(timeMs / TIMES.windowSizeMs) % 2));
    deepStrictEqual(numbers.size, 1);
  }
});

Deno.test("nothing leaps from a window that is not known to be published, and all else stays as it is", () => {
  const without = recordsOf(new SampleStream(7), BASELINE_COUNT_MIN - 1);
  deepStrictEqual(without.leaps, []);
  const leaping = recordsOf(new SampleStream(7), BASELINE_COUNT_MIN);
  deepStrictEqual(toldOf(leaping.usual), toldOf(without.usual));
});
