/**
 * What every statistics store must do with notifications; a part of its contract.
 *
 * @module
 */
import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { FILTER_PATTERNS_MAX } from "../../ports/market_filters.ts";
import type { NotificationQuery } from "../../ports/notification_queries.ts";
import { READ_LIMIT_MAX, RecordsRefusedError } from "../../ports/statistics_store.ts";
import { type Notification, notificationIdOf } from "../../stats/notification.ts";
import { TIME_MAX_MS } from "../../stats/sample.ts";
import { CONFIG, record, T0, type Test } from "./statistics_store_contract.ts";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const ALL = { fromMs: 0, toMs: TIME_MAX_MS, limit: READ_LIMIT_MAX };

/** Fields of a notification that a test cares about. */
export interface NotificationFields extends Partial<Notification> {
  /** Hours after midnight of 2024-01-01; a fraction is within the window. */
  hour?: number;
}

/** A notification as the writer would pass it on: of a market, unless a source is given. */
export function notification({ hour = 0, ...fields }: NotificationFields = {}): Notification {
  const { rule = "tripled", source = null, state = "firing" } = fields;
  const { exchange = "kraken", instrument = "btcusd" } = fields;
  const startedMs = fields.startedMs ?? T0 + Math.round(hour * HOUR_MS);
  const windowStartMs = fields.windowStartMs ?? Math.floor(startedMs / HOUR_MS) * HOUR_MS;
  const subject = source ?? `${exchange}:${instrument}`;
  const isMarket = source === null;
  return {
    id: notificationIdOf({ rule, subject, windowStartMs }),
    state,
    rule,
    kind: isMarket ? "ratioAbove" : "sourceSilent",
    subject,
    exchange: isMarket ? exchange : null,
    instrument: isMarket ? instrument : null,
    base: null,
    quote: null,
    source,
    windowStartMs,
    windowEndMs: windowStartMs + HOUR_MS,
    startedMs,
    endedMs: state === "firing" ? null : startedMs + 60_000,
    price: isMarket ? 20_500.25 : null,
    value: isMarket ? 3.1000000000000005 : 900_000,
    threshold: isMarket ? 3 : 600_000,
    baseline: isMarket
      ? { startMs: windowStartMs - HOUR_MS, count: 60, mean: 6612.983870967742, stddev: 12.5 }
      : null,
    past: false,
    ...fields,
  };
}

/** Registers the tests. */
export function notificationsContract(test: Test): void {
  test("a notification is read back as it was written, to the last bit", async (store) => {
    const written = [
      notification({ hour: 0 }),
      notification({ hour: 1, base: "btc", quote: "usd", state: "resolved", past: true }),
      notification({ hour: 2, source: "some source", value: Number.MIN_VALUE }),
      notification({
        ...{ hour: 3, exchange: "bühne", instrument: "\u{1f600}'\"\\{}", price: 1e100 },
        baseline: { startMs: T0, count: 1, mean: 0.1 + 0.2, stddev: null },
      }),
    ];
    strictEqual(await store.writeNotifications(written), 4);
    deepStrictEqual(await store.notifications(ALL), written);
    strictEqual(await store.writeNotifications([]), 0);
  });

  test("a notification that is resolved stands, whatever comes later or again", async (store) => {
    const [firing, resolved] = [
      notification({ hour: 1.5 }),
      notification({
        ...{ hour: 1.5, state: "resolved" },
      }),
    ];
    const other = notification({ hour: 1.5, exchange: "okx" });
    strictEqual(await store.writeNotifications([firing, other]), 2);
    deepStrictEqual(await store.notifications(ALL), [firing, other]);
    strictEqual(await store.writeNotifications([firing]), 0, "known");
    strictEqual(await store.writeNotifications([firing, resolved, firing]), 1);
    strictEqual(await store.writeNotifications([resolved, firing, other]), 0);
    deepStrictEqual(await store.notifications(ALL), [resolved, other]);
  });

  test("notifications are read by time, either way, and page by page", async (store) => {
    const hours = [3, 1, 2.5, 2, 1];
    const written = hours.map((hour, i) => notification({ hour, exchange: `x${9 - i}` }));
    await store.writeNotifications(written);
    const texts = async (query: Partial<NotificationQuery> = {}) =>
      (await store.notifications({ ...ALL, ...query })).map(placeText);
    const ascending = ["1 x5", "1 x8", "2 x6", "2.5 x7", "3 x9"];
    deepStrictEqual(await texts(), ascending);
    deepStrictEqual(await texts({ order: "descending" }), ascending.toReversed());
    for (const order of ["ascending", "descending"] as const) {
      const all = await store.notifications({ ...ALL, order });
      for (const [i, after] of all.entries()) {
        const rest = await store.notifications({ ...ALL, order, after, limit: 2 });
        deepStrictEqual(rest, all.slice(i + 1, i + 3));
      }
    }
    const [fromMs, toMs] = [T0 + HOUR_MS + 1, T0 + 3 * HOUR_MS];
    deepStrictEqual(await texts({ fromMs, toMs }), ["2 x6", "2.5 x7"]);
    deepStrictEqual(await texts({ fromMs: toMs, toMs: toMs + 1 }), ["3 x9"]);
    for (const limit of [0, 1.5, READ_LIMIT_MAX + 1]) await rejects(texts({ limit }), RangeError);
    const rule = Array<string>(FILTER_PATTERNS_MAX + 1).fill("a");
    await rejects(texts({ rule }), RangeError);
  });

  test("reading on is right while notifications come and are resolved", async (store) => {
    const firing = Array.from({ length: 12 }, (_, i) => notification({ hour: i }));
    await store.writeNotifications(firing.slice(0, 8));
    const read: Notification[] = [];
    for (let after; read.length < 12; after = read.at(-1)) {
      const page = await store.notifications({ ...ALL, limit: 2, ...(after && { after }) });
      read.push(...page);
      // One that was read and one that was not are resolved; and later ones come.
      await store.writeNotifications(
        [read.length - 1, read.length].filter((i) => i < 12)
          .map((i) => notification({ hour: i, state: "resolved" })),
      );
      await store.writeNotifications(firing.slice(0, read.length + 6));
    }
    deepStrictEqual(read.map(({ id }) => id), firing.map(({ id }) => id));
    deepStrictEqual(read.slice(0, 4).map(({ state }) => state), [
      ...["firing", "firing", "resolved", "firing"],
    ]);
  });

  testRetention(test);
}

function testRetention(test: Test): void {
  const config = { ...CONFIG, keepMs: 2 * DAY_MS };
  test("notifications go with the statistics of their day", async (store) => {
    const hours = [1, 23.9, 24, 49, 70];
    await store.writeNotifications(hours.map((hour) => notification({ hour })));
    const left = async () => (await store.notifications(ALL)).map(placeText);
    const publish = (streamMs: number) => store.writeStatistics([record({ hour: 70, streamMs })]);
    strictEqual((await left()).length, 5, "no stream time is known");
    await publish(T0 + 3 * DAY_MS - 1);
    strictEqual((await left()).length, 5, "less than a day beyond what is kept");
    await publish(T0 + 3 * DAY_MS);
    deepStrictEqual(await left(), ["24 kraken", "49 kraken", "70 kraken"]);
    strictEqual(await store.writeNotifications([notification({ hour: 5 })]), 0);
    strictEqual(await store.writeNotifications([notification({ hour: 25 })]), 1);
    deepStrictEqual(await left(), ["24 kraken", "25 kraken", "49 kraken", "70 kraken"]);
  }, config);

  test("notifications stay for ever where statistics do", async (store) => {
    await store.writeNotifications([notification()]);
    await store.writeStatistics([record({ streamMs: T0 + 9_000 * DAY_MS })]);
    strictEqual((await store.notifications(ALL)).length, 1);
  });
}

/** Registers the tests of what is refused, for stores that look. */
export function refusedNotificationsContract(test: Test): void {
  test("a notification that is refused takes no other down", async (store) => {
    const [good, bad] = [notification(), notification({ startedMs: T0 + 0.5 })];
    await rejects(store.writeNotifications([good, bad]), RecordsRefusedError);
    deepStrictEqual(await store.notifications(ALL), []);
    strictEqual(await store.writeNotifications([good]), 1);
  });
}

function placeText({ startedMs, subject }: Notification): string {
  return `${(startedMs - T0) / HOUR_MS} ${subject.split(":")[0]}`;
}
