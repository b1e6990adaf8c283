import { deepStrictEqual } from "node:assert";
import { decodeNotification } from "../../adapters/codecs/notification_codec.ts";
import type { Rule } from "../../monitor/rules.ts";
import { TOPICS } from "../../topology.ts";
import { Timeline, timeMsOf } from "./timeline.ts";

const PRICE = { filters: {}, sampleCountMin: 10, leavesOutAlarmed: false };
const LEAP: Rule = { name: "leap", kind: "ratioAbove", threshold: 3, ...PRICE };
const BTC = "kraken:btcusd";

Deno.test("monitor: a price above three times the mean of the hour before is told once, and when it is over", async () => {
  const line = new Timeline({}, [LEAP]);
  try {
    await line.steady(BTC, "10:00", "11:00", 100)
      .at("11:05:07").sample(BTC, 300).at("11:05:10").expectNotifications()
      .at("11:06:07").sample(BTC, 301).at("11:06:09").expectNotifications(
        `leap ${BTC} firing 11:06`,
      )
      .at("11:07:07").sample(BTC, 900)
      .at("11:08:07").sample(BTC, 300).at("11:08:09").expectNotifications(
        `leap ${BTC} firing 11:06`,
        `leap ${BTC} resolved 11:08`,
      )
      .at("11:20:07").sample(BTC, 1000).at("11:20:09")
      .expectNotifications(`leap ${BTC} firing 11:06`, `leap ${BTC} resolved 11:08`)
      .told();
    const [record] = line.records(TOPICS.notifications);
    deepStrictEqual(decodeNotification(record!.value), {
      ...{ id: `leap/${BTC}/${timeMsOf("11:00")}`, state: "firing", rule: "leap" },
      ...{ kind: "ratioAbove", subject: BTC, exchange: "kraken", instrument: "btcusd" },
      ...{ base: null, quote: null, source: null, windowStartMs: timeMsOf("11:00") },
      ...{ windowEndMs: timeMsOf("12:00"), startedMs: timeMsOf("11:06:07"), endedMs: null },
      ...{ price: 301, value: 3.01, threshold: 3, past: false },
      baseline: { startMs: timeMsOf("10:00"), count: 60, mean: 100, stddev: 0 },
    });
  } finally {
    await line.end();
  }
});

Deno.test("monitor: what goes on into the next hour is told anew there, if it is one by that hour's standard", async () => {
  const line = new Timeline({}, [LEAP]);
  try {
    await line.steady(BTC, "10:00", "11:50", 100).steady(BTC, "11:50", "12:02", 1000)
      .at("12:02:10").expectNotifications(
        `leap ${BTC} firing 11:50`,
        `leap ${BTC} resolved 12:00`,
        `leap ${BTC} firing 12:00`,
      )
      .steady(BTC, "12:03", "13:02", 1000)
      .at("13:02:10").expectNotifications(
        `leap ${BTC} firing 11:50`,
        `leap ${BTC} resolved 12:00`,
        `leap ${BTC} firing 12:00`,
        `leap ${BTC} resolved 13:00`,
      ).told();
  } finally {
    await line.end();
  }
});

Deno.test("monitor: no hour before, one of too few samples or of zeros alarms nobody", async () => {
  const line = new Timeline({ flushIntervalMs: 10_000 }, [LEAP]);
  try {
    await line.steady("kraken:few", "10:00", "10:09", 1).steady("kraken:dead", "10:10", "10:40", 0)
      .at("11:05:07").sample("kraken:few", 100).sample("kraken:dead", 100).sample("kraken:new", 100)
      .at("11:06").expectNotifications().told();
  } finally {
    await line.end();
  }
});

Deno.test("monitor: a fall, and a distance in standard deviations", async () => {
  const rules: Rule[] = [
    { name: "fall", kind: "ratioBelow", threshold: 0.5, ...PRICE },
    { name: "far", kind: "deviation", threshold: 3, ...PRICE, filters: { exchange: ["kra*"] } },
  ];
  const line = new Timeline({}, rules);
  const swing = (minute: number) => 100 + (minute % 2 === 0 ? 1 : -1);
  try {
    await line.steady(BTC, "10:00", "11:00", swing)
      .at("11:01:07").sample(BTC, 96)
      .at("11:02:07").sample(BTC, 102)
      .at("11:03:07").sample(BTC, 49)
      .at("11:04").expectNotifications(
        `far ${BTC} firing 11:01`,
        `far ${BTC} resolved 11:02`,
        `fall ${BTC} firing 11:03`,
      ).told();
  } finally {
    await line.end();
  }
});

Deno.test("monitor: an hour that alarmed is left out of the baseline where the rule says so", async () => {
  const line = new Timeline({}, [{ ...LEAP, leavesOutAlarmed: true }]);
  try {
    await line.steady(BTC, "10:00", "11:10", 100).steady(BTC, "11:10", "12:01", 1000)
      .steady(BTC, "12:01", "13:01", 1000)
      .at("13:01:10").expectNotifications(
        `leap ${BTC} firing 11:10`,
        `leap ${BTC} resolved 12:00`,
        `leap ${BTC} firing 12:00`,
        `leap ${BTC} resolved 13:00`,
        `leap ${BTC} firing 13:00`,
      ).told();
  } finally {
    await line.end();
  }
});

Deno.test("monitor: which hours alarmed is known on an empty disk, too", async () => {
  const lines = ["its disk", "an empty disk"].map(() =>
    new Timeline({}, [{ ...LEAP, leavesOutAlarmed: true }])
  );
  try {
    for (const [i, line] of lines.entries()) {
      line.steady(BTC, "10:00", "11:10", 100).steady(BTC, "11:10", "14:10", 1000)
        .at("14:10:30").monitorStops()
        .monitorStarts({ on: i === 0 ? "its disk" : "an empty disk" })
        .steady(BTC, "14:11", "15:05", 1000);
      await line.told();
    }
    const [kept, lost] = lines.map((line) =>
      line.records(TOPICS.notifications).map(({ value }) => decodeNotification(value))
    );
    deepStrictEqual(lost, kept);
    deepStrictEqual(kept!.at(-1)!.windowStartMs, timeMsOf("15:00"));
  } finally {
    await Promise.all(lines.map((line) => line.end()));
  }
});

Deno.test("monitor: a market gone silent, and when it is heard again", async () => {
  const gone: Rule = {
    ...{ name: "gone", kind: "marketSilent", threshold: 300_000, filters: {}, sources: null },
  };
  const line = new Timeline({}, [gone]);
  try {
    await line.steady(BTC, "10:00", "10:05", 100)
      .at("10:09").expectNotifications()
      .at("10:10").expectNotifications(`gone ${BTC} firing 10:09`)
      .at("10:30").expectNotifications(`gone ${BTC} firing 10:09`)
      .at("10:30:07").sample(BTC, 100)
      .at("10:31").expectNotifications(`gone ${BTC} firing 10:09`, `gone ${BTC} resolved 10:30`)
      .told();
  } finally {
    await line.end();
  }
});

Deno.test("monitor: what lay in the log when it was first started is recorded as past", async () => {
  const line = new Timeline({}, [LEAP]);
  try {
    // As if it had never run: nothing of it is left, neither its disk nor its position.
    await line.monitorStops().steady(BTC, "10:00", "11:00", 100)
      .at("11:05:07").sample(BTC, 500).at("11:06:07").sample(BTC, 500)
      .at("11:10").told();
    for (const partition of [0, 1]) {
      line.broker.forgetPositions({ id: "monitor", topics: [] }, partition);
    }
    await line.monitorStarts({ on: "an empty disk" })
      .at("11:12:07").sample(BTC, 100)
      .at("11:13").expectNotifications(
        `leap ${BTC} firing 11:05 past`,
        `leap ${BTC} resolved 11:12 past`,
      )
      .at("12:10").told();
  } finally {
    await line.end();
  }
});

for (const disk of ["its disk", "an empty disk"] as const) {
  Deno.test(`monitor: after a pause it finds on ${disk} what it would have found live`, async () => {
    const line = new Timeline({}, [LEAP]);
    const paused = new Timeline({}, [LEAP]);
    try {
      const tell = (line: Timeline, pause: () => void, resume: () => void) => {
        line.steady(BTC, "10:00", "11:02", 100);
        pause();
        line.steady("kraken:ethusd", "11:02", "12:00", 10);
        line.at("12:00:20").sample("kraken:ethusd", 40).at("12:01:07").sample("kraken:ethusd", 10)
          .at("12:02").sample(BTC, 1000);
        resume();
        return line.at("12:40").sample("kraken:ethusd", 41).at("12:41").told();
      };
      await tell(line, () => {}, () => {});
      await tell(
        paused,
        () => paused.monitorStops(),
        // Compaction has left the last record of each window alone meanwhile.
        () => paused.at("12:30").compacts().monitorStarts({ on: disk }),
      );
      const all = (of: Timeline) =>
        of.records(TOPICS.notifications).map(({ value }) => {
          const { id, state, startedMs, endedMs } = decodeNotification(value);
          return { id, state, startedMs, endedMs };
        });
      deepStrictEqual(all(paused), all(line));
      deepStrictEqual(all(line).length, 2);
    } finally {
      await Promise.all([line.end(), paused.end()]);
    }
  });
}
