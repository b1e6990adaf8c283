import assert from "node:assert/strict";
import { FencedError } from "../../ports/topic_log.ts";
import { explain, isPassing, rootOf } from "./errors.ts";

function errorOf(name: string, message: string, more: object = {}): Error {
  return Object.assign(new Error(message), { name, ...more });
}

Deno.test("explain() finds the error beneath those that kafkajs wraps it in", () => {
  const broker = "kafka:9092";
  const refused = errorOf("KafkaJSConnectionError", "x", { code: "ECONNREFUSED", broker });
  const wrapped = new Error("retries exceeded", {
    cause: new Error("once more", { cause: refused }),
  });
  assert.equal(rootOf(wrapped), refused);
  assert.equal(
    explain("appending", wrapped).message,
    "KAFKA_BROKERS: cannot reach kafka:9092 (connection refused); is the broker up? " +
      "Unset it to use the embedded log.",
  );
});

Deno.test("explain() knows the errors of a claim that was fenced", () => {
  const fencing = [
    errorOf("KafkaJSProtocolError", "old epoch", { type: "INVALID_PRODUCER_EPOCH" }),
    errorOf("KafkaJSProtocolError", "no such state", { type: "INVALID_TXN_STATE" }),
    errorOf("KafkaJSProtocolError", "Unknown error code 90"),
  ];
  for (const error of fencing) assert.ok(explain("committing", error) instanceof FencedError);
  const other = errorOf("KafkaJSProtocolError", "Unknown error code 91");
  assert.ok(!(explain("committing", other) instanceof FencedError));
});

Deno.test("isPassing() tells what to try again", () => {
  const passes = (name: string, more: object) => isPassing(errorOf(name, "x", more));
  assert.ok(passes("KafkaJSProtocolError", { type: "NOT_LEADER_FOR_PARTITION", retriable: true }));
  assert.ok(passes("KafkaJSProtocolError", { type: "CONCURRENT_TRANSACTIONS", retriable: false }));
  assert.ok(!passes("KafkaJSProtocolError", { type: "MESSAGE_TOO_LARGE", retriable: false }));
  assert.ok(!passes("KafkaJSSASLAuthenticationError", { retriable: false }));
  assert.ok(!passes("RangeError", {}));
});
