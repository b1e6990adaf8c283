import { deepStrictEqual, match, ok } from "node:assert";
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
