import { deepStrictEqual, strictEqual } from "node:assert";
import { Timeline, timeMsOf } from "./timeline.ts";

const BTC = "kraken:btcusd";

Deno.test("pipeline: a window is served open, then closed once its grace is over", async () => {
  await new Timeline()
    .at("10:05").sample(BTC, 100)
    .at("10:06").expect(BTC, "10:00", { count: 1, state: "open", openPrice: 100 })
    .at("10:30").sample(BTC, 300)
    .at("10:31").expect(BTC, "10:00", { count: 2, min: 100, max: 300, meanHi: 200, state: "open" })
    .at("11:04").expect(BTC, "10:00", { state: "open" })
    .at("11:06").expect(BTC, "10:00", { count: 2, state: "closed", amended: false })
    .end();
});

Deno.test("pipeline: one idle market's window closes by another market's stream time or by the wall clock", async () => {
  await new Timeline()
    .at("10:05").sample(BTC, 100)
    .at("14:00").expect(BTC, "10:00", { count: 1, state: "closed" })
    .end();
});

Deno.test("pipeline: a sample at exactly end + grace closes the window, and one before it does not", async () => {
  await new Timeline()
    .at("10:05").sample(BTC, 100)
    .at("11:04:59").sample(BTC, 101)
    .at("11:05:00").sample(BTC, 102, { observed: "11:04:59" })
    .at("11:05:00").sample(BTC, 103)
    .at("11:05:40").expect(BTC, "10:00", { state: "closed" })
    .expect(BTC, "11:00", { count: 3, state: "open" })
    .end();
});

Deno.test("pipeline: a late sample amends its closed window, a sealed one goes to rejected", async () => {
  const line = new Timeline()
    .at("10:05").sample(BTC, 100)
    .at("11:10").sample(BTC, 200)
    .at("11:11").sample(BTC, 300, { observed: "10:59" })
    .at("11:12").expect(BTC, "10:00", { count: 2, max: 300, state: "closed", amended: true })
    .at("17:06").sample(BTC, 400)
    .at("17:07").sample(BTC, 500, { observed: "10:58" })
    .at("17:08").sample(BTC, 410)
    .at("17:09").expect(BTC, "10:00", { count: 2, max: 300, state: "sealed" });
  await line.told();
  deepStrictEqual(line.records("rejected").map((record) => record.headers.reason), ["sealed"]);
  await line.end();
});

Deno.test("pipeline: LATE=reject sets late samples aside", async () => {
  const line = new Timeline({ late: "reject" })
    .at("10:05").sample(BTC, 100)
    .at("11:10").sample(BTC, 200)
    .at("11:11").sample(BTC, 300, { observed: "10:59" })
    .at("11:12").expect(BTC, "10:00", { count: 1, state: "closed", amended: false });
  await line.told();
  deepStrictEqual(line.records("rejected").map((record) => record.headers.reason), ["late"]);
  await line.end();
});

Deno.test("pipeline: a tick is counted once, and coverage is ticks counted of ticks expected", async () => {
  const tick = (time: string) => ({ tickMs: timeMsOf(time), intervalMs: 60_000 });
  await new Timeline()
    .at("10:05").sample(BTC, 100, tick("10:05"))
    .sample(BTC, 999, tick("10:05"))
    .at("10:06").sample(BTC, 110, tick("10:06"))
    .at("10:07").expect(BTC, "10:00", { count: 2, max: 110, tickCount: 2, intervalMs: 60_000 })
    .end();
});

Deno.test("pipeline: one sample from the future is refused and closes nothing", async () => {
  const line = new Timeline()
    .at("10:05").sample(BTC, 100)
    .at("10:06").sample(BTC, 200, { observed: "23:00" })
    .at("10:07").expect(BTC, "10:00", { count: 1, state: "open" })
    .expect(BTC, "23:00", null);
  await line.told();
  deepStrictEqual(line.records("rejected").map((record) => record.headers.reason), ["skew"]);
  await line.end();
});

Deno.test("pipeline: a poison record is set aside as it came, with its reason and origin, and the partition moves on", async () => {
  const line = new Timeline()
    .at("10:05").garbage(BTC, '{"v":1,"price":"12"')
    .sample(BTC, 100)
    .at("10:06").expect(BTC, "10:00", { count: 1 });
  await line.told();
  const [record] = line.records("rejected");
  strictEqual(new TextDecoder().decode(record!.value!), '{"v":1,"price":"12"');
  strictEqual(record!.key, BTC);
  strictEqual(record!.headers["origin-topic"], "samples");
  strictEqual(record!.headers["origin-offset"], "0");
  await line.end();
});

Deno.test("pipeline: a market in the wrong partition is refused, so that no window has two owners", async () => {
  const line = new Timeline().at("10:05");
  await line.told();
  const value = new TextEncoder().encode(JSON.stringify({
    v: 1,
    exchange: "kraken",
    instrument: "btcusd",
    price: 1,
    timestampMs: timeMsOf("10:05"),
  }));
  await line.log.append(
    [0, 1].map((partition) => ({ topic: "samples", partition, key: BTC, value })),
  );
  line.at("10:06").expect(BTC, "10:00", { count: 1 });
  await line.told();
  deepStrictEqual(line.records("rejected").map((record) => record.headers.reason), ["partition"]);
  await line.end();
});
