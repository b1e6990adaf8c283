import assert from "node:assert/strict";
import type { KafkaTopicLog } from "../../adapters/kafka/topic_log.ts";
import type { Claim } from "../../ports/topic_log.ts";
import {
  newName,
  newTopic,
  openLog,
  readRecords,
  recordOf,
  SESSION_TIMEOUT_MS,
  textOf,
  transactionOf,
  waitUntil,
} from "./kafka_fixture.ts";
import { kafkaTest as test, sharedKafka, startKafka } from "./kafka_server.ts";

const shared = await sharedKafka();

/** When a start with no broker must have failed. */
const START_LIMIT_MS = 10_000;
/** When a process that is told to stop must have gone, whatever the broker does. */
const STOP_LIMIT_MS = 8_000;

/** A member that knows what it owns. */
function joinAs(log: KafkaTopicLog, group: string, topic: string) {
  const leaving = new AbortController();
  const owned = new Set<number>();
  const begun: number[] = [];
  const joined = log.join({ id: group, topics: [topic] }, async (partition, revoked) => {
    owned.add(partition);
    begun.push(partition);
    while (!revoked.aborted) {
      await log.fetch(topic, partition, 0, { byteCountMax: 1, waitMaxMs: 1_000, signal: revoked });
    }
    owned.delete(partition);
  }, leaving.signal);
  joined.catch(() => {}); // It is told where the test leaves.
  const leave = async () => {
    leaving.abort();
    await joined;
  };
  return { owned, begun, leave };
}

Deno.test("a broker that is not there is an error within ten seconds, in words", async () => {
  const failsWith = async (broker: string, message: RegExp) => {
    const startMs = performance.now();
    await assert.rejects(openLog(broker), message);
    assert.ok(performance.now() - startMs < START_LIMIT_MS);
  };
  const listen = () => Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [free, silent] = [listen(), listen()];
  free.close();
  const refused =
    /^UnreachableError: KAFKA_BROKERS: cannot reach 127.0.0.1:\d+ \(connection refused\); is the broker up\? Unset it to use the embedded log\.$/;
  await Promise.all([
    failsWith(`127.0.0.1:${free.addr.port}`, refused),
    failsWith("nowhere.invalid:9092", /cannot reach nowhere.invalid:9092 \(no such host\)/),
    failsWith(`127.0.0.1:${silent.addr.port}`, /cannot reach 127.0.0.1:\d+ \(no answer\)/),
  ]);
  silent.close();
});

test("appends, fetches, claims and members go on after the broker has been killed", async () => {
  await using kafka = await startKafka();
  // On a busy machine a broker may be away for a minute.
  await using log = await openLog(kafka.broker, 120_000);
  const [source, target] = [await newTopic(log, 2), await newTopic(log)];
  const group = { id: newName(), topics: [source] };
  const member = joinAs(log, newName(), source);
  await waitUntil("ownership", () => member.owned.size === 2);

  const stop = new AbortController();
  let [appended, committed] = [0, 0];
  const appending = (async () => {
    for (; !stop.signal.aborted; appended++) await log.append([recordOf(source, `${appended}`)]);
  })();
  const committing = (async () => {
    // As an owner does: a broker may take longer to come back than a claim waits.
    const claimAgain = async (): Promise<Claim> =>
      await log.claim(group, 0).catch(() => stop.signal.aborted ? Promise.reject() : claimAgain());
    for (let claim = await log.claim(group, 0); !stop.signal.aborted;) {
      const next = committed + 1;
      await claim.commit(transactionOf(group, [recordOf(target, `${next}`)], next)).then(
        () => committed = next,
        async () => {
          // In doubt: the new claim tells whether it has happened.
          claim = await claimAgain();
          committed = claim.positions[source]?.offset ?? 0;
        },
      );
    }
  })();
  const both = (more: number) => {
    const [appendedThen, committedThen] = [appended, committed];
    return () => appended >= appendedThen + more && committed >= committedThen + more;
  };
  await waitUntil("some work", both(20));
  await kafka.kill();
  await kafka.restart();
  await waitUntil("work after the kill", both(20));
  await kafka.stop();
  await kafka.restart();
  await waitUntil("work after the stop", both(20));
  await waitUntil("ownership again", () => member.owned.size === 2);
  stop.abort();
  await Promise.all([appending, committing]);
  await member.leave();

  const numbersOf = async (topic: string, count: number) =>
    (await readRecords(log, topic, count)).map(textOf).map(Number);
  assert.deepEqual(
    await numbersOf(source, appended),
    Array.from({ length: appended }, (_, i) => i),
  );
  assert.deepEqual(
    await numbersOf(target, committed),
    Array.from({ length: committed }, (_, i) => i + 1),
  );
});

test("a fetch in progress outlasts a restart, and does not take silence for the end", async () => {
  await using kafka = await startKafka();
  await using log = await openLog(kafka.broker);
  const topic = await newTopic(log);
  await log.append([recordOf(topic, "a")]);
  const options = { byteCountMax: 1_000, waitMaxMs: 200 };
  assert.equal((await log.fetch(topic, 0, 1, options)).records.length, 0);
  await kafka.kill();
  const fetching = log.fetch(topic, 0, 1, options);
  const early = await Promise.race([
    fetching,
    new Promise((resolve) => setTimeout(resolve, 1_000, "none")),
  ]);
  assert.equal(early, "none");
  await kafka.restart();
  await log.append([recordOf(topic, "b")]);
  await fetching;
  assert.deepEqual((await readRecords(log, topic, 2)).map(textOf), ["a", "b"]);
});

test("when the broker stays away, what was asked fails in words after the time set", async () => {
  await using kafka = await startKafka();
  await using log = await openLog(kafka.broker, 500);
  const topic = await newTopic(log);
  await kafka.stop();
  const refused = new RegExp(`cannot reach ${kafka.broker} \\(connection refused\\)`);
  await assert.rejects(log.append([recordOf(topic, "a")]), refused);
  await assert.rejects(log.fetch(topic, 0, 0, { byteCountMax: 1, waitMaxMs: 0 }), refused);
  const leaving = new AbortController();
  const joining = log.join({ id: "g", topics: [topic] }, async () => {}, leaving.signal);
  const refusedAgain = log.append([recordOf(topic, "b")]).catch(() => "still joining");
  // A member waits for as long as it is not told to leave.
  assert.equal(await Promise.race([joining, refusedAgain]), "still joining");
  leaving.abort();
  await joining;
});

test("a member without a partition outlasts an outage longer than its session, and takes over", async () => {
  await using kafka = await startKafka();
  await using log = await openLog(kafka.broker);
  const [topic, group] = [await newTopic(log), newName()];
  const owner = joinAs(log, group, topic);
  await waitUntil("ownership", () => owner.owned.size === 1);
  const standby = joinAs(log, group, topic);
  await kafka.kill();
  await new Promise((resolve) => setTimeout(resolve, SESSION_TIMEOUT_MS + 2_000));
  await kafka.restart();
  await waitUntil("an owner", () => owner.owned.size + standby.owned.size === 1);
  const [first, other] = owner.owned.size === 1 ? [owner, standby] : [standby, owner];
  await first.leave();
  await waitUntil("the other", () => other.owned.size === 1);
  await other.leave();
});

test("a frozen broker keeps nobody from stopping", async () => {
  const log = await openLog(shared.broker);
  const topic = await newTopic(log);
  const member = joinAs(log, newName(), topic);
  await waitUntil("ownership", () => member.owned.size === 1);
  await shared.signal("SIGSTOP");
  const appending = assert.rejects(log.append([recordOf(topic, "a")]));
  const startMs = performance.now();
  await member.leave();
  await log.close();
  await appending;
  await shared.signal("SIGCONT");
  assert.ok(performance.now() - startMs < STOP_LIMIT_MS);
});

test("the partitions of a process that is killed go to the others, who keep their own", async () => {
  await using log = await openLog(shared.broker);
  const [topic, group] = [await newTopic(log, 4), newName()];
  const member = joinAs(log, group, topic);
  await waitUntil("ownership", () => member.owned.size === 4);
  const other = startMember(shared.broker, group, topic);
  await waitUntil("a share each", () => member.owned.size === 2 && other.partitions.size === 2);
  const groups = await shared.tool("kafka-consumer-groups", [
    ...["--describe", "--group", group, "--members", "--verbose"],
  ]);
  assert.match(groups, new RegExp(`test +2 .*${topic}:0,1`));
  assert.match(groups, new RegExp(`member +2 .*${topic}:2,3`));
  other.kill();
  const startMs = performance.now();
  await waitUntil("all of it", () => member.owned.size === 4);
  assert.ok(performance.now() - startMs < SESSION_TIMEOUT_MS + 5_000);
  assert.deepEqual(member.begun, [0, 1, 2, 3, 2, 3]);
  await member.leave();
  await other.end();
});

test("a process that comes and goes says nothing on its standard error", async () => {
  await using kafka = await startKafka();
  await using log = await openLog(kafka.broker);
  const [topic, group] = [await newTopic(log, 2), newName()];
  const other = startMember(kafka.broker, group, topic);
  await waitUntil("ownership", () => other.partitions.size === 2);
  const member = joinAs(log, group, topic);
  await waitUntil("a rebalance", () => member.owned.size === 1);
  await kafka.stop();
  await kafka.restart();
  await waitUntil("ownership again", () => member.begun.length >= 2);
  assert.deepEqual(await other.end(), { code: 0, errors: "" });
  await waitUntil("all of it", () => member.owned.size === 2);
  await member.leave();
});

/** Runs a member in a process of its own. */
function startMember(broker: string, group: string, topic: string) {
  const program = new URL("./kafka_member_process.ts", import.meta.url).pathname;
  const process = new Deno.Command("deno", {
    args: ["run", "--quiet", "-A", program, broker, group, topic],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const partitions = new Set<string>();
  const reading = (async () => {
    for await (const text of process.stdout.pipeThrough(new TextDecoderStream())) {
      for (const line of text.trim().split("\n")) partitions.add(line);
    }
  })();
  const errors = new Response(process.stderr).text();
  /** Waits until it has ended; answers its exit code and what it wrote to standard error. */
  const end = async () => {
    await process.stdin.close().catch(() => {});
    await reading;
    return { code: (await process.status).code, errors: await errors };
  };
  return { kill: () => process.kill("SIGKILL"), partitions, end };
}
