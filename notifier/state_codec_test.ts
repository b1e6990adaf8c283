import { deepStrictEqual, strictEqual, throws } from "node:assert";
import { NewerSchemaError } from "../adapters/codecs/schema_version.ts";
import { crossing, over } from "../tests/notification_sample.ts";
import { beginAttempt, newGroup, takeFiring, takeResolved } from "./group.ts";
import { decodeGroup, decodePositions, encodeGroup, encodePositions } from "./state_codec.ts";

const TAKING = { atMs: 5, isLong: false, staleBeforeMs: 0 };

Deno.test("a group with a digest under way reads back as it was", () => {
  const state = newGroup("ops", { rule: "leap", exchange: null });
  for (const name of ["a", "b", "c"]) takeFiring(state, crossing(`x:${name}`, 1), TAKING);
  beginAttempt(state, { id: "d", nowMs: 7 });
  takeResolved(state, over(crossing("x:a", 1), 8), { sendResolved: true }, TAKING);
  takeFiring(state, crossing("x:d", 9), TAKING);
  deepStrictEqual(decodeGroup(encodeGroup(state)), state);
});

Deno.test("a group that is gone says so", () => strictEqual(decodeGroup(encodeGroup(null)), null));

Deno.test("positions read back", () => {
  deepStrictEqual(decodePositions(encodePositions([3, 0, 7])), [3, 0, 7]);
});

Deno.test("what is no state is refused, and what a newer program wrote by another name", () => {
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  const state = JSON.parse(new TextDecoder().decode(encodeGroup(newGroup("ops", {}))));
  for (
    const bad of [
      ...[{}, [], null, { v: 1 }, { ...state, told: { hashes: "?", overCount: 0 } }],
      ...[{ ...state, lastSentMs: "x" }, { ...state, told: { hashes: "AAAA", overCount: 0 } }],
    ]
  ) throws(() => decodeGroup(bytes(bad)), TypeError, JSON.stringify(bad));
  throws(() => decodeGroup(null), TypeError);
  throws(() => decodeGroup(new TextEncoder().encode("{")), TypeError);
  throws(() => decodeGroup(bytes({ ...state, v: 2 })), NewerSchemaError);
  throws(() => decodePositions(bytes({ v: 2 })), NewerSchemaError);
});
