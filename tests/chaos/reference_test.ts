import { deepStrictEqual, strictEqual } from "node:assert";
import { partitionOf } from "../../topology.ts";
import { Reference } from "./reference.ts";

const MINUTE_MS = 60_000;
const partition = partitionOf("x:a", 6);
const config = {
  windowSizeMs: MINUTE_MS,
  graceMs: 2 * MINUTE_MS,
  amendForMs: 3 * MINUTE_MS,
  maxSkewMs: MINUTE_MS,
  partition,
  partitionCount: 6,
};
const FIRST_MS = 1_000 * MINUTE_MS;

function fold(...samples: (Record<string, unknown> | string)[]) {
  const reference = new Reference(config);
  samples.forEach((sample, offset) => {
    const value = typeof sample === "string"
      ? sample
      : JSON.stringify({ v: 1, exchange: "x", instrument: "a", price: 1, ...sample });
    const bytes = new TextEncoder().encode(value);
    const appendMs = FIRST_MS + 10 * MINUTE_MS;
    reference.add({ key: "x:a", value: bytes, headers: {}, offset, appendMs });
  });
  return reference;
}

/** A sample so many minutes after the first. */
const at = (minute: number, more = {}) => ({ timestampMs: FIRST_MS + minute * MINUTE_MS, ...more });

Deno.test("the reference counts what is in time, in the window of its tick", () => {
  const { windows, counted, rejected } = fold(
    at(0.5, { price: 3 }),
    at(0.1, { price: 5 }),
    at(9, { tickMs: FIRST_MS, price: 7 }),
    at(1),
  );
  const window = windows.get(`x:a@${FIRST_MS}`)!;
  deepStrictEqual([window.prices, window.throughOffset, window.amended], [[3, 5, 7], 2, false]);
  deepStrictEqual([window.open.price, window.close.price, window.ticks.size], [7, 3, 1]);
  deepStrictEqual([windows.size, counted, rejected.size], [2, 4, 0]);
});

Deno.test("the reference amends from the grace's end on, and refuses from the amending's end on", () => {
  const late = fold(at(0), at(2.99), at(0.5), at(3), at(0.6));
  strictEqual(late.windows.get(`x:a@${FIRST_MS}`)!.amended, true);
  strictEqual(fold(at(0), at(2.99), at(0.5)).windows.get(`x:a@${FIRST_MS}`)!.amended, false);
  strictEqual(late.isClosed(FIRST_MS + MINUTE_MS), true);
  const sealed = fold(at(0), at(5.99), at(0.1), at(6), at(0.2));
  deepStrictEqual([...sealed.rejected], [[4, "sealed"]]);
  strictEqual(sealed.windows.get(`x:a@${FIRST_MS}`)!.prices.length, 2);
});

Deno.test("the reference refuses duplicates, poison, the future, and what is in a wrong partition", () => {
  const other = Array.from({ length: 50 }, (_, i) => `b${i}`)
    .find((instrument) => partitionOf(`x:${instrument}`, 6) !== partition)!;
  const tick = { tickMs: FIRST_MS };
  const { duplicate, counted, rejected, streamMs } = fold(
    at(0, tick),
    at(0, { ...tick, price: 2 }),
    "{",
    at(0, { price: -1 }),
    at(0, { instrument: other }),
    at(11.01),
  );
  deepStrictEqual([duplicate, counted, streamMs], [1, 1, FIRST_MS]);
  deepStrictEqual([...rejected.values()], ["malformed", "malformed", "partition", "skew"]);
});
