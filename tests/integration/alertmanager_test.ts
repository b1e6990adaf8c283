/**
 * A real Alertmanager takes our alerts and ends them when we say so, and its own webhooks are of the
 * form that ours have.
 */
import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { createChannels } from "../../adapters/channels/channels.ts";
import { alertmanagerForm } from "../../adapters/channels/webhook_forms.ts";
import type { Notification } from "../../stats/notification.ts";
import { channelOf, receiver } from "../channel_receiver.ts";
import { digestOf, notificationOf } from "../digests.ts";
import { prepareAlertmanager, startAlertmanager } from "./alertmanager_server.ts";
import { testsNeeding } from "./fetched.ts";
import { waitUntil } from "./kafka_fixture.ts";

const alertmanagerTest = await testsNeeding(
  "Alertmanager",
  prepareAlertmanager,
);

function nowFiring(given: Partial<Notification> = {}): Notification {
  return notificationOf({ startedMs: Date.now() - 60_000, ...given });
}

function nowDigest(firing: readonly Notification[], resolved: readonly Notification[] = []) {
  return digestOf(firing, resolved, { toMs: Date.now(), fromMs: Date.now() - 60_000 });
}

alertmanagerTest(
  "Alertmanager lists what fires, not for its own time but for ours, until it is over",
  async () => {
    await using hook = receiver();
    await using server = await startAlertmanager(hook.url);
    const [channel] = createChannels([
      channelOf({
        ...{ name: "alerts", type: "alertmanager", url: server.url, repeat: "1m" },
        labels: { severity: "warning" },
      }),
    ]);
    const { signal } = new AbortController();
    const [leap, silence] = [
      nowFiring(),
      nowFiring({
        ...{ rule: "silence", kind: "sourceSilent", exchange: null, instrument: null, base: null },
        ...{ quote: null, source: "kraken", price: null, value: 60_000, baseline: null },
      }),
    ];
    const digest = nowDigest([leap, silence]);
    deepStrictEqual(await channel!.send(digest, signal), {
      ...{ outcome: "sent", to: new URL(server.url).host },
    });
    await waitUntil("both to be listed", async () => (await server.alerts()).length === 2);
    const listed = await server.alerts();
    const [listedLeap] = listed.filter(({ labels }) => labels.alertname === "leap");
    deepStrictEqual(listedLeap!.labels, {
      ...{ severity: "warning", alertname: "leap", exchange: "kraken", instrument: "btcusd" },
      ...{ base: "btc", quote: "usd", kind: "ratioAbove" },
    });
    strictEqual(listedLeap!.annotations.summary, "kraken btcusd at 130,864.25, 3.262 × the mean");
    strictEqual(Date.parse(listedLeap!.startsAt), leap.startedMs);
    strictEqual(Date.parse(listedLeap!.endsAt), digest.toMs + 3 * 60_000);

    // Sent again, as after a crash, it is the same alert; its own `resolve_timeout` of 1 s ends nothing.
    await channel!.send(digest, signal);
    await new Promise((resolve) => setTimeout(resolve, 2500));
    strictEqual((await server.alerts()).length, 2);

    const over = { ...leap, state: "resolved" as const, endedMs: Date.now() };
    strictEqual((await channel!.send(nowDigest([silence], [over]), signal)).outcome, "sent");
    await waitUntil("the leap to be gone", async () => (await server.alerts()).length === 1);
    await waitUntil("its receiver to be told", () =>
      hook.requests.some(({ body }) => {
        const { status, commonLabels } = JSON.parse(body);
        return status === "resolved" && commonLabels.alertname === "leap";
      }));
  },
);

alertmanagerTest(
  "a webhook in Alertmanager's form is what Alertmanager sends of the same alerts",
  async () => {
    await using hook = receiver();
    await using server = await startAlertmanager(hook.url);
    const [channel] = createChannels([
      channelOf({ name: "hook", type: "alertmanager", url: server.url }),
    ]);
    const firing = [nowFiring(), nowFiring({ instrument: "ethusd", base: "eth" })];
    const digest = {
      ...nowDigest(firing),
      group: { rule: "leap", exchange: "kraken" },
    };
    strictEqual((await channel!.send(digest, new AbortController().signal)).outcome, "sent");
    const bodies = () => hook.requests.map(({ body }) => JSON.parse(body));
    await waitUntil("it to tell", () => bodies().some(({ alerts }) => alerts.length === 2));
    const theirs = bodies().find(({ alerts }) => alerts.length === 2);
    const ours = JSON.parse(JSON.stringify(alertmanagerForm(digest, "hook")));
    const byLabels = (a: { fingerprint: string }, b: { fingerprint: string }) =>
      a.fingerprint < b.fingerprint ? -1 : 1;
    // What only it can know: where it is to be found, and the ends that we gave it.
    const comparable = (form: typeof ours) => ({
      ...form,
      externalURL: typeof form.externalURL,
      alerts: [...form.alerts].sort(byLabels).map((alert: Record<string, string>) => ({
        ...alert,
        ...{ startsAt: Date.parse(alert.startsAt!), endsAt: typeof alert.endsAt },
      })),
    });
    deepStrictEqual(comparable(ours), comparable(theirs));
    ok(theirs.alerts.every(({ endsAt }: { endsAt: string }) => endsAt === "0001-01-01T00:00:00Z"));
  },
);

alertmanagerTest("Alertmanager tells in words what it refuses", async () => {
  await using hook = receiver();
  await using server = await startAlertmanager(hook.url);
  const [channel] = createChannels([
    channelOf({ name: "alerts", type: "alertmanager", url: `${server.url}/not-here` }),
  ]);
  const delivery = await channel!.send(nowDigest([nowFiring()]), new AbortController().signal);
  ok(delivery.outcome === "failed" && !delivery.retryable);
  ok(delivery.reason.includes("answered 404"), delivery.reason);
});
