import { deepStrictEqual, ok, strictEqual } from "node:assert";
import type { FetchedBatch, TopicLog } from "../ports/topic_log.ts";
import { Inputs } from "./inputs.ts";

type Rows = Record<string, number[]>;

/** A log whose records are their append times; those of `hidden` topics come only when they are asked for again. */
function logOf(rows: Rows, valueBytes = 10): Pick<TopicLog, "fetch"> {
  return {
    // deno-lint-ignore require-await -- the port is asynchronous
    async fetch(topic, _partition, offset, { byteCountMax }): Promise<FetchedBatch> {
      const all = rows[topic]!;
      const take = Math.max(1, Math.floor(byteCountMax / valueBytes));
      const records = all.slice(offset, offset + take).map((appendMs, i) => ({
        ...{ offset: offset + i, appendMs, key: null, headers: {} },
        value: new Uint8Array(valueBytes),
      }));
      const nextOffset = offset + records.length;
      return { records, nextOffset, startOffset: 0, endOffset: all.length };
    },
  };
}

function inputsOf(rows: Rows, valueBytes?: number): Inputs {
  const log = logOf(rows, valueBytes);
  const deps = { log, partition: 0, partitionCount: 4, outOfRange: () => 0 };
  return new Inputs(new Map(Object.keys(rows).map((topic) => [topic, 0])), deps);
}

const signal = new AbortController().signal;

Deno.test("Inputs gives records out in the order in which the log took them, earlier topics first", async () => {
  const inputs = inputsOf({ statistics: [5, 10, 20], polls: [], samples: [1, 10, 15, 30] });
  const given: string[] = [];
  while (!await inputs.fill(0, signal)) {
    for (let record = inputs.next(); record !== null; record = inputs.next()) {
      given.push(`${inputs.topic} ${record.appendMs}`);
    }
  }
  deepStrictEqual(given, [
    ...["samples 1", "statistics 5", "statistics 10", "samples 10"],
    ...["samples 15", "statistics 20", "samples 30"],
  ]);
  deepStrictEqual(inputs.offsets, { statistics: 3, polls: 0, samples: 4 });
  deepStrictEqual(inputs.lags, { statistics: 0, polls: 0, samples: 0 });
});

Deno.test("Inputs waits with a record until the other topics were asked after it had come", async () => {
  const rows: Rows = { statistics: [], samples: [] };
  const inputs = inputsOf(rows);
  ok(await inputs.fill(0, signal));
  rows.samples!.push(10);
  // Published before the sample, and not there yet when the samples were asked for.
  await inputs.fill(0, signal);
  rows.statistics!.push(9);
  const first = inputs.next();
  if (first === null) await inputs.fill(0, signal);
  strictEqual((first ?? inputs.next())?.appendMs, 9);
});

Deno.test("Inputs reads a topic ahead again and again, as far as it was asked to", async () => {
  const times = Array.from({ length: 60_000 }, (_, i) => i);
  const inputs = inputsOf({ statistics: times, samples: [70_000] }, 2_000);
  await inputs.fill(0, signal);
  for (const atMs of [5_000, 9_000, 13_000, 17_000, 21_000]) {
    while (([...inputs.waiting("statistics")][0]?.appendMs ?? atMs) < atMs) inputs.next();
    await inputs.readAhead("statistics", atMs + 5_000, signal);
    const waiting = [...inputs.waiting("statistics")];
    ok(waiting.at(-1)!.appendMs > atMs + 5_000, `${waiting.at(-1)!.appendMs} at ${atMs}`);
    ok(waiting.length < 20_000, "what was given out is let go");
  }
});
