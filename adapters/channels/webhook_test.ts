import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { createHmac } from "node:crypto";
import { channelOf, receiver } from "../../tests/channel_receiver.ts";
import { digestOf, notificationOf, NOW_MS, resolvedOf } from "../../tests/digests.ts";
import { ManualClock } from "../memory/manual_clock.ts";
import { createChannels } from "./channels.ts";
import { dataTrackerForm } from "./webhook_forms.ts";

const DIGEST = digestOf([notificationOf()], [resolvedOf({ instrument: "ethusd" })], {
  id: "hook/leap:ä b/7",
});

Deno.test("a webhook gets the digest as JSON, once for each key, signed with the time", async () => {
  await using server = receiver();
  const clock = new ManualClock(NOW_MS);
  const [channel] = createChannels([
    channelOf({
      ...{ name: "hook", type: "webhook", url: `${server.url}/hook?team=1`, secret: "sesame" },
      headers: { Authorization: "Bearer token" },
    }),
  ], { clock });
  const delivery = await channel!.send(DIGEST, new AbortController().signal);
  deepStrictEqual(delivery, { outcome: "sent", to: new URL(server.url).host });
  const [request] = server.requests;
  deepStrictEqual([request!.method, request!.path], ["POST", "/hook?team=1"]);
  const { headers, body } = request!;
  strictEqual(headers["content-type"], "application/json");
  strictEqual(headers.authorization, "Bearer token");
  strictEqual(headers["idempotency-key"], "hook/leap:%C3%A4%20b/7");
  const timestampS = NOW_MS / 1000;
  const v1 = createHmac("sha256", "sesame").update(`${timestampS}.${body}`).digest("hex");
  strictEqual(headers["x-data-tracker-signature"], `t=${timestampS},v1=${v1}`);
  deepStrictEqual(JSON.parse(body), JSON.parse(JSON.stringify(dataTrackerForm(DIGEST, "hook"))));
});

Deno.test("the form data-tracker has ISO times and all that is known", () => {
  const { firing, resolved, ...form } = dataTrackerForm(DIGEST, "hook");
  deepStrictEqual(form, {
    ...{ version: 1, id: "hook/leap:ä b/7", channel: "hook", group: { rule: "leap" } },
    ...{ status: "firing", isRepeat: false, summary: "leap: 1 firing, 1 resolved" },
    ...{ from: "2026-03-14T10:05:00.000Z", to: "2026-03-14T10:06:00.000Z" },
    ...{ firingCount: 1, resolvedCount: 1 },
  });
  deepStrictEqual(firing, [{
    ...{ id: `leap/kraken:btcusd/${Date.parse("2026-03-14T10:00:00Z")}`, state: "firing" },
    ...{ rule: "leap", kind: "ratioAbove", exchange: "kraken", instrument: "btcusd", base: "btc" },
    ...{ quote: "usd", source: null },
    summary: "kraken btcusd at 130,864.25, 3.262 × the mean",
    ...{ windowStart: "2026-03-14T10:00:00.000Z", windowEnd: "2026-03-14T11:00:00.000Z" },
    ...{ startedAt: "2026-03-14T10:05:00.000Z", endedAt: null },
    ...{ price: 130_864.25, value: 3.2615384615384617, threshold: 3 },
    baseline: {
      windowStart: "2026-03-14T09:00:00.000Z",
      ...{ count: 60, mean: 40_123.41234567891, stddev: 12.5 },
    },
  }]);
  strictEqual(resolved[0]?.endedAt, "2026-03-14T10:06:00.000Z");
});

/** What a receiver does → how the delivery ends. */
const ANSWERS: readonly [string, () => Response, Record<string, unknown>][] = [
  ["is busy", () => new Response("", { status: 503, headers: { "retry-after": "7" } }), {
    ...{ retryable: true, retryAfterMs: 7000 },
  }],
  ["says slow down by a date", () =>
    new Response("", {
      status: 429,
      headers: { "retry-after": new Date(NOW_MS + 60_000).toUTCString() },
    }), { retryable: true, retryAfterMs: 60_000 }],
  [
    "wants to be left alone for years",
    () => new Response("", { status: 503, headers: { "retry-after": "999999999" } }),
    { retryable: true, retryAfterMs: 86_400_000 },
  ],
  ["refuses it", () => Response.json({ error: "no such hook" }, { status: 404 }), {
    retryable: false,
  }],
  ["repeats the path", () => new Response("Cannot POST /hook/for%20sesame-2", { status: 404 }), {
    retryable: false,
  }],
  [
    "repeats the path as people write it",
    () => new Response(`${"x".repeat(190)}/hook/for sesame-2`, { status: 404 }),
    { retryable: false },
  ],
  ["repeats the key", () => new Response("key sesame unknown", { status: 401 }), {
    retryable: false,
  }],
  ["sends it elsewhere", () => Response.redirect("http://127.0.0.2:9/other", 307), {
    retryable: false,
  }],
  ["makes it a page", () => Response.redirect("http://127.0.0.2:9/other", 302), {
    retryable: false,
  }],
];

for (const [what, answer, expected] of ANSWERS) {
  Deno.test(`a webhook whose receiver ${what} fails in words`, async () => {
    await using server = receiver(answer);
    const url = `${server.url}/hook/for%20sesame-2?key=sesame`;
    const [channel] = createChannels(
      [channelOf({ name: "hook", type: "webhook", url, secret: "sesame" })],
      { clock: new ManualClock(NOW_MS) },
    );
    const delivery = await channel!.send(DIGEST, new AbortController().signal);
    ok(delivery.outcome === "failed");
    const { outcome: _, reason, ...rest } = delivery;
    deepStrictEqual(rest, expected);
    match(reason, /^http:\/\/127\.0\.0\.1:\d+: (answered \d+|redirects)/);
    ok(!/sesame|hook\//.test(reason), reason);
    strictEqual(server.requests.length, 1, "it is the notifier that comes again");
  });
}

Deno.test("a webhook follows a redirect on the same host, and no ring of them", async () => {
  let count = 0;
  await using server = receiver((request) =>
    new URL(request.url).pathname === "/end" || ++count > 10
      ? new Response()
      : Response.redirect(new URL(count < 3 ? "/hook" : "/end", request.url), 308)
  );
  const [channel] = createChannels([
    channelOf({ name: "hook", type: "webhook", url: `${server.url}/hook` }),
  ]);
  const { signal } = new AbortController();
  strictEqual((await channel!.send(DIGEST, signal)).outcome, "sent");
  strictEqual(server.requests[0]!.body, server.requests.at(-1)!.body);
  count = -1000;
  strictEqual((await channel!.send(DIGEST, signal)).outcome, "failed");
});

Deno.test("a webhook that nobody answers may be tried again, and one that is stopped ends at once", async () => {
  const closed = receiver();
  await closed[Symbol.asyncDispose]();
  const send = (url: string, signal: AbortSignal) =>
    createChannels([channelOf({ name: "hook", type: "webhook", url })])[0]!.send(DIGEST, signal);
  const away = await send(closed.url, new AbortController().signal);
  ok(away.outcome === "failed" && away.retryable);
  match(away.reason, /^http:\/\/127\.0\.0\.1:\d+: cannot be reached: /);

  const stop = new AbortController();
  const hang = Promise.withResolvers<Response>();
  await using server = receiver(() => {
    stop.abort();
    return hang.promise;
  });
  const stopped = await send(server.url, stop.signal);
  ok(stopped.outcome === "failed" && stopped.retryable && stopped.reason.endsWith(": stopped"));
  hang.resolve(new Response());
});

Deno.test("a webhook reads only the beginning of an endless answer", async () => {
  let sentBytes = 0;
  await using server = receiver(() =>
    new Response(
      new ReadableStream({
        pull(controller) {
          sentBytes += 4096;
          controller.enqueue(new TextEncoder().encode("x".repeat(4096)));
        },
      }),
      { status: 400 },
    )
  );
  const [channel] = createChannels([
    channelOf({ name: "hook", type: "webhook", url: server.url }),
  ]);
  const delivery = await channel!.send(DIGEST, new AbortController().signal);
  ok(delivery.outcome === "failed" && delivery.reason.length < 400);
  ok(sentBytes < 10_000_000);
});

Deno.test("a webhook in Alertmanager's form has what Alertmanager's own has", async () => {
  await using server = receiver();
  const [channel] = createChannels([
    channelOf({ name: "hook", type: "webhook", url: server.url, format: "alertmanager" }),
  ]);
  const cut = { ...DIGEST, firingCount: 11, group: { rule: "leap", exchange: "kraken" } };
  await channel!.send(cut, new AbortController().signal);
  const { alerts, ...form } = JSON.parse(server.requests[0]!.body);
  deepStrictEqual(form, {
    ...{ receiver: "hook", status: "firing", version: "4", externalURL: "", truncatedAlerts: 10 },
    groupLabels: { alertname: "leap", exchange: "kraken" },
    groupKey: '{}:{alertname="leap", exchange="kraken"}',
    commonLabels: {
      ...{ alertname: "leap", exchange: "kraken", base: "btc", quote: "usd", kind: "ratioAbove" },
    },
    commonAnnotations: {
      description: "3.262 × the mean; mean 40,123.412 of the hour before, n = 60",
      ...{ value: "3.261538462", threshold: "3", price: "130864.25" },
    },
  });
  deepStrictEqual(alerts[0].status, "resolved");
  deepStrictEqual(alerts[1].endsAt, "0001-01-01T00:00:00Z");
  strictEqual(alerts[1].labels.instrument, "btcusd");
});
