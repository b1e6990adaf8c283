import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { channelOf, receiver } from "../../tests/channel_receiver.ts";
import { digestOf, notificationOf, NOW_MS, resolvedOf } from "../../tests/digests.ts";
import { alertsOf } from "./alertmanager.ts";
import { fingerprintOf } from "./alerts.ts";
import { createChannels } from "./channels.ts";

const HOUR_MS = 3_600_000;
const CONFIG = { name: "alerts", labels: { severity: "warning" }, repeatMs: 4 * HOUR_MS };

Deno.test("alerts say what they are about, and end by themselves after three repeats", () => {
  const [alert] = alertsOf(digestOf([notificationOf()]), CONFIG);
  deepStrictEqual(alert, {
    labels: {
      ...{ severity: "warning", alertname: "leap", exchange: "kraken", instrument: "btcusd" },
      ...{ base: "btc", quote: "usd", kind: "ratioAbove" },
    },
    annotations: {
      summary: "kraken btcusd at 130,864.25, 3.262 × the mean",
      description: "3.262 × the mean; mean 40,123.412 of the hour before, n = 60",
      ...{ value: "3.261538462", threshold: "3", price: "130864.25" },
    },
    startsAt: "2026-03-14T10:05:00.000Z",
    endsAt: "2026-03-14T22:06:00.000Z",
  });
  const [unrepeated] = alertsOf(digestOf([notificationOf()]), { ...CONFIG, repeatMs: null });
  strictEqual(unrepeated!.endsAt, "2026-04-13T10:06:00.000Z");
});

Deno.test("alerts that are over end when they did, and never before they began", () => {
  const early = resolvedOf({ startedMs: NOW_MS, endedMs: NOW_MS - 1000 });
  const ends = [resolvedOf(), early].map((one) => alertsOf(digestOf([], [one]), CONFIG)[0]!.endsAt);
  deepStrictEqual(ends, ["2026-03-14T10:06:00.000Z", "2026-03-14T10:06:00.000Z"]);
});

Deno.test("of the same alert in two hours, the one that is firing stands, then the last to end", () => {
  const earlier = resolvedOf({ endedMs: NOW_MS - HOUR_MS, startedMs: NOW_MS - 2 * HOUR_MS });
  const only = (firing: number) =>
    alertsOf(
      digestOf(firing ? [notificationOf()] : [], [resolvedOf(), earlier]),
      CONFIG,
    ).map(({ endsAt }) => endsAt);
  deepStrictEqual([only(1), only(0)], [
    ["2026-03-14T22:06:00.000Z"],
    ["2026-03-14T10:06:00.000Z"],
  ]);
});

Deno.test("what a digest does not name is one alert that says how many", () => {
  const digest = digestOf([notificationOf()], [], {
    ...{ firingCount: 10_000, group: { rule: "leap", exchange: "kraken" } },
  });
  const [, rest] = alertsOf(digest, CONFIG);
  deepStrictEqual([rest!.labels, rest!.annotations.summary], [{
    ...{ severity: "warning", exchange: "kraken", alertname: "DataTrackerMore" },
    ...{ channel: "alerts", rule: "leap" },
  }, "9,999 more are firing that are not named here"]);
});

Deno.test("fingerprintOf() is Prometheus's own", () => {
  // Of client_golang's tests: the empty set of labels has the offset of FNV-1a.
  strictEqual(fingerprintOf({}), "cbf29ce484222325");
});

Deno.test("alerts are posted below the address that is set, with the headers that are", async () => {
  await using server = receiver((_, body) =>
    Response.json(JSON.parse(body).length > 1 ? "bad" : {}, { status: 400 })
  );
  const [channel] = createChannels([
    channelOf(
      {
        ...{ name: "alerts", type: "alertmanager", url: `${server.url}/prefix/` },
        headers: { Authorization: { env: "ALERTS_TOKEN" } },
      },
      { ALERTS_TOKEN: "Bearer sesame" },
    ),
  ]);
  const delivery = await channel!.send(digestOf([notificationOf()]), new AbortController().signal);
  ok(delivery.outcome === "failed" && !delivery.retryable);
  const [request] = server.requests;
  strictEqual(request!.path, "/prefix/api/v2/alerts");
  strictEqual(request!.headers.authorization, "Bearer sesame");
});
