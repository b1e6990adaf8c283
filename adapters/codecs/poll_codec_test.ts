import { deepStrictEqual, throws } from "node:assert";
import fc from "fast-check";
import type { PollRecord } from "../../ports/statistics_store.ts";
import { decodePoll, encodePoll, POLL_VERSION } from "./poll_codec.ts";
import { NewerSchemaError } from "./schema_version.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const amount = fc.double({ noNaN: true, noDefaultInfinity: true }).map((x) => x + 0);

const poll: fc.Arbitrary<PollRecord> = fc.record({
  source: fc.oneof(fc.string(), fc.constant("__proto__")),
  tickMs: fc.nat(),
  outcome: fc.constantFrom("ok", "skipped", "failed"),
  reason: fc.option(fc.string({ unit: "grapheme" })),
  marketCount: fc.nat(),
  entryCount: fc.nat(),
  zeroPriceCount: fc.nat(),
  leftOutCount: fc.nat(),
  malformedCount: fc.nat(),
  latencyMs: fc.option(amount),
  budget: fc.option(fc.record({
    costPerPoll: amount,
    remaining: amount,
    resetMs: fc.option(fc.nat()),
  }, { noNullPrototype: true })),
}, { noNullPrototype: true });

Deno.test("a poll reads back as it was written", () => {
  fc.assert(fc.property(poll, (poll) => deepStrictEqual(decodePoll(encodePoll(poll)), poll)));
});

Deno.test("what is no poll is refused, a newer schema by its number", () => {
  throws(() => decodePoll(null), TypeError);
  fc.assert(fc.property(fc.oneof(fc.json(), fc.string()), (text) => {
    throws(() => decodePoll(bytes(text)), TypeError);
  }));
  const good = encodePoll({
    source: "a",
    tickMs: 0,
    outcome: "ok",
    reason: null,
    marketCount: 1,
    entryCount: 1,
    zeroPriceCount: 0,
    leftOutCount: 0,
    malformedCount: 0,
    latencyMs: 1,
    budget: null,
  });
  const text = new TextDecoder().decode(good);
  for (
    const [from, to] of [
      ['"tickMs":0', '"tickMs":1e400'],
      ['"tickMs":0', '"tickMs":0.5'],
      ['"latencyMs":1', '"latencyMs":"1"'],
      ['"outcome":"ok"', '"outcome":"fine"'],
      ['"budget":null', '"__proto__":{"budget":null}'],
    ] as const
  ) {
    throws(() => decodePoll(bytes(text.replace(from, to))), TypeError);
  }
  throws(
    () => decodePoll(bytes(text.replace('"v":1', `"v":${POLL_VERSION + 1}`))),
    (error: Error) => error instanceof NewerSchemaError && /polls.*version 2/.test(error.message),
  );
});
