import { deepStrictEqual, match, strictEqual } from "node:assert";
import { encodeSample } from "../adapters/codecs/sample_codec.ts";
import { parseConfig } from "../config.ts";
import { openEngine } from "../process/engine.ts";
import { GROUPS, TOPICS } from "../topology.ts";
import { outputOf } from "../tests/command_output.ts";
import { topicsCommand } from "./topics.ts";

const COUNT = 25;

/** A running process's log with {@link COUNT} samples in partition 1, of which 10 are counted. */
async function withLog(test: (settings: Record<string, string>) => Promise<void>): Promise<void> {
  const DATA_DIR = await Deno.makeTempDir({ prefix: "data tracker " });
  try {
    const settings = { DATA_DIR, PARTITIONS: "2", SOURCES: "simulated" };
    await using engine = await openEngine(parseConfig(settings));
    await engine.log.append(Array.from({ length: COUNT }, (_, i) => ({
      topic: TOPICS.samples,
      partition: 1,
      key: "a:x",
      value: encodeSample({ exchange: "a", instrument: "x", price: i, timestampMs: 1000 * i }),
    })));
    const claim = await engine.log.claim(GROUPS.aggregator, 1);
    await claim.commit({ records: [], offsets: { samples: 10 }, metadata: () => "" });
    await claim.release();
    await test(settings);
  } finally {
    await Deno.remove(DATA_DIR, { recursive: true });
  }
}

Deno.test("topics shows offsets and lag beside the process that has the log", async () => {
  await withLog(async (settings) => {
    const { code, out, err } = await outputOf(topicsCommand, [], settings);
    deepStrictEqual([code, err], [0, ""]);
    match(out, /^topic +partition +start +end +group +position +lag\n/);
    match(out, /^samples +0 +0 +0 +aggregator +– +0$/m);
    match(out, /^samples +1 +0 +25 +aggregator +10 +15$/m);
    match(out, /^rejected +1 +0 +0 +– +– +–$/m);
    const rows = (await outputOf(topicsCommand, ["--json"], settings)).out.trim().split("\n")
      .map((line) => JSON.parse(line));
    deepStrictEqual(rows.find((row) => row.topic === "samples" && row.partition === 1), {
      ...{ topic: "samples", partition: 1, start: 0, end: 25 },
      ...{ group: "aggregator", position: 10, lag: 15 },
    });
  });
});

Deno.test("topics tail shows the last records, or those from an offset", async () => {
  await withLog(async (settings) => {
    const offsetsOf = async (...args: string[]) => {
      const { code, out } = await outputOf(
        topicsCommand,
        ["tail", "samples", "--once", "--json", ...args],
        settings,
      );
      strictEqual(code, 0);
      return out.trim().split("\n").filter(Boolean).map((line) => JSON.parse(line).offset);
    };
    deepStrictEqual(await offsetsOf(), Array.from({ length: 10 }, (_, i) => 15 + i));
    deepStrictEqual(await offsetsOf("--from", "23"), [23, 24]);
    strictEqual((await offsetsOf("--from", "start", "--partition", "1")).length, COUNT);
    deepStrictEqual(await offsetsOf("--partition", "0"), []);
    const { out } = await outputOf(topicsCommand, ["tail", "samples", "--once"], settings);
    match(out, /^\d{4}-\S+Z 1@15 a:x \{"v":1,"exchange":"a"/);
  });
});

Deno.test("topics says what it cannot show", async () => {
  await withLog(async (settings) => {
    for (
      const [args, problem] of [
        [["tail"], /tail which\? samples, statistics/],
        [["tail", "nope"], /there is no topic nope/],
        [["tail", "samples", "--partition", "9"], /samples has partitions 0 to 1, not 9/],
        [["tail", "samples", "--from", "soon"], /--from soon: must be a whole number/],
        [["tail", "samples", "--from", "99"], /no partition of samples goes beyond 25/],
        [["drop", "samples"], /cannot drop samples; only tail/],
        [["create"], /create is for Kafka; set KAFKA_BROKERS/],
      ] as const
    ) {
      const { code, err } = await outputOf(topicsCommand, args, settings);
      strictEqual(code, 2);
      match(err, problem);
    }
    const past = await outputOf(
      topicsCommand,
      ["tail", "samples", "--once", "--partition", "1", "--from", "99"],
      settings,
    );
    strictEqual(past.code, 1);
    match(past.err, /offset 99 is outside the log/);
  });
  const none = await outputOf(topicsCommand, [], { DATA_DIR: "/nowhere", SOURCES: "simulated" });
  strictEqual(none.code, 1);
  match(none.err, /^\/nowhere\/log.kv: no such file; has the program run with this DATA_DIR yet\?/);
});
