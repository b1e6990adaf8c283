import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { ManualClock } from "../memory/manual_clock.ts";
import { type Attempt, Receivers } from "./receivers.ts";

const ALL = ["ann", "bob"];
const BUSY: Attempt = { outcome: "failed", retryable: true, reason: "450 busy" };

Deno.test("a digest that some have is in doubt until all have it", () => {
  const receivers = new Receivers(new ManualClock(0));
  const nobody = receivers.delivery("d", ALL, new Map(ALL.map((one) => [one, BUSY])));
  deepStrictEqual(nobody, {
    ...{ outcome: "failed", retryable: true, reason: "not to ann, bob (450 busy)" },
  });
  receivers.add("d", "ann");
  const some = receivers.delivery("d", ALL, new Map([["bob", BUSY]]));
  ok(some.outcome === "failed" && some.retryable && some.isUnknown, JSON.stringify(some));
  receivers.add("d", "bob");
  deepStrictEqual(receivers.delivery("d", ALL, new Map()), { outcome: "sent", to: "ann, bob" });
});

Deno.test("one of whom it is not known whether he has a digest leaves it in doubt", () => {
  const lost: Attempt = { ...BUSY, reason: "no answer in time", isUnknown: true };
  const delivery = new Receivers(new ManualClock(0)).delivery(
    "d",
    ["ann"],
    new Map([["ann", lost]]),
  );
  ok(delivery.outcome === "failed" && delivery.isUnknown, JSON.stringify(delivery));
});

Deno.test("one who cannot be reached keeps the others from what is new for ten minutes at most", async () => {
  const clock = new ManualClock(0);
  const receivers = new Receivers(clock);
  await clock.advanceTo(1_000);
  receivers.add("d", "ann");
  const delivery = () => receivers.delivery("d", ALL, new Map([["bob", BUSY]]));
  await clock.advanceTo(600_999);
  strictEqual(delivery().outcome, "failed");
  await clock.advanceTo(601_000);
  deepStrictEqual(delivery(), { outcome: "sent", to: "ann; not to bob (450 busy)" });
});
