import { deepStrictEqual, doesNotMatch, match, ok, strictEqual } from "node:assert";
import { Registry } from "prom-client";
import { encodeNotification } from "../adapters/codecs/notification_codec.ts";
import { encodePoll } from "../adapters/codecs/poll_codec.ts";
import { encodeStatistics } from "../adapters/codecs/statistics_codec.ts";
import { countingRandom, ManualClock } from "../adapters/memory/manual_clock.ts";
import { MemoryStatisticsStore } from "../adapters/memory/statistics_store.ts";
import { MemoryBroker, type MemoryTopicLog } from "../adapters/memory/topic_log.ts";
import {
  type PollRecord,
  RecordsRefusedError,
  type StatisticsRecord,
  type StatisticsSink,
  StoreUnavailableError,
} from "../ports/statistics_store.ts";
import type { LogRecord } from "../ports/topic_log.ts";
import type { Notification } from "../stats/notification.ts";
import { notification } from "../tests/contract/notifications_contract.ts";
import { poll, record, type RecordFields } from "../tests/contract/statistics_store_contract.ts";
import { GROUPS, REJECTED_HEADERS, TOPICS, topicSpecs } from "../topology.ts";
import { createWriter } from "./writer.ts";

const PARTITION_COUNT = 2;
const ALL = { fromMs: 0, toMs: Number.MAX_SAFE_INTEGER, limit: 10_000 };
const text = new TextEncoder();

/** A log that gives one record at a time. */
function withSmallFetches(bench: Bench): MemoryTopicLog {
  const log = bench.broker.connect();
  const { fetch } = log;
  log.fetch = (topic, partition, offset, options) =>
    fetch.call(log, topic, partition, offset, { ...options, byteCountMax: 1 });
  return log;
}

/** A writer on memory ports, and what a test does to it. */
class Bench {
  readonly clock = new ManualClock(Date.UTC(2024, 0, 2));
  readonly broker = new MemoryBroker(this.clock);
  readonly log = this.broker.connect();
  readonly store = this.emptyStore();

  constructor() {
    for (const spec of topicSpecs("kafka", PARTITION_COUNT)) this.broker.create(spec);
  }

  emptyStore(): MemoryStatisticsStore {
    const [partitionCount, keepMs] = [PARTITION_COUNT, null];
    return new MemoryStatisticsStore({ graceMs: 0, amendForMs: 0, partitionCount, keepMs });
  }

  /** Starts a writer; what `ports` gives takes the place of the memory ports. */
  start(ports: { log?: MemoryTopicLog; sink?: StatisticsSink } = {}) {
    const stop = new AbortController();
    const registry = new Registry();
    const { clock, log, store } = this;
    const role = createWriter({
      log,
      sink: store,
      clock,
      random: countingRandom(),
      registry,
      ...ports,
    });
    const running = role.run(stop.signal);
    return {
      role,
      registry,
      stop: async () => {
        stop.abort();
        await this.settle();
        await running;
      },
    };
  }

  /** Lets all happen that waits for no time. */
  settle(): Promise<void> {
    return this.pass(0);
  }

  async pass(durationMs: number): Promise<void> {
    await this.clock.advanceTo(this.clock.nowMs() + durationMs);
  }

  window(partition: number, fields: RecordFields): void {
    const { window, streamMs } = record(fields);
    this.raw(TOPICS.statistics, partition, encodeStatistics(window, streamMs));
  }

  raw(topic: string, partition: number, value: Uint8Array | string, key = "k"): void {
    const bytes = typeof value === "string" ? text.encode(value) : value;
    this.broker.append([{ topic, partition, key, value: bytes }]);
  }

  async stored(): Promise<string[]> {
    const rows = await this.store.statistics(ALL);
    return rows.map((row) => `${row.exchange} ${row.count} ${row.state}`);
  }

  rejected(): LogRecord[] {
    return this.broker.partitionsOf(TOPICS.rejected)!.flatMap((partition) => partition.records);
  }

  async notified(): Promise<string[]> {
    const found = await this.store.notifications(ALL);
    return found.map(({ rule, state }) => `${rule} ${state}`);
  }

  async positions(topic: string): Promise<readonly (number | null)[]> {
    return (await this.log.positions(GROUPS.writer))[topic]!;
  }
}

Deno.test("writer stores windows and polls at once, and its position follows", async () => {
  const bench = new Bench();
  const writer = bench.start();
  await bench.settle();
  bench.window(0, { exchange: "a", count: 1 });
  bench.window(1, { exchange: "b", count: 2 });
  bench.raw(TOPICS.polls, 0, encodePoll(poll({ source: "simulated" })));
  await bench.settle();
  deepStrictEqual(await bench.stored(), ["a 1 open", "b 2 open"], "without any time passing");
  strictEqual((await bench.store.sources()).length, 1);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [1, 1]);
  deepStrictEqual((await bench.positions(TOPICS.polls))[0], 1);
  bench.window(0, { exchange: "a", count: 1, revision: 3, closed: true });
  await bench.settle();
  deepStrictEqual(await bench.stored(), ["a 1 closed", "b 2 open"]);
  deepStrictEqual(writer.role.health(), { ready: true, problems: [] });
  await writer.stop();
  strictEqual(writer.role.health().ready, false);
});

Deno.test("writer sets what is no record of ours aside, once, and goes on", async () => {
  const bench = new Bench();
  const writer = bench.start();
  const { window } = record({});
  const odd = (field: string, value: unknown) =>
    JSON.stringify({
      ...JSON.parse(new TextDecoder().decode(encodeStatistics(window, 0))),
      [field]: value,
    });
  const poison: [string, RegExp][] = [
    ["{", /JSON/],
    ["", /JSON/],
    ["null", /v is/],
    [JSON.stringify({ v: 0 }), /v is 0/],
    [odd("mean", null), /Not a statistics record/],
    [odd("count", 0.5), /count is 0.5/],
    [odd("count", 0), /count is 0/],
    [odd("startMs", 1.5), /startMs is 1.5/],
    [odd("endMs", window.startMs), /endMs is/],
    [odd("exchange", "a:b"), /exchange is a:b/],
    [odd("origin", ""), /origin is/],
    [odd("streamMs", -1), /streamMs is -1/],
  ];
  for (const [value] of poison) bench.raw(TOPICS.statistics, 1, value);
  bench.broker.partition(TOPICS.statistics, 1).records.push({
    offset: bench.broker.partition(TOPICS.statistics, 1).nextOffset++,
    appendMs: 0,
    key: null,
    value: null,
    headers: { trace: "kept" },
  });
  bench.window(1, { exchange: "good" });
  bench.raw(TOPICS.polls, 0, "no poll");
  await bench.settle();
  deepStrictEqual(await bench.stored(), ["good 1 open"]);
  const rejected = bench.rejected();
  strictEqual(rejected.length, poison.length + 2);
  const details = rejected.map((r) => r.headers[REJECTED_HEADERS.detail]!);
  for (const [i, [, pattern]] of poison.entries()) match(details[i + 1]!, pattern);
  const last = rejected.at(-1)!;
  deepStrictEqual(last.headers, {
    trace: "kept",
    [REJECTED_HEADERS.reason]: "malformed",
    [REJECTED_HEADERS.detail]: "A statistics record without a value",
    [REJECTED_HEADERS.topic]: TOPICS.statistics,
    [REJECTED_HEADERS.partition]: "1",
    [REJECTED_HEADERS.offset]: `${poison.length}`,
  });
  await writer.stop();
  const again = bench.start();
  await bench.settle();
  await again.stop();
  strictEqual(bench.rejected().length, rejected.length);
});

Deno.test("writer stores notifications: resolved stands over firing, in any order and repetition", async () => {
  const bench = new Bench();
  const publish = (partition: number, rule: string, state: "firing" | "resolved") =>
    bench.raw(TOPICS.notifications, partition, encodeNotification(notification({ rule, state })));
  publish(0, "a", "firing");
  publish(1, "b", "resolved");
  const writer = bench.start();
  await bench.settle();
  deepStrictEqual(await bench.notified(), ["a firing", "b resolved"]);
  publish(0, "a", "resolved");
  publish(0, "a", "firing");
  publish(1, "b", "firing");
  await bench.settle();
  deepStrictEqual(await bench.notified(), ["a resolved", "b resolved"]);
  deepStrictEqual(await bench.positions(TOPICS.notifications), [3, 2]);
  const metrics = await writer.registry.metrics();
  match(metrics, /data_tracker_writer_records_total{topic="notifications",outcome="changed"} 3/);
  match(metrics, /data_tracker_writer_records_total{topic="notifications",outcome="known"} 2/);
  match(metrics, /data_tracker_writer_lag_records{topic="notifications",partition="1"} 0/);
  await writer.stop();
});

Deno.test("writer sets what is no notification aside, and says why", async () => {
  const bench = new Bench();
  const odd = (fields: object) => JSON.stringify({ v: 1, ...notification(), ...fields });
  const baseline = notification().baseline!;
  const poison: [string, RegExp][] = [
    ["{", /JSON/],
    [odd({ state: "gone" }), /state/],
    [odd({ kind: "leap" }), /kind/],
    [odd({ id: "" }), /id is/],
    [odd({ id: "x".repeat(321) }), /id is x/],
    [odd({ rule: "a\nb" }), /rule is a/],
    [odd({ exchange: "a:b" }), /exchange is a:b/],
    [odd({ source: "\ud800" }), /source is/],
    [odd({ startedMs: -1 }), /startedMs is -1/],
    [odd({ endedMs: 5 }), /endedMs is 5/],
    [odd({ state: "resolved" }), /endedMs is null/],
    [odd({ windowEndMs: 0 }), /windowEndMs is 0/],
    [odd({ baseline: { ...baseline, startMs: 9e15 } }), /baseline.startMs is 9/],
    [odd({ baseline: { ...baseline, count: -1 } }), /baseline.count is -1/],
  ];
  for (const [value] of poison) bench.raw(TOPICS.notifications, 0, value);
  bench.raw(TOPICS.notifications, 0, odd({ rule: "two words" }));
  const writer = bench.start();
  await bench.settle();
  deepStrictEqual(await bench.notified(), ["two words firing"]);
  const rejected = bench.rejected();
  strictEqual(rejected.length, poison.length);
  for (const [i, [, said]] of poison.entries()) {
    match(rejected[i]!.headers[REJECTED_HEADERS.detail]!, said);
    strictEqual(rejected[i]!.headers[REJECTED_HEADERS.topic], TOPICS.notifications);
  }
  await writer.stop();
});

Deno.test("writer stops a partition at a record of a newer program, says so, and writes the others on", async () => {
  const bench = new Bench();
  const writer = bench.start();
  bench.window(1, { exchange: "before" });
  await bench.settle();
  bench.raw(TOPICS.statistics, 1, JSON.stringify({ v: 99 }));
  bench.window(1, { exchange: "behind" });
  bench.window(0, { exchange: "other" });
  await bench.pass(60_000);
  deepStrictEqual(await bench.stored(), ["before 1 open", "other 1 open"]);
  const { ready, problems } = writer.role.health();
  strictEqual(ready, false);
  match(
    problems.join(),
    /writer, partition 1: statistics, offset 1: .* version 99.*this program knows 1/,
  );
  deepStrictEqual(await bench.positions(TOPICS.statistics), [1, 1]);
  deepStrictEqual(bench.rejected(), []);
  await writer.stop();
});

Deno.test("writer waits for a store that fails, loses nothing, and says so until it works again", async () => {
  const bench = new Bench();
  let isDown = true;
  let tryCount = 0;
  const sink: StatisticsSink = {
    writeStatistics: async (records) => {
      tryCount++;
      if (isDown) throw new Error("the disk is full");
      return await bench.store.writeStatistics(records);
    },
    writePolls: (records) => bench.store.writePolls(records),
    writeNotifications: (records) => bench.store.writeNotifications(records),
    storeId: () => bench.store.storeId(),
  };
  const writer = bench.start({ sink });
  bench.window(0, { exchange: "a" });
  await bench.pass(3_600_000);
  const { ready, problems } = writer.role.health();
  deepStrictEqual([ready, problems], [false, ["writer, partition 0: the disk is full"]]);
  ok(tryCount > 360 && tryCount < 1000, `${tryCount} tries in an hour`);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [null, null]);
  isDown = false;
  bench.window(0, { exchange: "b" });
  await bench.pass(10_000);
  deepStrictEqual(await bench.stored(), ["a 1 open", "b 1 open"]);
  deepStrictEqual(writer.role.health(), { ready: true, problems: [] });
  await writer.stop();
});

/** A store that is away while `problem` is set, and refuses windows of the exchanges that `refused` matches. */
class Moody implements StatisticsSink {
  problem: string | null = null;
  callCount = 0;

  constructor(private readonly store: MemoryStatisticsStore, private readonly refused = /^$/) {}

  async writeStatistics(records: readonly StatisticsRecord[]): Promise<number> {
    this.#call();
    if (records.some(({ window }) => this.refused.test(window.exchange))) {
      throw new RecordsRefusedError("it refuses one of them");
    }
    return await this.store.writeStatistics(records);
  }

  async writePolls(records: readonly PollRecord[]): Promise<void> {
    this.#call();
    if (records.some(({ source }) => this.refused.test(source))) {
      throw new RecordsRefusedError("it refuses a poll");
    }
    await this.store.writePolls(records);
  }

  async writeNotifications(records: readonly Notification[]): Promise<number> {
    this.#call();
    if (records.some(({ rule }) => this.refused.test(rule))) {
      throw new RecordsRefusedError("it refuses a notification");
    }
    return await this.store.writeNotifications(records);
  }

  async storeId(): Promise<string> {
    this.#call();
    return await this.store.storeId();
  }

  #call(): void {
    this.callCount++;
    if (this.problem !== null) throw new StoreUnavailableError(this.problem);
  }
}

Deno.test("writer waits for a store that is away, keeps its claim, and moves no position meanwhile", async () => {
  const bench = new Bench();
  const sink = new Moody(bench.store);
  const log = bench.broker.connect();
  const { claim } = log;
  let claimCount = 0;
  log.claim = (group, partition) => {
    claimCount++;
    return claim.call(log, group, partition);
  };
  const writer = bench.start({ sink, log });
  bench.window(0, { exchange: "a" });
  await bench.settle();
  sink.problem = "DATABASE_URL: cannot reach db:5432";
  sink.callCount = 0;
  for (const exchange of ["b", "c"]) bench.window(0, { exchange });
  bench.raw(TOPICS.polls, 0, encodePoll(poll({ source: "simulated" })));
  await bench.pass(600_000);
  const { ready, problems } = writer.role.health();
  deepStrictEqual([ready, problems], [false, ["DATABASE_URL: cannot reach db:5432"]]);
  const metrics = await writer.registry.metrics();
  match(metrics, /data_tracker_writer_store_away_seconds (59\d|600)/);
  match(metrics, /data_tracker_writer_store_failures_total [1-9]\d\d/);
  ok(sink.callCount > 100 && sink.callCount < 1000, `${sink.callCount} tries in ten minutes`);
  deepStrictEqual(await bench.stored(), ["a 1 open"]);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [1, null]);
  sink.problem = null;
  await bench.pass(5_000);
  deepStrictEqual(await bench.stored(), ["a 1 open", "b 1 open", "c 1 open"]);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [3, null]);
  strictEqual(claimCount, PARTITION_COUNT);
  deepStrictEqual(writer.role.health(), { ready: true, problems: [] });
  match(await writer.registry.metrics(), /data_tracker_writer_store_away_seconds 0/);
  await writer.stop();
});

Deno.test("writer that is stopped while its store is away ends, and its successor stores everything", async () => {
  const bench = new Bench();
  const sink = new Moody(bench.store);
  let writer = bench.start({ sink });
  await bench.settle();
  sink.problem = "away";
  bench.window(0, { exchange: "a" });
  await bench.pass(60_000);
  await writer.stop();
  deepStrictEqual(await bench.positions(TOPICS.statistics), [null, null]);
  sink.problem = null;
  writer = bench.start({ sink });
  await bench.settle();
  deepStrictEqual(await bench.stored(), ["a 1 open"]);
  await writer.stop();
});

Deno.test("writer sets aside those records alone that the store refuses", async () => {
  const bench = new Bench();
  const bad = ["x03", "x04", "x11", "x19"];
  for (let i = 0; i < 20; i++) bench.window(0, { exchange: `x${`${i}`.padStart(2, "0")}` });
  for (const source of ["good", "x04"]) bench.raw(TOPICS.polls, 0, encodePoll(poll({ source })));
  for (const rule of ["good", "x04"]) {
    bench.raw(TOPICS.notifications, 0, encodeNotification(notification({ rule })));
  }
  const writer = bench.start({ sink: new Moody(bench.store, new RegExp(bad.join("|"))) });
  await bench.settle();
  const stored = (await bench.store.statistics(ALL)).map(({ exchange }) => exchange);
  strictEqual(stored.length, 16);
  deepStrictEqual(stored.filter((exchange) => bad.includes(exchange)), []);
  deepStrictEqual((await bench.store.sources()).map(({ last }) => last.source), ["good"]);
  deepStrictEqual(await bench.notified(), ["good firing"]);
  const rejected = bench.rejected().map(({ headers }) =>
    [REJECTED_HEADERS.topic, REJECTED_HEADERS.offset, REJECTED_HEADERS.reason]
      .map((name) => headers[name]).join(" ")
  );
  deepStrictEqual(rejected.sort(), [
    "notifications 1 refused",
    "polls 1 refused",
    "statistics 11 refused",
    "statistics 19 refused",
    "statistics 3 refused",
    "statistics 4 refused",
  ]);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [20, null]);
  match(await writer.registry.metrics(), /topic="statistics",outcome="rejected"} 4/);
  await writer.stop();
});

Deno.test("writer writes all that the log has into a store that was emptied, also while it runs", async () => {
  const bench = new Bench();
  const others = [bench.store, bench.emptyStore(), bench.emptyStore()];
  let store = others[0]!;
  const sink: StatisticsSink = {
    storeId: () => store.storeId(),
    writeStatistics: (records) => store.writeStatistics(records),
    writePolls: (records) => store.writePolls(records),
    writeNotifications: (records) => store.writeNotifications(records),
  };
  const exchanges = async () => (await store.statistics(ALL)).map(({ exchange }) => exchange);
  let writer = bench.start({ sink });
  for (const exchange of ["a", "b"]) bench.window(0, { exchange });
  await bench.settle();
  await writer.stop();
  store = others[1]!;
  writer = bench.start({ sink });
  await bench.settle();
  deepStrictEqual(await exchanges(), ["a", "b"], "emptied between two runs");
  store = others[2]!;
  bench.window(0, { exchange: "c" });
  await bench.pass(5_000);
  deepStrictEqual(await exchanges(), ["a", "b", "c"], "emptied under the writer");
  deepStrictEqual(await bench.positions(TOPICS.statistics), [3, null]);
  deepStrictEqual(writer.role.health(), { ready: true, problems: [] });
  await writer.stop();
});

Deno.test("writer goes on at the start where retention overtook it, and stops where the topic was made again", async () => {
  const bench = new Bench();
  let writer = bench.start();
  for (const partition of [0, 1]) bench.window(partition, { exchange: `first${partition}` });
  await bench.settle();
  await writer.stop();
  for (const exchange of ["gone", "kept"]) bench.window(0, { exchange });
  bench.broker.truncate(TOPICS.statistics, 0, 2);
  const claim = await bench.log.claim(GROUPS.writer, 1);
  await claim.commit({ records: [], offsets: { [TOPICS.statistics]: 500 }, metadata: () => "" });
  writer = bench.start();
  await bench.pass(60_000);
  deepStrictEqual(await bench.stored(), ["first0 1 open", "first1 1 open", "kept 1 open"]);
  const { problems } = writer.role.health();
  strictEqual(problems.length, 1);
  match(problems[0]!, /partition 1: the committed offset 500 is past the end \(1\) of statistics/);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [3, 500]);
  await writer.stop();
});

Deno.test("writer claims its partition again after another's claim", async () => {
  const bench = new Bench();
  const writer = bench.start();
  await bench.settle();
  await bench.log.claim(GROUPS.writer, 0);
  bench.window(0, { exchange: "a" });
  await bench.settle();
  deepStrictEqual(await bench.positions(TOPICS.statistics), [null, null], "fenced");
  deepStrictEqual(writer.role.health(), { ready: true, problems: [] }, "nothing to worry about");
  await bench.pass(2_000);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [1, null]);
  await writer.stop();
});

Deno.test("writer finishes its batch and commits it before it stops", async () => {
  const bench = new Bench();
  const storing = Promise.withResolvers<void>();
  const begun = Promise.withResolvers<void>();
  const sink: StatisticsSink = {
    writeStatistics: async (records) => {
      begun.resolve();
      await storing.promise;
      return await bench.store.writeStatistics(records);
    },
    writePolls: (records) => bench.store.writePolls(records),
    writeNotifications: (records) => bench.store.writeNotifications(records),
    storeId: () => bench.store.storeId(),
  };
  const writer = bench.start({ sink, log: withSmallFetches(bench) });
  for (const exchange of ["a", "b"]) bench.window(0, { exchange });
  await begun.promise;
  const stopped = writer.stop();
  await bench.settle();
  storing.resolve();
  await stopped;
  deepStrictEqual(await bench.stored(), ["a 1 open"]);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [1, null]);
});

Deno.test("writer commits seldom while it catches up, and measures what it does", async () => {
  const bench = new Bench();
  const log = withSmallFetches(bench);
  const { claim } = log;
  let commitCount = 0;
  log.claim = async (group, partition) => {
    const inner = await claim.call(log, group, partition);
    return {
      ...inner,
      commit: (transaction) => {
        commitCount++;
        return inner.commit(transaction);
      },
    };
  };
  for (let i = 0; i < 200; i++) bench.window(0, { exchange: `a${i}` });
  bench.raw(TOPICS.polls, 0, "no poll");
  const writer = bench.start({ log });
  await bench.settle();
  strictEqual((await bench.stored()).length, 200);
  ok(commitCount <= 2, `${commitCount} commits`);
  deepStrictEqual(await bench.positions(TOPICS.statistics), [200, null]);
  const metrics = await writer.registry.metrics();
  match(metrics, /data_tracker_writer_records_total{topic="statistics",outcome="changed"} 200/);
  match(metrics, /data_tracker_writer_records_total{topic="polls",outcome="rejected"} 1/);
  match(metrics, /data_tracker_writer_lag_records{topic="statistics",partition="0"} 0/);
  match(metrics, /data_tracker_writer_batch_seconds_count 201/);
  await writer.stop();
  const left = await writer.registry.metrics();
  doesNotMatch(left, /lag_records{/, "what it does not own any more");
});

/** The n-th port call fails, before it happened or after, or is the last that its process makes. */
class Faults {
  callCount = 0;
  isDead = false;

  constructor(private readonly at: number, private readonly fault: string) {}

  async call<T>(work: () => Promise<T>): Promise<T> {
    if (this.isDead) return await new Promise(() => {});
    const isIt = ++this.callCount === this.at;
    if (isIt && this.fault === "fail before") throw new Error("simulated: it failed");
    const result = await work();
    if (isIt && this.fault === "fail after") throw new Error("simulated: the answer was lost");
    if (isIt && this.fault === "die after") {
      this.isDead = true;
      return await new Promise(() => {});
    }
    return result;
  }

  ports(bench: Bench) {
    const log = bench.broker.connect();
    const { fetch, claim } = log;
    log.fetch = (...args) => this.call(() => fetch.apply(log, args));
    log.claim = (group, partition) =>
      this.call(async () => {
        const inner = await claim.call(log, group, partition);
        return { ...inner, commit: (transaction) => this.call(() => inner.commit(transaction)) };
      });
    const sink: StatisticsSink = {
      storeId: () => this.call(() => bench.store.storeId()),
      writeStatistics: (records) => this.call(() => bench.store.writeStatistics(records)),
      writePolls: (records) => this.call(() => bench.store.writePolls(records)),
      writeNotifications: (records) => this.call(() => bench.store.writeNotifications(records)),
    };
    return { log, sink };
  }
}

Deno.test("writer stores and rejects everything once, whichever port call fails or is its process's last", async () => {
  const run = async (at: number, fault: string) => {
    const bench = new Bench();
    const faults = new Faults(at, fault);
    let writer = bench.start(faults.ports(bench));
    for (let i = 0; i < 4; i++) {
      bench.window(0, { exchange: "a", count: i + 1 });
      bench.raw(TOPICS.statistics, 0, `poison ${i}`);
      bench.raw(TOPICS.polls, 0, encodePoll(poll({ tickMs: i * 60_000 })));
      const found = notification({ hour: i >> 1, state: i % 2 === 0 ? "firing" : "resolved" });
      bench.raw(TOPICS.notifications, 0, encodeNotification(found));
      await bench.settle();
      await bench.pass(20_000);
      if (faults.isDead) {
        // The dead process's group is gone with it; its successor joins another, of the same positions.
        const { group } = MemoryBroker.prototype;
        bench.broker.group = (id) => group.call(bench.broker, `${id} after the crash`);
        writer = bench.start();
        faults.call = () => new Promise(() => {});
        faults.isDead = false;
        await bench.settle();
      }
      const counts = (await bench.store.statistics(ALL)).map((row) => row.count);
      deepStrictEqual(counts, [i + 1], `fault at ${at}, ${fault}`);
    }
    await bench.pass(60_000);
    const { callCount } = faults;
    const stopping = writer.stop();
    await bench.settle();
    // A process may also die while it stops, and then its run never ends.
    if (!faults.isDead) await stopping;
    return {
      callCount,
      rejected: bench.rejected().map((r) => new TextDecoder().decode(r.value!)),
      sources: await bench.store.sources(),
      notifications: await bench.store.notifications(ALL),
    };
  };
  const whole = await run(-1, "none");
  ok(whole.callCount > 20);
  const states = whole.notifications.map(({ state, endedMs }) => [state, endedMs !== null]);
  deepStrictEqual(states, [["resolved", true], ["resolved", true]]);
  deepStrictEqual(whole.rejected, ["poison 0", "poison 1", "poison 2", "poison 3"]);
  for (const fault of ["fail before", "fail after", "die after"]) {
    for (let at = 1; at <= whole.callCount; at++) {
      const { callCount: _, ...left } = await run(at, fault);
      const { callCount: __, ...expected } = whole;
      deepStrictEqual(left, expected, `${fault} at ${at}`);
    }
  }
});
