/**
 * What every statistics store must make of notifications in any order, and of filters on them.
 *
 * @module
 */
import { deepStrictEqual, strictEqual } from "node:assert";
import fc from "fast-check";
import { matchesNotification } from "../../adapters/notification_rows.ts";
import type { NotificationFilters } from "../../ports/notification_queries.ts";
import { READ_LIMIT_MAX } from "../../ports/statistics_store.ts";
import type { Notification } from "../../stats/notification.ts";
import { TIME_MAX_MS } from "../../stats/sample.ts";
import { notification, type NotificationFields } from "./notifications_contract.ts";
import {
  CONFIG,
  type OpenStore,
  type Register,
  type StoreUnderTest,
} from "./statistics_store_contract.ts";

const ALL = { fromMs: 0, toMs: TIME_MAX_MS, limit: READ_LIMIT_MAX };

/** Ids of what GLOB, LIKE, JSON, arrays and SQL treat apart. */
const id = fc.array(fc.constantFrom(..."ab?[]^-%_\\'\"{}\u{1f600}"), { minLength: 1, maxLength: 3 })
  .map((characters) => characters.join(""));

/** Notifications of few windows, each twice, and so that texts decide between some of one id. */
const found = fc.record({
  hour: fc.integer({ min: 0, max: 3 }),
  rule: id,
  kind: fc.constantFrom("ratioAbove", "ratioBelow", "deviation"),
  state: fc.constantFrom("firing", "resolved"),
  exchange: id,
  base: fc.option(id),
  quote: fc.option(id),
  value: fc.integer({ min: 1, max: 20 }),
  source: fc.constantFrom(null, null, "kraken", "a_b"),
}) as fc.Arbitrary<NotificationFields>;

const pattern = fc.tuple(id, fc.constantFrom("", "*")).map(([id, end]) => id.slice(0, 1) + end);
const patterns = fc.array(fc.oneof(pattern, id, fc.constant("*")), { maxLength: 3 });
const filters: fc.Arbitrary<NotificationFilters> = fc.record({
  ...{ rule: patterns, exchange: patterns, base: patterns, quote: patterns },
  instrument: fc.constantFrom(["btcusd"], ["b*", "x"]),
  kind: fc.constantFrom(["ratioAbove"], ["ratio*", "deviation"], []),
  state: fc.constantFrom(["firing"], ["resolved"], ["firing", "resolved"], ["*ing"]),
  source: fc.constantFrom(["kraken"], ["a_*"], ["*"]),
}, { requiredKeys: [] });

/** Registers the suite's property for one store. */
export function notificationFiltersContract(
  name: string,
  open: OpenStore,
  { register = Deno.test, runCount = 40 }: { register?: Register; runCount?: number } = {},
): void {
  const written = fc.array(found, { minLength: 1, maxLength: 12 });
  register(
    `${name}: any order of notifications ends the same, and any filters let through what a plain reading of them does`,
    async () => {
      const property = fc.asyncProperty(
        written,
        fc.array(filters, { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 1, max: 12 }),
        async (fields, all, size) => {
          const records = fields.map(notification);
          await using store = await open(CONFIG);
          await using other = await open(CONFIG);
          await store.writeNotifications(records);
          for (let at = records.length; at > 0; at -= size) {
            await other.writeNotifications(records.slice(Math.max(0, at - size), at).toReversed());
          }
          const rows = await store.notifications(ALL);
          deepStrictEqual(await other.notifications(ALL), rows);
          deepStrictEqual(new Set(rows.map(({ id }) => id)), new Set(records.map(({ id }) => id)));
          for (const row of rows) {
            const same = records.filter(({ id }) => id === row.id);
            strictEqual(row.state === "resolved", same.some(({ state }) => state === "resolved"));
          }
          for (const filters of all) {
            await readsLike(
              store,
              filters,
              rows.filter((row) => matchesNotification(filters, row)),
            );
          }
        },
      );
      await fc.assert(property, { numRuns: runCount });
    },
  );
}

async function readsLike(
  store: StoreUnderTest,
  filters: NotificationFilters,
  expected: Notification[],
): Promise<void> {
  deepStrictEqual(await store.notifications({ ...ALL, ...filters }), expected);
  const order = "descending";
  const query = { ...ALL, ...filters, order } as const;
  const descending = expected.toReversed();
  deepStrictEqual(await store.notifications(query), descending);
  const [after] = descending;
  if (after === undefined) return;
  deepStrictEqual(await store.notifications({ ...query, after }), descending.slice(1));
}
