import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { decodeGroup, GROUP_PREFIX } from "../../notifier/state_codec.ts";
import { Receivers } from "../../adapters/channels/receivers.ts";
import type { Delivery } from "../../ports/channel.ts";
import { Bell } from "../../notifier/bell.ts";
import { partitionOf } from "../../topology.ts";
import { AWAY, LATE, NotifierTimeline, OPS, timeMsOf } from "./notifier_timeline.ts";
import { crossing, over } from "../notification_sample.ts";

const BTC = "kraken:btcusd";
const ETH = "kraken:ethusd";
const XRP = "okx:xrpusd";
const NONE = { resolved: [] as string[] };

Deno.test("notifier: the first news of a group wait for others, to the millisecond", async () => {
  await new NotifierTimeline()
    .at("10:05").fires(BTC)
    .at("10:05:10").fires(ETH)
    .at("10:05:29.999").expectNothing()
    .at("10:05:30").expectDigest("ops", {
      ...NONE,
      firing: [BTC, ETH],
      firingCount: 2,
      group: { rule: "leap" },
      fromMs: timeMsOf("10:05"),
      toMs: timeMsOf("10:05:30"),
      isRepeat: false,
    })
    .at("11:00").expectNothing()
    .end();
});

Deno.test("notifier: news after a digest wait until the interval is over, and no longer", async () => {
  await new NotifierTimeline()
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .at("10:06").fires(ETH)
    .at("10:10:29.999").expectNothing()
    .at("10:10:30").expectDigest("ops", { firing: [BTC, ETH], fromMs: timeMsOf("10:06") })
    // Long after the interval only the wait counts; nothing is rounded up to a multiple of it.
    .at("10:17:07").fires(XRP)
    .at("10:17:36.999").expectNothing()
    .at("10:17:37").expectDigest("ops", { firing: [BTC, ETH, XRP] })
    .end();
});

Deno.test("notifier: what goes on firing is told again after repeat, to the millisecond, and not when it is over", async () => {
  await new NotifierTimeline({ repeatMs: 3_600_000 })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { isRepeat: false })
    .at("11:05:29.999").expectNothing()
    .at("11:05:30").expectDigest("ops", { ...NONE, firing: [BTC], isRepeat: true })
    .at("11:30").fires(ETH)
    .at("11:30:30").expectDigest("ops", { firing: [BTC, ETH], isRepeat: false })
    .at("12:30:29.999").expectNothing()
    .at("12:30:30").expectDigest("ops", { firing: [BTC, ETH], isRepeat: true })
    .at("12:40").ends(BTC).ends(ETH)
    .at("12:40:30").expectDigest("ops", { firing: [], resolved: [BTC, ETH] })
    .at("20:00").expectNothing()
    .end();
});

Deno.test("notifier: with no repeat what goes on firing is told once", async () => {
  await new NotifierTimeline({ repeatMs: null })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops")
    .at("33:00").expectNothing()
    .end();
});

Deno.test("notifier: a crossing that was over before it was told is told once, as over", async () => {
  for (const sendResolved of [true, false]) {
    await new NotifierTimeline({ sendResolved })
      .at("10:05").fires(BTC)
      .at("10:05:20").ends(BTC)
      .at("10:05:30").expectDigest("ops", {
        ...{ firing: [], resolved: [BTC], firingCount: 0, resolvedCount: 1 },
        fromMs: timeMsOf("10:05"),
      })
      .at("15:00").expectNothing()
      .end();
  }
});

Deno.test("notifier: who does not want to hear what is over is told of what begins alone", async () => {
  await new NotifierTimeline({ sendResolved: false })
    .at("10:05").fires(BTC).fires(ETH)
    .at("10:05:30").expectDigest("ops", { firing: [BTC, ETH] })
    .at("10:20").ends(BTC)
    .at("10:40").expectNothing()
    .fires(XRP)
    .at("10:40:30").expectDigest("ops", { ...NONE, firing: [ETH, XRP], firingCount: 2 })
    .end();
});

Deno.test("notifier: a group that was all over keeps the interval when it begins anew", async () => {
  await new NotifierTimeline()
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops")
    .at("10:06").ends(BTC)
    .at("10:10:30").expectDigest("ops", { resolved: [BTC] })
    .at("10:11").fires(ETH)
    .at("10:15:29.999").expectNothing()
    .at("10:15:30").expectDigest("ops", { firing: [ETH] })
    .end();
});

Deno.test("notifier: groups are told each by itself, and only what a channel wants", async () => {
  await new NotifierTimeline(
    { groupBy: ["exchange"] },
    { name: "btc", groupBy: [], filters: { instrument: ["btc*"] }, rules: ["leap"] },
  )
    .at("10:05").fires(BTC).fires(BTC, { rule: "quiet" })
    .at("10:05:10").fires(XRP)
    .at("10:05:30").expectDigest("ops", { firing: [BTC, BTC], group: { exchange: "kraken" } })
    .expectDigest("btc", { firing: [BTC], group: {} })
    .at("10:05:40").expectDigest("ops", { firing: [XRP], group: { exchange: "okx" } })
    .at("12:00").expectNothing("ops").expectNothing("btc")
    .end();
});

Deno.test("notifier: what lay in the log before the monitor began is told to nobody", async () => {
  const line = new NotifierTimeline()
    .at("10:05").fires(BTC, { past: true })
    .at("10:10").ends(BTC)
    .at("12:00").expectNothing();
  await line.end();
  deepStrictEqual(line.sent(), []);
});

Deno.test("notifier: a restart in between changes nothing, neither before the first digest nor after it", async () => {
  await new NotifierTimeline()
    .at("10:05").fires(BTC)
    .at("10:05:10").stops("one")
    .at("10:05:20").starts("two").fires(ETH)
    .at("10:05:29.999").expectNothing()
    .at("10:05:30").expectDigest("ops", { firing: [BTC, ETH] })
    .at("10:06").fires(XRP)
    .at("10:06:10").stops("two")
    .at("10:08").starts("three")
    .at("10:10:29.999").expectNothing()
    .at("10:10:30").expectDigest("ops", { firing: [BTC, ETH, XRP] })
    .at("10:11").stops("three")
    .at("14:00").starts("four")
    .at("14:10:29.999").expectNothing()
    .at("14:10:30").expectDigest("ops", { firing: [BTC, ETH, XRP], isRepeat: true })
    .end();
});

Deno.test("notifier: what came while none ran is told at once, in one digest, by the time at which it came", async () => {
  await new NotifierTimeline()
    .at("10:01").stops("one")
    .at("10:05").fires(BTC).fires(ETH).fires(XRP)
    .at("10:06").ends(ETH)
    .at("10:30").starts("two")
    .at("10:30").expectDigest("ops", { firing: [BTC, XRP], resolved: [ETH] })
    .at("10:31").expectNothing()
    .end();
});

Deno.test("notifier: nothing is told before all partitions were read that far", async () => {
  // One market of each partition.
  const names = Array.from({ length: 30 }, (_, i) => `kraken:coin${i}`);
  const markets = [0, 1, 2].map((i) => names.find((name) => partitionOf(name, 3) === i)!);
  const line = new NotifierTimeline().at("10:01").stops("one").at("10:05");
  for (const market of markets) line.fires(market);
  await line.does((line) => line.slowPartition = 1)
    .at("10:30").starts("two")
    .at("10:30:00.999").expectNothing()
    .at("10:30:01").expectDigest("ops", { firing: markets })
    .at("10:40").expectNothing()
    .end();
});

Deno.test("notifier: what is over while the digest that tells of it is under way is told after it", async () => {
  for (
    const [sendResolved, delivery, expected] of [
      [true, { outcome: "sent", to: "x" }, "10:10:50"],
      [false, { outcome: "sent", to: "x" }, null],
      [true, AWAY, "10:05:50.750"],
      [false, AWAY, "10:05:50.750"],
    ] as const
  ) {
    const bell = new Bell();
    const line: NotifierTimeline = new NotifierTimeline({ sendResolved })
      .answers("ops", async () => {
        await bell.wait(line.clock, null, new AbortController().signal);
        return delivery;
      })
      .at("10:05").fires(BTC)
      .at("10:05:30").expectDigest("ops", { firing: [BTC] })
      .at("10:05:40").ends(BTC)
      .at("10:05:50").does(() => bell.ring()).answers("ops");
    if (expected !== null) {
      line.at(expected).expectDigest("ops", { firing: [], resolved: [BTC], firingCount: 0 });
    }
    await line.at("11:00").expectNothing().end();
  }
});

Deno.test("notifier: another takes over when one dies, and nothing is told twice", async () => {
  const line = new NotifierTimeline()
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .at("10:06").fires(ETH)
    .at("10:06:10").freezes("one")
    .at("10:06:20").starts("two")
    .at("10:10:29.999").expectNothing()
    .at("10:10:30").expectDigest("ops", { firing: [BTC, ETH] })
    .at("12:00").expectNothing();
  await line.end();
  deepStrictEqual(line.told.map(({ process }) => process), ["one", "two"]);
});

Deno.test("notifier: one that was frozen when a digest was due sends nothing when it wakes", async () => {
  const line = new NotifierTimeline()
    .at("10:05").fires(BTC)
    .at("10:05:20").freezes("one")
    .at("10:05:25").starts("two")
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .at("10:06").wakes("one")
    .at("10:09").expectNothing();
  await line.end();
  deepStrictEqual(line.told.map(({ process }) => process), ["two"]);
});

Deno.test("notifier: of a digest that was under way when its sender died nobody knows, so the very same is sent again", async () => {
  const line = new NotifierTimeline()
    .answers("ops", () => new Promise(() => {}))
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .freezes("one").answers("ops")
    .at("10:05:40").fires(ETH).starts("two")
    .at("10:05:40").expectDigest("ops", { firing: [BTC] })
    // It was told at 10:05:40; what came since waits for the interval.
    .at("10:10:40").expectDigest("ops", { firing: [BTC, ETH] })
    .at("10:20").expectNothing();
  await line.end();
  const [first, second, third] = line.told.map(({ digest }) => digest);
  deepStrictEqual(first, second);
  ok(third!.id !== first!.id);
});

Deno.test("notifier: a channel that is away for an hour is told once, of all that came, when it is back", async () => {
  const line = new NotifierTimeline({}, { ...OPS, name: "other" })
    .answers("ops", AWAY)
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("other", { firing: [BTC] })
    .at("10:20").fires(ETH)
    .at("10:20:30").expectDigest("other", { firing: [BTC, ETH] })
    .at("10:40").ends(BTC)
    .at("10:40:30").expectDigest("other", { firing: [ETH], resolved: [BTC] })
    .at("11:00").fires(XRP)
    .at("11:00:30").expectDigest("other", { firing: [ETH, XRP] })
    .answers("ops")
    .at("11:02").does((line) => {
      const ops = line.told.filter(({ channel }) => channel === "ops");
      const digests = ops.filter(({ delivery }) => delivery?.outcome === "sent");
      strictEqual(digests.length, 1);
      const { digest } = digests[0]!;
      deepStrictEqual(digest.firing.map(({ subject }) => subject), [ETH, XRP]);
      deepStrictEqual(digest.resolved.map(({ subject }) => subject), [BTC]);
      strictEqual(digest.fromMs, timeMsOf("10:05"));
    });
  await line.end();
  const outcomes = line.sent().filter(({ channel }) => channel === "ops");
  deepStrictEqual(outcomes.filter(({ outcome }) => outcome === "sent").length, 1);
  ok(outcomes.every(({ outcome }) => outcome === "sent" || outcome === "superseded"));
  deepStrictEqual(outcomes[0]!.firing, [crossing(BTC, timeMsOf("10:05")).id]);
  outcomes.forEach(({ supersededBy }, i) => strictEqual(supersededBy, outcomes[i + 1]?.id ?? null));
});

Deno.test("notifier: the same digest is tried again with its id, at growing distances of a minute at most", async () => {
  const line = new NotifierTimeline()
    .answers("ops", AWAY)
    .at("10:05").fires(BTC)
    .at("10:20").does((line) => {
      match(line.health().problems.join(), /ops: nobody is told at present: connection refused/);
      strictEqual(line.health().ready, true);
    })
    .answers("ops").at("10:21");
  await line.run();
  strictEqual(new Set(line.told.map(({ digest }) => digest.id)).size, 1);
  const waits = line.told.slice(1).map(({ atMs }, i) => atMs - line.told[i]!.atMs);
  deepStrictEqual(waits.slice(0, 8), [750, 1500, 3000, 6000, 12000, 24000, 45000, 45000]);
  strictEqual(line.told.at(-1)!.delivery!.outcome, "sent");
  const [record] = line.sent();
  deepStrictEqual(record!.outcome, "sent");
  strictEqual(record!.attempt, line.told.length);
  deepStrictEqual(line.health().problems, []);
  await line.end();
});

Deno.test("notifier: a receiver that says when to come again is not asked before, by the next owner either", async () => {
  await new NotifierTimeline({ groupBy: ["exchange"] })
    .answers("ops", { outcome: "failed", retryable: true, reason: "429", retryAfterMs: 600_000 })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops")
    .answers("ops")
    .at("10:06").fires(XRP)
    .at("10:07").stops("one").starts("two")
    .at("10:15:29.999").expectNothing()
    .at("10:15:30").expectDigest("ops", { firing: [XRP] }).expectDigest("ops", { firing: [BTC] })
    .end();
});

Deno.test("notifier: a refusal is recorded with its reason and not tried again; what comes later is told", async () => {
  const line = new NotifierTimeline()
    .answers("ops", { outcome: "failed", retryable: false, reason: "550 no such user" })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .at("11:00").expectNothing()
    .does((line) => match(line.health().problems.join(), /550 no such user/))
    .answers("ops").fires(ETH)
    .at("11:00:30").expectDigest("ops", { firing: [BTC, ETH] });
  await line.end();
  const [refused, sent] = line.sent();
  deepStrictEqual([refused!.outcome, refused!.reason], ["given up", "550 no such user"]);
  deepStrictEqual([sent!.outcome, sent!.to], ["sent", "someone"]);
});

Deno.test("notifier: a group that a receiver does not like holds up the others for a minute at most", async () => {
  await new NotifierTimeline({ groupBy: ["exchange"] })
    .answers(
      "ops",
      ({ group }) => group.exchange === "kraken" ? AWAY : { outcome: "sent", to: "x" },
    )
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .fires(XRP)
    .at("10:07").does((line) => {
      const okx = line.told.filter(({ digest }) => digest.group.exchange === "okx");
      strictEqual(okx.length, 1);
      // Due at 10:06:00, in the middle of a wait of 24 s after the sixth failure in a row.
      strictEqual(okx[0]!.atMs, timeMsOf("10:06:17.250"));
    })
    .end();
});

Deno.test("notifier: a slow channel keeps nobody waiting, and one that hangs is asked again with the same digest", async () => {
  const line = new NotifierTimeline({}, { ...OPS, name: "slow" })
    .answers("slow", () => new Promise(() => {}))
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] }).expectDigest("slow", { firing: [BTC] })
    .at("10:05:40").fires(ETH)
    .at("10:10:30").expectDigest("ops", { firing: [BTC, ETH] });
  await line.run();
  const asked = line.told.filter(({ delivery }) => delivery === null);
  ok(asked.length > 1);
  strictEqual(new Set(asked.map(({ digest }) => digest.id)).size, 1);
  await line.end();
});

Deno.test("notifier: of a digest whose answer came too late, the very same is sent again, whatever came in between", async () => {
  const line = new NotifierTimeline()
    .answers("ops", LATE)
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .fires(ETH)
    // Also where the next attempt fails for sure: of the first nobody knows still.
    .answers("ops", AWAY)
    .at("10:05:30.750").expectDigest("ops", { firing: [BTC] })
    .answers("ops")
    .at("10:05:32.250").expectDigest("ops", { firing: [BTC] })
    .at("10:10:32.250").expectDigest("ops", { firing: [BTC, ETH] })
    .at("10:30").expectNothing();
  await line.end();
  strictEqual(new Set(line.told.slice(0, 3).map(({ digest }) => digest.id)).size, 1);
  deepStrictEqual(line.sent().map(({ outcome }) => outcome), ["sent", "sent"]);
});

Deno.test("notifier: whoever has a digest that another lacks is told the same by no other", async () => {
  const had: string[] = [];
  let isBusy = true;
  const line: NotifierTimeline = new NotifierTimeline();
  const receivers = new Receivers(line.clock);
  await line
    .answers("ops", ({ id }) => {
      const failures = new Map<string, Delivery>();
      for (const one of receivers.missing(id, ["ann", "bob"])) {
        if (one === "bob" && isBusy) failures.set(one, AWAY);
        else {
          receivers.add(id, one);
          had.push(`${one} ${id}`);
        }
      }
      return receivers.delivery(id, ["ann", "bob"], failures);
    })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .fires(ETH)
    .at("10:05:30.750").expectDigest("ops", { firing: [BTC] })
    .does(() => isBusy = false)
    .at("10:05:32.250").expectDigest("ops", { firing: [BTC] })
    .at("10:10:32.250").expectDigest("ops", { firing: [BTC, ETH] })
    .at("10:30").expectNothing()
    .end();
  const [one, two] = new Set(line.told.map(({ digest }) => digest.id));
  deepStrictEqual(had, [`ann ${one}`, `bob ${one}`, `ann ${two}`, `bob ${two}`]);
});

Deno.test("notifier: told to stop, it waits for a digest that is under way, and knows of it afterwards", async () => {
  const answer = new Bell();
  const line: NotifierTimeline = new NotifierTimeline()
    .answers("ops", async () => {
      await answer.wait(line.clock, null, new AbortController().signal);
      return { outcome: "sent", to: "someone" };
    })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops")
    .stops("one")
    .at("10:05:32").does(() => answer.ring())
    .at("10:05:33").starts("two")
    .at("10:30").expectNothing();
  await line.end();
  strictEqual(line.sent()[0]!.outcome, "sent");
});

Deno.test("notifier: told to stop, it does not wait for a channel that hangs", async () => {
  const line = new NotifierTimeline()
    .answers("ops", () => new Promise(() => {}))
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops")
    .stops("one")
    .at("10:05:33.001").expectEnded("one")
    .answers("ops").starts("two")
    .at("10:05:34");
  await line.run();
  deepStrictEqual(line.told[0]!.digest, line.told[1]!.digest);
  await line.end();
});

function many(count: number, startedMs: number) {
  return Array.from({ length: count }, (_, i) => crossing(`ex${i % 7}:coin${i}`, startedMs + i));
}

Deno.test("notifier: ten thousand crossings in a minute are one digest, and each is counted out when it is over", async () => {
  const all = many(10_000, timeMsOf("10:05"));
  const line = new NotifierTimeline({ waitMs: 60_000, groupBy: [] });
  for (let i = 0; i < 60; i++) {
    line.at(`10:05:${i}`).does(() => line.publish(...all.slice(i * 167, (i + 1) * 167)));
  }
  line.at("10:06").expectDigest("ops", { firingCount: 10_000, resolvedCount: 0 })
    .does(() => {
      const { firing } = line.told[0]!.digest;
      deepStrictEqual(firing, all.slice(-100));
    })
    .at("10:07").stops("one").starts("two")
    .at("10:08").does(() =>
      line.publish(...all.slice(0, 9_990).map((one) => over(one, timeMsOf("10:08"))))
    )
    // Again, as after a crash of the monitor: nothing is counted twice.
    .does(() => line.publish(...all.slice(0, 50).map((one) => over(one, timeMsOf("10:08")))))
    .at("10:11").expectDigest("ops", { firingCount: 10, resolvedCount: 9_990 })
    .does(() => {
      const { firing, resolved } = line.told[1]!.digest;
      deepStrictEqual([firing.length, resolved.length], [10, 90]);
    })
    .at("10:30").expectNothing();
  await line.end();
});

Deno.test("notifier: a record that is none of ours is set aside, and one of a newer program stops it with a clear error", async () => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const line = new NotifierTimeline()
    .at("10:05").fires(BTC)
    .does((line) => line.append({ key: BTC, value: bytes("{") }, { key: ETH, value: bytes("[]") }))
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .does((line) => line.append({ key: BTC, value: bytes('{"v":2}') }))
    .at("10:06").does((line) => {
      const { ready, problems } = line.health();
      strictEqual(ready, false);
      match(problems.join(), /schema version 2: this program knows 1; upgrade it/);
    });
  await line.end();
  const reasons = line.records("rejected").map(({ headers }) => headers.reason);
  deepStrictEqual(reasons, ["malformed", "malformed"]);
});

Deno.test("notifier: a notification too long to be named is counted, and one longer still is set aside", async () => {
  const line = new NotifierTimeline()
    .at("10:05").fires(BTC, { base: "b".repeat(1_500) }).fires(ETH)
    .fires(XRP, { base: "b".repeat(16_384) })
    .at("10:05:30").expectDigest("ops", { firing: [ETH], firingCount: 2 });
  await line.end();
  strictEqual(line.records("rejected").length, 1);
});

Deno.test("notifier: the groups of a channel that is no more are forgotten", async () => {
  const line = new NotifierTimeline({}, { ...OPS, name: "old" })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops").expectDigest("old")
    .stops("one").starts("two", OPS)
    .at("10:06").ends(BTC)
    .at("10:10:30").expectDigest("ops", { resolved: [BTC] })
    .stops("two").starts("three", OPS, { ...OPS, name: "old" })
    .at("16:00").expectNothing("ops").expectNothing("old");
  await line.end();
  const states = new Map(
    line.records("deliveries").filter(({ key }) => key!.startsWith(GROUP_PREFIX))
      .map(({ key, value }) => [key, decodeGroup(value)]),
  );
  deepStrictEqual([...states.values()], [null, null]);
});

Deno.test("notifier: what was told before a change of groups or filters is known to be over after it", async () => {
  await new NotifierTimeline({ repeatMs: 600_000 })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .stops("one").starts("two", { ...OPS, groupBy: ["exchange"], filters: { exchange: ["okx"] } })
    .at("10:06").fires(XRP).fires(ETH)
    .at("10:06:30").expectDigest("ops", { firing: [XRP], group: { exchange: "okx" } })
    .at("10:20").ends(BTC)
    .at("10:20:30").expectDigest("ops", { firing: [], resolved: [BTC], group: { rule: "leap" } })
    .at("11:00").expectNothing()
    .end();
});

Deno.test("notifier: what began and was over more than a day before it is met first is told to nobody", async () => {
  await new NotifierTimeline()
    .at("10:00:01").stops("one")
    .at("10:05").fires(BTC).fires(ETH)
    .at("10:06").ends(BTC)
    .at("11:00").fires(XRP)
    .at("11:30").ends(XRP)
    .at("34:30").starts("two")
    .at("34:30").expectDigest("ops", { firing: [ETH], resolved: [XRP], resolvedCount: 1 })
    .end();
});

Deno.test("notifier: the end of what was told counts also where the monitor calls it past", async () => {
  const line = new NotifierTimeline({ repeatMs: 600_000 })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops", { firing: [BTC] })
    .at("10:06").does((line) => {
      const told = crossing(BTC, timeMsOf("10:05"));
      const untold = crossing(ETH, timeMsOf("09:05"));
      const ends = [told, untold].map((one) => ({ ...over(one, timeMsOf("10:06")), past: true }));
      return line.publish({ ...told, past: true }, { ...untold, past: true }, ...ends);
    })
    .at("10:10:30").expectDigest("ops", { firing: [], resolved: [BTC], resolvedCount: 1 })
    .at("14:00").expectNothing();
  await line.end();
});

Deno.test("notifier: where retention was faster, it goes on with what is left", async () => {
  await new NotifierTimeline()
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops")
    .stops("one").fires(ETH)
    .does(({ broker }) => {
      for (let i = 0; i < 3; i++) {
        broker.truncate("notifications", i, broker.partition("notifications", i).nextOffset);
      }
    })
    .at("10:20").starts("two").fires(XRP)
    .at("10:20:30").expectDigest("ops", { firing: [BTC, XRP] })
    .end();
});

Deno.test("notifier: where deliveries is not the topic that was committed, it stops and says so", async () => {
  await new NotifierTimeline()
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops")
    .stops("one")
    .does(({ broker }) => {
      const deliveries = broker.partition("deliveries", 0);
      deliveries.records = [];
      deliveries.nextOffset = 0;
    })
    .starts("two")
    .at("10:06").does((line) => {
      strictEqual(line.health("two").ready, false);
      match(line.health("two").problems.join(), /deliveries does not come.*deleted and made again/);
    })
    .expectNothing()
    .end();
});

Deno.test("notifier: what still counts is written again before retention takes it, and after a month's rest", async () => {
  const day = (days: number) => `${10 + 24 * days}:00`;
  // As retention does, but earlier: what was not written since.
  const forget = (line: NotifierTimeline, dayCount: number) => {
    const beforeMs = line.clock.nowMs() - dayCount * 24 * 3_600_000;
    const { records, nextOffset } = line.broker.partition("deliveries", 0);
    const kept = records.find(({ appendMs }) => appendMs > beforeMs);
    line.broker.truncate("deliveries", 0, kept?.offset ?? nextOffset);
  };
  await new NotifierTimeline({ repeatMs: null })
    .at("10:05").fires(BTC)
    .at("10:05:30").expectDigest("ops")
    .at(day(5.5)).stops("one").does((line) => forget(line, 1))
    .at(day(31)).starts("two").at(day(31.001)).stops("two").does((line) => forget(line, 1))
    .at(day(31.002)).starts("three").ends(BTC)
    .at(day(31.01)).does((line) => strictEqual(line.told.length, 2))
    .end();
});
