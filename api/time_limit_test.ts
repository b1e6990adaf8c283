import { ok, strictEqual } from "node:assert";
import type { DayRow } from "../ports/day_statistics.ts";
import { emptyStore, storeWith, testApi } from "../tests/api_fixture.ts";

const PATH = "/v1/statistics/aggregate?interval=1d";
const DAY_MS = 86_400_000;

const DAY: DayRow = {
  ...{ exchange: "kraken", instrument: "btcusd", base: "btc", quote: "usd" },
  ...{
    startMs: 0,
    endMs: DAY_MS,
    count: 1,
    meanHi: 1,
    meanLo: 0,
    m2Hi: 0,
    m2Lo: 0,
    min: 1,
    max: 1,
  },
  ...{ openPrice: 1, openMs: 0, closePrice: 1, closeMs: 0, tickCount: 0, intervalMs: null },
  ...{ revision: 1, state: "closed", amended: false, origin: "live" },
  parts: { windowCount: 1, scheduledMs: 0, scheduledTickCount: 0 },
};

/** An API over a store that has days without end, and how often it was asked for them. */
function endless(requestTimeMaxMs: number) {
  const asked = { count: 0 };
  const queries = storeWith(emptyStore(), {
    days({ limit }) {
      const startMs = ++asked.count * DAY_MS;
      return Promise.resolve(Array(limit).fill({ ...DAY, startMs, endMs: startMs + DAY_MS }));
    },
  });
  return { asked, app: testApi({ queries }, { requestTimeMaxMs, scanRowsMax: Infinity }) };
}

const turns = () => new Promise((resolve) => setTimeout(resolve, 20));

Deno.test("a scan that takes too long is answered with 503, and reads no further page", async () => {
  const { app, asked } = endless(50);
  strictEqual((await app.request(PATH)).status, 503);
  const { count } = asked;
  ok(count > 0);
  await turns();
  ok(asked.count <= count + 1, "it ends with the page that it was at");
  const after = asked.count;
  await turns();
  strictEqual(asked.count, after);
});

Deno.test("a scan ends when its client has gone, and its place is another's", async () => {
  const { app, asked } = endless(60_000);
  const gone = new AbortController();
  const answer = app.request(PATH, { signal: gone.signal });
  while (asked.count < 2) await turns();
  gone.abort();
  await answer;
  const { count } = asked;
  await turns();
  strictEqual(asked.count, count);
});

Deno.test("a read is told when its time is up", async () => {
  const aborted = Promise.withResolvers<unknown>();
  const queries = storeWith(emptyStore(), {
    days: (_, signal) =>
      new Promise((_, reject) => {
        signal!.addEventListener("abort", () => {
          aborted.resolve(signal!.reason);
          reject(signal!.reason);
        });
      }),
  });
  strictEqual((await testApi({ queries }, { requestTimeMaxMs: 5 }).request(PATH)).status, 503);
  ok(await aborted.promise instanceof Error);
});
