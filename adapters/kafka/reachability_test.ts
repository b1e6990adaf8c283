import { match, strictEqual } from "node:assert";
import { Reachability } from "./reachability.ts";

function setUp() {
  let nowMs = 1_000_000;
  const reachability = new Reachability(() => nowMs);
  reachability.wasReached = true;
  return { reachability, pass: (durationMs: number) => nowMs += durationMs };
}

Deno.test("a broker that is away is a problem once nothing has answered for a while", () => {
  const { reachability, pass } = setUp();
  reachability.answered(false);
  pass(60_000);
  strictEqual(reachability.problem, null, "idle is not away");
  reachability.lost("kafka:9092", "connection refused");
  strictEqual(reachability.problem, null);
  pass(12_000);
  reachability.lost("kafka:9092", "connection refused");
  match(reachability.problem!, /^Kafka has not answered for 12s \(kafka:9092\)$/);
  reachability.answered(true);
  strictEqual(reachability.problem, null);
});

Deno.test("one of several brokers is no problem while the others answer", () => {
  const { reachability, pass } = setUp();
  reachability.lost("kafka-1:9092", "connection refused");
  for (let i = 0; i < 10; i++) {
    pass(1_000);
    reachability.answered(false);
    reachability.lost("kafka-1:9092", "connection refused");
  }
  strictEqual(reachability.isConnected, false);
  strictEqual(reachability.problem, null);
});
