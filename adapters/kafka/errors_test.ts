import assert from "node:assert/strict";
import { FencedError, LogAwayError } from "../../ports/topic_log.ts";
import { explain, isPassing, rootOf, UnreachableError, waitingFor } from "./errors.ts";

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

Deno.test("explain() says what to do about certificates and logins, which do not pass by themselves", () => {
  const broker = "kafka:9093";
  for (
    const [code, message] of [
      ["SELF_SIGNED_CERT_IN_CHAIN", /KAFKA_TLS_CA$/],
      ["UNABLE_TO_VERIFY_LEAF_SIGNATURE", /KAFKA_TLS_CA$/],
      ["ERR_TLS_CERT_ALTNAME_INVALID", /for other hosts/],
      ["CERT_HAS_EXPIRED", /has expired/],
      ["ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", /KAFKA_TLS_CERT and KAFKA_TLS_KEY/],
    ] as const
  ) {
    const error = errorOf("KafkaJSConnectionError", "x", { code, broker, retriable: true });
    assert.match(explain("connecting", error).message, message);
    assert.ok(!isPassing(error));
  }
  const refused = errorOf("KafkaJSSASLAuthenticationError", "SASL PLAIN authentication failed: no");
  assert.equal(
    explain("connecting", refused, { username: "alice" }).message,
    "KAFKA_USERNAME=alice: the broker refused the login (no); check KAFKA_SASL_MECHANISM, " +
      "KAFKA_USERNAME and KAFKA_PASSWORD",
  );
});

Deno.test("explain() guesses at TLS and logins only where nothing has been reached yet", () => {
  const closed = errorOf("KafkaJSConnectionClosedError", "Closed connection", { broker: "b:1" });
  assert.match(explain("x", closed).message, /cannot reach b:1 \(connection lost\)/);
  assert.match(explain("x", closed, { isFirst: true }).message, /does this listener want TLS/);
});

Deno.test("a broker that is starting or silent is away: nothing for an operator to mend", () => {
  for (const type of ["GROUP_LOAD_IN_PROGRESS", "NOT_COORDINATOR_FOR_GROUP"]) {
    const error = errorOf("KafkaJSProtocolError", "The coordinator is x", {
      type,
      retriable: true,
    });
    assert.ok(isPassing(error));
    assert.ok(explain("claiming aggregator-4", error) instanceof LogAwayError);
    assert.match(waitingFor(error), /^a broker is still making itself ready/);
  }
  const silent = explain("committing", errorOf("KafkaJSConnectionError", "Broker not connected"));
  assert.ok(silent instanceof UnreachableError);
  assert.match(silent.message, /\(no answer\)/);
});
