import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { channelOf, type Receiver, receiver } from "../../tests/channel_receiver.ts";
import { digestOf, notificationOf, NOW_MS } from "../../tests/digests.ts";
import type { Channel, Delivery } from "../../ports/channel.ts";
import { ManualClock } from "../memory/manual_clock.ts";
import { createChannels } from "./channels.ts";

const SID = `AC${"0123456789abcdef".repeat(2)}`;
const [ANN, BOB, CLO] = ["+15550100001", "+15550100002", "+15550100003"] as const;
const DIGEST = digestOf([notificationOf()]);
const CREATED = () => Response.json({ sid: "SM1" }, { status: 201 });

function channelAt(server: Receiver, clock: ManualClock, given = {}): Channel {
  const spec = {
    ...{ name: "sms", type: "twilio", url: server.url, accountSid: SID, authToken: "sesame" },
    ...{ from: "+15550100999", to: [ANN, BOB, CLO] },
    ...given,
  };
  return createChannels([channelOf(spec)], { clock })[0]!;
}

/** Sends while time passes. */
async function send(channel: Channel, clock: ManualClock): Promise<Delivery> {
  let delivery: Delivery | undefined;
  channel.send(DIGEST, new AbortController().signal).then((made) => delivery = made);
  while (delivery === undefined) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    await clock.advanceTo(clock.nowMs() + 100);
  }
  return delivery;
}

function fieldsOf({ requests }: Receiver): Record<string, string>[] {
  return requests.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
}

Deno.test("twilio gets one message for each receiver", async () => {
  await using server = receiver(CREATED);
  const clock = new ManualClock(NOW_MS);
  const delivery = await send(channelAt(server, clock), clock);
  deepStrictEqual(delivery, { outcome: "sent", to: `${ANN}, ${BOB}, ${CLO}` });
  const Body = "leap: 1 firing. kraken btcusd at 130,864.25, 3.262x the mean.";
  deepStrictEqual(
    fieldsOf(server),
    [ANN, BOB, CLO].map((To) => ({ To, From: "+15550100999", Body })),
  );
  const [{ method, path, headers }] = server.requests as [Receiver["requests"][number]];
  deepStrictEqual([method, path], ["POST", `/2010-04-01/Accounts/${SID}/Messages.json`]);
  strictEqual(headers.authorization, `Basic ${btoa(`${SID}:sesame`)}`);
  strictEqual(headers["content-type"], "application/x-www-form-urlencoded");
});

Deno.test("twilio sends by a messaging service where one is named", async () => {
  await using server = receiver(CREATED);
  const clock = new ManualClock(NOW_MS);
  const from = `MG${"0".repeat(32)}`;
  await send(channelAt(server, clock, { from, to: [ANN] }), clock);
  deepStrictEqual([fieldsOf(server)[0]?.MessagingServiceSid, fieldsOf(server)[0]?.From], [
    from,
    undefined,
  ]);
});

Deno.test("twilio tries again for those alone who have nothing yet", async () => {
  let count = 0;
  await using server = receiver(() =>
    ++count === 2 ? new Response("", { status: 500 }) : CREATED()
  );
  const clock = new ManualClock(NOW_MS);
  const delivery = await send(channelAt(server, clock), clock);
  strictEqual(delivery.outcome, "sent");
  deepStrictEqual(fieldsOf(server).map(({ To }) => To), [ANN, BOB, CLO, BOB]);
});

Deno.test("twilio waits as long as it is told to, and asks nothing for the others until then", async () => {
  let count = 0;
  const times: number[] = [];
  const clock = new ManualClock(NOW_MS);
  await using server = receiver(() => {
    times.push(clock.nowMs() - NOW_MS);
    return ++count === 2
      ? Response.json({ message: "Too many requests" }, {
        ...{ status: 429, headers: { "retry-after": "5" } },
      })
      : CREATED();
  });
  const delivery = await send(channelAt(server, clock), clock);
  strictEqual(delivery.outcome, "sent");
  deepStrictEqual(fieldsOf(server).map(({ To }) => To), [ANN, BOB, BOB, CLO]);
  ok(times[2]! >= 5000, `${times}`);
});

Deno.test("twilio remembers from one send to the next who has the digest", async () => {
  let isAway = true;
  await using server = receiver((_, body) =>
    isAway && body.includes(BOB.slice(1)) ? new Response("", { status: 503 }) : CREATED()
  );
  const clock = new ManualClock(NOW_MS);
  const channel = channelAt(server, clock);
  const first = await send(channel, clock);
  ok(first.outcome === "failed" && first.retryable);
  strictEqual(first.isUnknown, true, "the others must not be told the same under another id");
  strictEqual(
    first.reason.replaceAll(/:\d{4,5}:/g, ":"),
    `not to ${BOB} (http://127.0.0.1: answered 503); sent to ${ANN}, ${CLO}`,
  );
  isAway = false;
  const before = server.requests.length;
  deepStrictEqual(await send(channel, clock), { outcome: "sent", to: `${ANN}, ${BOB}, ${CLO}` });
  deepStrictEqual(fieldsOf(server).slice(before).map(({ To }) => To), [BOB]);
  await send(channel, clock);
  strictEqual(server.requests.length, before + 1, "nobody lacks it any more");
});

Deno.test("twilio goes on without a receiver that is refused, and says so", async () => {
  await using server = receiver((_, body) =>
    body.includes(BOB.slice(1))
      ? Response.json({ code: 21211, message: "Invalid 'To' number" }, { status: 400 })
      : CREATED()
  );
  const clock = new ManualClock(NOW_MS);
  const delivery = await send(channelAt(server, clock), clock);
  ok(delivery.outcome === "sent");
  ok(delivery.to.startsWith(`${ANN}, ${CLO}; not to ${BOB} (`), delivery.to);
  ok(delivery.to.endsWith("answered 400: Invalid 'To' number)"), delivery.to);
  strictEqual(server.requests.length, 3);
});

Deno.test("twilio fails for good where nobody can be sent to, and hides the token", async () => {
  await using server = receiver(() => new Response("sesame is wrong", { status: 401 }));
  const clock = new ManualClock(NOW_MS);
  const delivery = await send(channelAt(server, clock), clock);
  ok(delivery.outcome === "failed" && !delivery.retryable && !delivery.reason.includes("sesame"));
});
