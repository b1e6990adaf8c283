/**
 * What every topic log must do, whatever it is made of. Nothing here assumes what only one engine
 * has: offsets may have gaps, a transaction may become visible a while after its commit, a group may
 * take seconds to share its partitions out.
 *
 * @module
 */
import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import {
  FencedError,
  type NewRecord,
  OffsetOutOfRangeError,
  TopicMismatchError,
  type Transaction,
} from "../../ports/topic_log.ts";
import { Member } from "./group_member.ts";
import {
  contentOf,
  eventually,
  type Log,
  newGroup,
  newTopic,
  numbered,
  numberOf,
  PATIENCE_MS,
  positionsOnly,
  readCount,
  readUntil,
  record,
  risesStrictly,
  spec,
  unique,
} from "./log_records.ts";

/** A log under test. Other tests may use the same cluster: topics and groups have names of their own. */
export interface TopicLogUnderTest {
  log: Log;
  /** Another process's connection to the same log; the same object where the log is one process's. */
  second: Log;
  /** Makes the log forget all records that the topic has now, if there is a way. */
  expire?(topic: string): Promise<void>;
  close(): Promise<void>;
}

/** Opens a log. */
export type OpenTopicLog = () => Promise<TopicLogUnderTest>;

/** Enough for what is to come at once. */
const ALL = { byteCountMax: 10_000_000, waitMaxMs: 0 };

const encoder = new TextEncoder();

/** Registers the tests. `options` go to `Deno.test`, for engines that keep connections open. */
export function topicLogContract(
  name: string,
  open: OpenTopicLog,
  options: Partial<Deno.TestDefinition> = {},
): void {
  const suites = [recordTests, fetchTests, claimTests, transactionTests, groupTests, adminTests];
  for (const [title, run] of suites.flatMap((suite) => Object.entries(suite))) {
    const fn = async () => {
      const opened = await open();
      try {
        await run(opened);
      } finally {
        await opened.close();
      }
    };
    Deno.test({ ...options, name: `${name}: ${title}`, fn });
  }
}

type Tests = Record<string, (opened: TopicLogUnderTest) => Promise<void>>;

const recordTests: Tests = {
  async "records come back whole and in order, once appended"({ log }) {
    const topic = await newTopic(log);
    const records: NewRecord[] = [
      { topic, partition: 0, key: "kraken:btcusd", value: encoder.encode("a") },
      { topic, partition: 0, key: "", value: new Uint8Array() },
      { topic, partition: 0, key: "märkt:日本€😀", value: encoder.encode("zoë 日本 😀") },
      {
        topic,
        partition: 0,
        key: "\ufeffbom",
        value: Uint8Array.from({ length: 256 }, (_, i) => i),
      },
      {
        topic,
        partition: 0,
        key: "h",
        value: encoder.encode("with headers"),
        headers: { reason: "late", detail: "naïve 日本 😀", empty: "" },
      },
      { topic, partition: 0, key: "last", value: new Uint8Array(3) },
    ];
    await log.append(records);
    const { records: found, nextOffset, endOffset } = await log.fetch(topic, 0, 0, ALL);
    deepStrictEqual(found.map(contentOf), records.map(contentOf));
    strictEqual(nextOffset, endOffset);
    ok(nextOffset > found.at(-1)!.offset);
  },

  async "each partition keeps the order of its own, over many appends of any size"({ log }) {
    const topic = await newTopic(log, 3);
    const sizes = [1, 700, 1, 3, 2000, 2, 1, 50];
    let sent = 0;
    for (const size of sizes) {
      await log.append(
        Array.from({ length: size }, () => numbered(topic, sent % 3, sent++)),
      );
    }
    for (let partition = 0; partition < 3; partition++) {
      const found = await readCount(log, topic, partition, Math.ceil((sent - partition) / 3));
      deepStrictEqual(found.map(numberOf), found.map((_, i) => partition + 3 * i));
      risesStrictly(found.map((record) => record.offset));
    }
  },

  async "appends that run at the same time all arrive, each in its order"({ log, second }) {
    const topic = await newTopic(log);
    const writers = [0, 1, 2, 3, 4];
    await Promise.all(writers.map(async (writer) => {
      for (let i = 0; i < 10; i++) {
        const to = writer % 2 === 0 ? log : second;
        await to.append([numbered(topic, 0, 100 * writer + i)]);
      }
    }));
    const numbers = (await readCount(log, topic, 0, 50)).map(numberOf);
    for (const writer of writers) {
      const own = numbers.filter((number) => Math.floor(number / 100) === writer);
      deepStrictEqual(own, own.map((_, i) => 100 * writer + i));
      strictEqual(own.length, 10);
    }
  },

  async "append times never fall along a partition"({ log }) {
    const topic = await newTopic(log);
    for (let i = 0; i < 20; i++) {
      await log.append([numbered(topic, 0, 2 * i), numbered(topic, 0, 2 * i + 1)]);
    }
    const times = (await readCount(log, topic, 0, 40)).map((record) => record.appendMs);
    for (const [i, time] of times.entries()) ok(i === 0 || time >= times[i - 1]!, `${times}`);
    ok(times.every((time) => Number.isFinite(time) && time > 0));
  },

  async "values of 200 kB, and a megabyte of them at once"({ log }) {
    const topic = await newTopic(log);
    const values = [1, 2, 3, 4, 5].map((byte) => {
      const value = new Uint8Array(200_000).fill(byte);
      value[0] = 255;
      return value;
    });
    const small = encoder.encode("small");
    await log.append([small, ...values, small].map((value) => record(topic, 0, "k", value)));
    const found = await readCount(log, topic, 0, 7);
    deepStrictEqual(found.map((one) => [one.value!.length, one.value![0], one.value!.at(-1)]), [
      [5, small[0], small[4]],
      ...values.map((value) => [200_000, 255, value[1]]),
      [5, small[0], small[4]],
    ]);
  },
};

const fetchTests: Tests = {
  async "a fetch brings no more than byteCountMax, and where it ended the next goes on"({ log }) {
    const topic = await newTopic(log);
    await log.append(Array.from({ length: 60 }, (_, i) => numbered(topic, 0, i, 1000)));
    const numbers: number[] = [];
    for (let offset = 0, fetched; numbers.length < 60; offset = fetched.nextOffset) {
      fetched = await log.fetch(topic, 0, offset, { byteCountMax: 7000, waitMaxMs: 5000 });
      const byteCount = fetched.records.reduce(
        (sum, { key, value }) => sum + key!.length + value!.length,
        0,
      );
      ok(byteCount <= 7000, `${byteCount} bytes`);
      ok(fetched.nextOffset > offset);
      numbers.push(...fetched.records.map(numberOf));
    }
    deepStrictEqual(numbers, numbers.map((_, i) => i));
  },

  async "a record larger than byteCountMax comes alone"({ log }) {
    const topic = await newTopic(log);
    await log.append([1, 2, 3].map((i) => numbered(topic, 0, i, 50_000)));
    let offset = 0;
    for (const number of [1, 2, 3]) {
      const fetched = await log.fetch(topic, 0, offset, { byteCountMax: 10, waitMaxMs: 5000 });
      deepStrictEqual(fetched.records.map(numberOf), [number]);
      offset = fetched.nextOffset;
    }
  },

  async "a fetch may begin at any offset"({ log }) {
    const topic = await newTopic(log);
    await log.append(Array.from({ length: 500 }, (_, i) => numbered(topic, 0, i)));
    const all = await readCount(log, topic, 0, 500);
    for (const i of [0, 1, 250, 498, 499]) {
      const { records } = await log.fetch(topic, 0, all[i]!.offset, ALL);
      strictEqual(records[0]!.offset, all[i]!.offset);
      strictEqual(numberOf(records[0]!), i);
    }
  },

  async "a waiting fetch is woken by an append, from another connection too"({ log, second }) {
    const topic = await newTopic(log);
    const began = performance.now();
    const waiting = log.fetch(topic, 0, 0, { ...ALL, waitMaxMs: PATIENCE_MS });
    await second.append([numbered(topic, 0, 7)]);
    deepStrictEqual((await waiting).records.map(numberOf), [7]);
    ok(performance.now() - began < PATIENCE_MS / 2);
  },

  async "a fetch of nothing answers empty, after its wait or at once when aborted"({ log }) {
    const topic = await newTopic(log);
    for (const waitMaxMs of [0, 50]) {
      const empty = await log.fetch(topic, 0, 0, { ...ALL, waitMaxMs });
      deepStrictEqual(empty, { records: [], nextOffset: 0, startOffset: 0, endOffset: 0 });
    }
    const controller = new AbortController();
    const began = performance.now();
    const options = { ...ALL, waitMaxMs: PATIENCE_MS, signal: controller.signal };
    const waiting = log.fetch(topic, 0, 0, options);
    controller.abort();
    deepStrictEqual((await waiting).records, []);
    deepStrictEqual((await log.fetch(topic, 0, 0, options)).records, []);
    ok(performance.now() - began < PATIENCE_MS / 2);
  },

  async "an offset beyond the end is an error that says where the log is"({ log }) {
    const topic = await newTopic(log);
    await log.append([numbered(topic, 0, 1)]);
    const { endOffset } = await log.fetch(topic, 0, 0, ALL);
    deepStrictEqual((await log.fetch(topic, 0, endOffset, ALL)).records, []);
    await rejects(log.fetch(topic, 0, endOffset + 5, { ...ALL, waitMaxMs: 1000 }), (error) => {
      ok(error instanceof OffsetOutOfRangeError, String(error));
      deepStrictEqual(
        [error.topic, error.partition, error.offset, error.startOffset, error.endOffset],
        [topic, 0, endOffset + 5, 0, endOffset],
      );
      return true;
    });
  },

  async "an offset before the start is an error that says where the log is"({ log, expire }) {
    if (expire === undefined) return;
    const topic = await newTopic(log, 2);
    await log.append([0, 1, 2].map((i) => numbered(topic, 0, i)));
    const { endOffset: start } = await log.fetch(topic, 0, 0, ALL);
    await expire(topic);
    await log.append([numbered(topic, 0, 3)]);
    const end = (await log.describe(topic))![0]!.endOffset;
    for (const offset of [0, start - 1]) {
      await rejects(log.fetch(topic, 0, offset, { ...ALL, waitMaxMs: 1000 }), (error) => {
        ok(error instanceof OffsetOutOfRangeError, String(error));
        deepStrictEqual([error.offset, error.startOffset, error.endOffset], [offset, start, end]);
        return true;
      });
    }
    const fetched = await log.fetch(topic, 0, start, { ...ALL, waitMaxMs: 5000 });
    deepStrictEqual([fetched.startOffset, fetched.records.map(numberOf)], [start, [3]]);
    deepStrictEqual((await log.describe(topic))![0], { startOffset: start, endOffset: end });
  },
};

const claimTests: Tests = {
  async "a claim has the positions that the last commit left"({ log, second }) {
    const { group, input } = await newGroup(log);
    const first = await log.claim(group, 1);
    deepStrictEqual(first.positions, {});
    await first.commit(positionsOnly({ [input]: 7 }, "seven"));
    await first.commit(positionsOnly({ [input]: 9 }, "nïne 日本"));
    deepStrictEqual(first.positions, {}, "as they were when claimed");
    await first.release();
    const next = await second.claim(group, 1);
    deepStrictEqual(next.positions, { [input]: { offset: 9, metadata: "nïne 日本" } });
    const other = await log.claim(group, 0);
    deepStrictEqual(other.positions, {}, "partitions have positions of their own");
    await other.release();
    await next.release();
  },

  async "a later claim fences the earlier: its commits change nothing"({ log, second }) {
    const { group, input, output } = await newGroup(log);
    const zombie = await log.claim(group, 1);
    await zombie.commit({ ...positionsOnly({ [input]: 1 }), records: [numbered(output, 1, 1)] });
    const owner = await second.claim(group, 1);
    for (let attempt = 0; attempt < 2; attempt++) {
      const late = { ...positionsOnly({ [input]: 666 }), records: [numbered(output, 1, 666)] };
      await rejects(zombie.commit(late), FencedError);
    }
    await owner.commit({ ...positionsOnly({ [input]: 2 }), records: [numbered(output, 1, 2)] });
    await rejects(zombie.commit(positionsOnly({ [input]: 667 })), FencedError);
    await log.append([numbered(output, 1, 99)]);
    deepStrictEqual(
      (await readUntil(log, output, 1, 99)).map(numberOf),
      [1, 2, 99],
    );
    const last = await log.claim(group, 1);
    strictEqual(last.positions[input]!.offset, 2);
    for (const claim of [zombie, owner, last]) await claim.release();
  },

  async "claims of other partitions and groups do not fence"({ log }) {
    const { group, input } = await newGroup(log);
    const { group: otherGroup } = await newGroup(log);
    const claim = await log.claim(group, 0);
    const others = [await log.claim(group, 1), await log.claim(otherGroup, 0)];
    await claim.commit(positionsOnly({ [input]: 3 }));
    for (const one of [claim, ...others]) await one.release();
  },

  async "a group may read topics of different partition counts"({ log }) {
    const [wide, narrow] = [await newTopic(log, 3), await newTopic(log, 1)];
    const group = { id: unique("group"), topics: [wide, narrow] };
    for (const partition of [0, 1, 2]) {
      const claim = await log.claim(group, partition);
      const offsets = { [wide]: 10 + partition, ...(partition === 0 && { [narrow]: 5 }) };
      await claim.commit(positionsOnly(offsets, `of ${partition}`));
      await claim.release();
    }
    const claim = await log.claim(group, 0);
    deepStrictEqual(claim.positions, {
      [wide]: { offset: 10, metadata: "of 0" },
      [narrow]: { offset: 5, metadata: "of 0" },
    });
    await claim.release();
    const expected = { [wide]: [10, 11, 12], [narrow]: [5] };
    await eventually(async () => deepStrictEqual(await log.positions(group), expected));
  },
};

const transactionTests: Tests = {
  async "a transaction brings its records, in several topics, and its positions together"({ log }) {
    const { group, input, output, rejected } = await newGroup(log);
    const claim = await log.claim(group, 1);
    const told: Record<string, number>[] = [];
    const metadata = "m".repeat(4096);
    await claim.commit({
      records: [
        numbered(output, 1, 1),
        numbered(rejected, 1, 2),
        numbered(output, 1, 3),
        { ...numbered(rejected, 1, 4), headers: { reason: "malformed" } },
      ],
      offsets: { [input]: 42 },
      metadata(lastOffsets) {
        told.push({ ...lastOffsets });
        return metadata;
      },
    });
    await claim.release();
    const outputs = await readCount(log, output, 1, 2);
    const rejects = await readCount(log, rejected, 1, 2);
    deepStrictEqual(outputs.map(numberOf), [1, 3]);
    deepStrictEqual(rejects.map(numberOf), [2, 4]);
    strictEqual(rejects[1]!.headers.reason, "malformed");
    deepStrictEqual(told, [{ [output]: outputs[1]!.offset, [rejected]: rejects[1]!.offset }]);
    const next = await log.claim(group, 1);
    deepStrictEqual(next.positions, { [input]: { offset: 42, metadata } });
    await next.release();
  },

  async "a transaction that fails leaves nothing, and the next claim goes on"({ log }) {
    const { group, input, output, rejected } = await newGroup(log);
    const claim = await log.claim(group, 0);
    await claim.commit({ ...positionsOnly({ [input]: 1 }), records: [numbered(output, 0, 1)] });
    const failing: Transaction = {
      records: [
        ...Array.from({ length: 3000 }, (_, i) => numbered(output, 0, 1000 + i, 300)),
        numbered(rejected, 0, 1000),
      ],
      offsets: { [input]: 500 },
      metadata() {
        throw new Error("on purpose");
      },
    };
    await rejects(claim.commit(failing));
    await claim.release();
    const next = await log.claim(group, 0);
    strictEqual(next.positions[input]!.offset, 1);
    await next.commit({ ...positionsOnly({ [input]: 2 }), records: [numbered(output, 0, 2)] });
    await next.release();
    await log.append([numbered(output, 0, 99), numbered(rejected, 0, 99)]);
    deepStrictEqual((await readUntil(log, output, 0, 99)).map(numberOf), [1, 2, 99]);
    deepStrictEqual((await readUntil(log, rejected, 0, 99)).map(numberOf), [99]);
  },

  async "a transaction may be larger than any batch"({ log }) {
    const { group, input, output } = await newGroup(log);
    const claim = await log.claim(group, 0);
    let last = -1;
    await claim.commit({
      records: Array.from({ length: 20_000 }, (_, i) => numbered(output, 0, i, 200)),
      offsets: { [input]: 20_000 },
      metadata: (lastOffsets) => `${last = lastOffsets[output]!}`,
    });
    await claim.release();
    const found = await readCount(log, output, 0, 20_000);
    deepStrictEqual(found.map(numberOf), found.map((_, i) => i));
    strictEqual(found.at(-1)!.offset, last);
  },

  async "transactions of several partitions run at the same time, many after each other"({ log }) {
    const { group, input, output } = await newGroup(log);
    await Promise.all([0, 1].map(async (partition) => {
      const claim = await log.claim(group, partition);
      for (let i = 0; i < 10; i++) {
        const records = [2 * i, 2 * i + 1].map((number) => numbered(output, partition, number));
        await claim.commit({ ...positionsOnly({ [input]: i + 1 }), records });
      }
      await claim.release();
    }));
    for (const partition of [0, 1]) {
      const found = await readCount(log, output, partition, 20);
      deepStrictEqual(found.map(numberOf), found.map((_, i) => i));
      risesStrictly(found.map((record) => record.offset));
    }
    const expected = { [input]: [10, 10] };
    await eventually(async () => deepStrictEqual(await log.positions(group), expected));
  },
};

const groupTests: Tests = {
  async "a lone member owns every partition, until it is stopped"({ log }) {
    const [wide, narrow] = [await newTopic(log, 4), await newTopic(log, 2)];
    const member = new Member(log, { id: unique("group"), topics: [narrow, wide] });
    await eventually(() => deepStrictEqual(member.owned(), [0, 1, 2, 3]));
    await member.leave();
    deepStrictEqual(member.owned(), []);
  },

  async "members share the partitions; they move when one comes or goes"({ log, second }) {
    const group = { id: unique("group"), topics: [await newTopic(log, 4)] };
    const [first, other] = [new Member(log, group), new Member(second, group)];
    const shared = () => {
      ok(first.owned().length > 0 && other.owned().length > 0);
      deepStrictEqual([...first.owned(), ...other.owned()].sort(), [0, 1, 2, 3]);
    };
    await eventually(shared);
    await first.leave();
    deepStrictEqual(first.owned(), []);
    await eventually(() => deepStrictEqual(other.owned(), [0, 1, 2, 3]));
    const third = new Member(log, group);
    await eventually(() => {
      ok(third.owned().length > 0 && other.owned().length > 0);
      deepStrictEqual([...third.owned(), ...other.owned()].sort(), [0, 1, 2, 3]);
    });
    await Promise.all([other.leave(), third.leave()]);
    deepStrictEqual([...other.owned(), ...third.owned()], []);
  },

  async "a partition does not come back before its last owner has ended"({ log, second }) {
    const group = { id: unique("group"), topics: [await newTopic(log, 2)] };
    const slow = new Member(log, group);
    await eventually(() => deepStrictEqual(slow.owned(), [0, 1]));
    const held = Promise.withResolvers<void>();
    slow.beforeEnd = () => held.promise; // Member notes a partition that it is given twice.
    const other = new Member(second, group);
    await eventually(() => ok(slow.revokedCount > 0));
    const gone = other.leave();
    held.resolve();
    await gone;
    await eventually(() => deepStrictEqual(slow.owned(), [0, 1]));
    await slow.leave();
  },

  async "an owner that ends by itself keeps its partition, idle"({ log }) {
    const group = { id: unique("group"), topics: [await newTopic(log, 2)] };
    const stop = new AbortController();
    const calls: number[] = [];
    const joined = log.join(group, (partition) => {
      calls.push(partition);
      return Promise.resolve();
    }, stop.signal);
    await eventually(() => deepStrictEqual(calls.toSorted(), [0, 1]));
    stop.abort();
    await joined;
    deepStrictEqual(calls.toSorted(), [0, 1]);
  },

  async "the first error of an owner stops the member, and is what join rejects with"({ log }) {
    const group = { id: unique("group"), topics: [await newTopic(log, 3)] };
    const failing = new Member(log, group);
    await eventually(() => deepStrictEqual(failing.owned(), [0, 1, 2]));
    failing.fail(1, new Error("on purpose"));
    await rejects(failing.ended, /on purpose/);
    deepStrictEqual(failing.owned(), []);
    const next = new Member(log, group);
    await eventually(() => deepStrictEqual(next.owned(), [0, 1, 2]));
    await next.leave();
  },

  async "a member that is stopped before it begins owns nothing"({ log }) {
    const group = { id: unique("group"), topics: [await newTopic(log, 1)] };
    await log.join(group, () => Promise.reject(new Error("must not own")), AbortSignal.abort());
  },
};

const adminTests: Tests = {
  async "topics are made once, however often and by however many"({ log, second }) {
    const specs = [spec(unique("topic"), 3), { ...spec(unique("topic"), 1), compacted: true }];
    await Promise.all([log.create(specs), second.create(specs)]);
    await log.append([numbered(specs[0]!.name, 2, 1)]);
    await second.create(specs);
    const ranges = (await log.describe(specs[0]!.name))!;
    deepStrictEqual(ranges.map((range) => range.startOffset), [0, 0, 0]);
    deepStrictEqual(ranges.map((range) => range.endOffset > 0), [false, false, true]);
    strictEqual((await second.describe(specs[1]!.name))!.length, 1);
  },

  async "a topic that is there and differs is refused in words, and stays"({ log }) {
    const name = unique("topic");
    await log.create([spec(name, 3)]);
    await rejects(log.create([spec(name, 5)]), (error) => {
      ok(error instanceof TopicMismatchError, String(error));
      for (const part of [name, "3", "5", "partition"]) {
        ok(error.message.includes(part), error.message);
      }
      return true;
    });
    await rejects(log.create([{ ...spec(name, 3), compacted: true }]), (error) => {
      ok(error instanceof TopicMismatchError, String(error));
      ok(error.message.includes(name), error.message);
      return true;
    });
    strictEqual((await log.describe(name))!.length, 3);
    await log.create([spec(name, 3)]);
  },

  async "a topic that is not there has no description, and takes no records"({ log }) {
    const name = unique("topic");
    strictEqual(await log.describe(name), null);
    await rejects(log.append([numbered(name, 0, 1)]));
    strictEqual(await log.describe(name), null);
  },

  async "a group that never committed has no positions"({ log }) {
    const { group, input } = await newGroup(log);
    deepStrictEqual(await log.positions(group), { [input]: [null, null] });
  },
};
