import { deepStrictEqual, strictEqual } from "node:assert";
import { crossing, over } from "../tests/notification_sample.ts";
import type { Notification } from "../stats/notification.ts";
import { firingCountOf } from "./group.ts";
import { ChannelGroups } from "./groups.ts";
import type { DigestPolicy } from "./policy.ts";
import { groupKeyOf, isWanted, labelsOf } from "./policy.ts";

const POLICY: DigestPolicy = {
  ...{ name: "ops", groupBy: ["exchange"], waitMs: 0, intervalMs: 0, repeatMs: null },
  ...{ rules: ["leap*"], filters: { quote: ["usd"] }, sendResolved: true },
};
const TAKING = { atMs: 0, isLong: false, staleBeforeMs: 0 };
const SILENCE: Partial<Notification> = {
  ...{ rule: "leap-silent", kind: "sourceSilent", source: "kraken", exchange: null },
  ...{ instrument: null, base: null, quote: null },
};

Deno.test("a channel is told of the rules and markets that it names, and with a filter of no source", () => {
  strictEqual(isWanted(POLICY, crossing("a:x", 0)), true);
  strictEqual(isWanted(POLICY, crossing("a:x", 0, { rule: "quiet" })), false);
  strictEqual(isWanted(POLICY, crossing("a:x", 0, { quote: "eur" })), false);
  strictEqual(isWanted(POLICY, crossing("a:x", 0, SILENCE)), false);
  strictEqual(isWanted({ ...POLICY, filters: {} }, crossing("a:x", 0, SILENCE)), true);
});

Deno.test("a group's key says what it is gathered by, also that there is nothing", () => {
  const labels = labelsOf(["rule", "exchange"], crossing("a:x", 0, SILENCE));
  strictEqual(groupKeyOf("ops", labels), 'group/ops/{"rule":"leap-silent","exchange":null}');
});

Deno.test("more groups than anybody reads become one, in which crossings are counted out all the same", () => {
  const groups = new ChannelGroups(POLICY, 2);
  for (const exchange of ["a", "b", "c", "d", "a"]) {
    groups.take(crossing(`${exchange}:x${groups.size}`, 0), TAKING);
  }
  const counts = () =>
    [...groups.all()].map((group) => [group.labels.exchange, firingCountOf(group)]);
  deepStrictEqual(counts(), [["a", 2], ["b", 1], ["*", 2]]);
  const change = groups.take(over(crossing("d:x3", 0), 1), TAKING);
  strictEqual(change?.group.labels.exchange, "*");
  deepStrictEqual(counts(), [["a", 2], ["b", 1], ["*", 1]]);
});

Deno.test("the end of a crossing that nobody took in is nobody's news", () => {
  const groups = new ChannelGroups(POLICY);
  strictEqual(groups.take(over(crossing("a:x", 0), 1), TAKING), null);
  strictEqual(groups.size, 0);
});
