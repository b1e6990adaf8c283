import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { receiver } from "../../tests/channel_receiver.ts";
import { systemClock } from "../system_clock.ts";
import { sendHttp, sendSignal } from "./http_send.ts";

const NEVER = new AbortController().signal;

function requestTo(url: string, headers: Record<string, string> = {}) {
  return { url: new URL(url), headers, body: "{}", secrets: ["sesame"] };
}

Deno.test("sendHttp() waits for an answer no longer than it may", async () => {
  const hang = Promise.withResolvers<Response>();
  await using server = receiver(() => hang.promise);
  const outcome = await sendHttp(requestTo(server.url), systemClock, sendSignal(NEVER, 50));
  hang.resolve(new Response());
  ok(!outcome.ok && outcome.retryable);
  match(outcome.reason, /: no answer in time$/);
  strictEqual(outcome.isUnknown, true, "the receiver has it");
});

Deno.test("sendHttp() does not know what became of a request whose connection is lost, and says no address", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const answering = (async () => {
    using connection = await listener.accept();
    await connection.read(new Uint8Array(10_000));
  })();
  const url = `http://127.0.0.1:${listener.addr.port}`;
  const outcome = await sendHttp(requestTo(`${url}/hook`), systemClock, NEVER);
  await answering;
  listener.close();
  ok(!outcome.ok && outcome.retryable && outcome.isUnknown, JSON.stringify(outcome));
  match(outcome.reason, /^http:[/\d.:]+: the connection was lost: client error \(SendRequest\)/);
  ok(!outcome.reason.includes("hook"), outcome.reason);
});

Deno.test("sendHttp() knows that nobody has what could not be connected, or was answered", async () => {
  const closed = receiver();
  await closed[Symbol.asyncDispose]();
  await using busy = receiver(() => new Response("", { status: 503 }));
  for (const url of [closed.url, busy.url]) {
    const outcome = await sendHttp(requestTo(url), systemClock, NEVER);
    ok(!outcome.ok, url);
    strictEqual(outcome.isUnknown, undefined, outcome.reason);
  }
});

Deno.test("sendHttp() waits for the whole of an error no longer than it may", async () => {
  let stop = () => {};
  const body = new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("busy"));
      stop = () => controller.close();
    },
  });
  await using server = receiver(() => new Response(body, { status: 503 }));
  const outcome = await sendHttp(requestTo(server.url), systemClock, sendSignal(NEVER, 100));
  ok(!outcome.ok && outcome.retryable);
  match(outcome.reason, /answered 503/);
  stop();
});

Deno.test({
  name: "sendHttp() does not come again where it has no permission",
  permissions: { net: false },
  async fn() {
    const outcome = await sendHttp(requestTo("http://127.0.0.1:10001/"), systemClock, NEVER);
    ok(!outcome.ok && !outcome.retryable);
    match(outcome.reason, /cannot be reached: Requires net access/);
    // Fetch itself refuses some ports.
    const blocked = await sendHttp(requestTo("http://127.0.0.1:9/"), systemClock, NEVER);
    ok(!blocked.ok && !blocked.retryable, JSON.stringify(blocked));
  },
});

Deno.test("sendHttp() tells of a header that cannot be sent, without what is secret in it", async () => {
  const outcome = await sendHttp(
    requestTo("http://127.0.0.1:9/", { authorization: "sesame\n" + "☃" }),
    systemClock,
    NEVER,
  );
  ok(!outcome.ok && !outcome.retryable);
  ok(!outcome.reason.includes("sesame"), outcome.reason);
});

Deno.test("sendHttp() gives the beginning of what was taken", async () => {
  await using server = receiver(() => new Response("welcome", { status: 201 }));
  deepStrictEqual(await sendHttp(requestTo(server.url), systemClock, NEVER), {
    ...{ ok: true, text: "welcome" },
  });
});
