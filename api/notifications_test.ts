import { deepStrictEqual, match, strictEqual } from "node:assert";
import { ID_LENGTH_MAX } from "../stats/sample.ts";
import { emptyStore, get, getAll, testApi } from "../tests/api_fixture.ts";
import { notification, type NotificationFields } from "../tests/contract/notifications_contract.ts";

const PATH = "/v1/notifications";

/** An API over a store that holds these notifications, and the store. */
async function apiWith(...fields: NotificationFields[]) {
  const queries = emptyStore();
  await queries.writeNotifications(fields.map(notification));
  return { app: testApi({ queries }), queries };
}

const SEVERAL: NotificationFields[] = [
  { hour: 0, rule: "tripled", base: "btc", quote: "usd" },
  { hour: 1, rule: "halved", kind: "ratioBelow", exchange: "okx", state: "resolved" },
  { hour: 2, rule: "odd", kind: "deviation", instrument: "ethusd", base: "eth", quote: "usd" },
  { hour: 3, rule: "quiet", kind: "marketSilent", price: null, baseline: null },
  { hour: 4, rule: "away", source: "kraken", state: "resolved" },
  { hour: 5, rule: "away", source: "bitstamp" },
];

Deno.test("a notification is shown with all that it says, of a market and of a source", async () => {
  const { app } = await apiWith(
    { hour: 10.5, state: "resolved", base: "btc", quote: "usd" },
    { hour: 11, rule: "away", source: "kraken", past: true },
  );
  const window = { windowStart: "2024-01-01T10:00:00.000Z", windowEnd: "2024-01-01T11:00:00.000Z" };
  const row = {
    id: "tripled/kraken:btcusd/1704103200000",
    ...{ rule: "tripled", kind: "ratioAbove", state: "resolved", subject: "kraken:btcusd" },
    ...{ exchange: "kraken", instrument: "btcusd", base: "btc", quote: "usd", source: null },
    ...window,
    startedAt: "2024-01-01T10:30:00.000Z",
    endedAt: "2024-01-01T10:31:00.000Z",
    ...{ price: 20_500.25, value: 3.1000000000000005, threshold: 3 },
    baseline: {
      windowStart: "2024-01-01T09:00:00.000Z",
      ...{ count: 60, mean: 6612.983870967742, stddev: 12.5 },
    },
    past: false,
  };
  const silence = {
    id: "away/kraken/1704106800000",
    ...{ rule: "away", kind: "sourceSilent", state: "firing", subject: "kraken" },
    ...{ exchange: null, instrument: null, base: null, quote: null, source: "kraken" },
    windowStart: "2024-01-01T11:00:00.000Z",
    windowEnd: "2024-01-01T12:00:00.000Z",
    startedAt: "2024-01-01T11:00:00.000Z",
    ...{ endedAt: null, price: null, value: 900_000, threshold: 600_000, baseline: null },
    past: true,
  };
  const { data, nextCursor } = await get(app, PATH);
  deepStrictEqual(data, [row, silence]);
  deepStrictEqual(Object.keys(data[0]!), Object.keys(row), "in this order");
  strictEqual(nextCursor, null);
});

Deno.test("there is none where no rule found anything", async () => {
  deepStrictEqual(await get(testApi(), PATH), { data: [], nextCursor: null });
});

Deno.test.each([
  ["rule=away", "45"],
  ["rule=*d", "012"],
  ["rule=odd,quiet&rule=away", "2345"],
  ["kind=ratioAbove,ratioBelow", "01"],
  ["kind=sourceSilent&kind=marketSilent", "345"],
  ["state=firing", "0235"],
  ["state=resolved", "14"],
  ["state=firing,resolved", "012345"],
  ["exchange=kraken", "023"],
  ["exchange=*", "0123"],
  ["exchange=kraken&instrument=btc*", "03"],
  ["base=btc,eth", "02"],
  ["quote=usd&rule=tripled", "0"],
  ["source=kraken", "4"],
  ["source=*", "45"],
  ["source=kraken&exchange=kraken", ""],
  ["from=2024-01-01T01:00:00Z&to=2024-01-01T03:00:00Z", "12"],
  ["from=2024-01-01T04:00:00.001Z", "5"],
  ["to=1704070800000&sort=-startedAt", "0"],
  ["sort=-startedAt", "543210"],
  ["sort=startedAt&limit=2", "01"],
])("%s lets through %s", async (query, expected) => {
  const { app } = await apiWith(...SEVERAL);
  const { data } = await get(app, `${PATH}?${query}`);
  const hours = data.map((row: { startedAt: string }) => new Date(row.startedAt).getUTCHours());
  strictEqual(hours.join(""), expected);
});

Deno.test.each([
  ["kind=leap", /kind must be one of ratioAbove, ratioBelow, deviation/],
  ["kind=ratioAbove,", /kind must be one of/],
  ["state=fireing", /state must be one of firing, resolved/],
  ["state=", /state must be one of/],
  [`state=${"firing,".repeat(100)}firing`, /state must be at most 100 values/],
  ["rule=a%20b", /rule must be values of 1 to 100/],
  ["source=kraken:btcusd", /source must be values of/],
  ["sort=value", /sort must be startedAt, or -startedAt/],
  ["sort=startedAt&sort=startedAt", /sort is given more than once/],
  ["from=5&to=5", /to must be later than from/],
  ["limit=0", /limit must be a whole number/],
  ["cursor=nonsense", /cursor is not a cursor of this list/],
  ["window=5", /known are: rule, kind, state, exchange, instrument, base, quote, source, from/],
])("%s is refused: %s", async (query, said) => {
  const problem = await get(testApi(), `${PATH}?${query}`, 400);
  match(problem.detail, said as RegExp);
  strictEqual(problem.errors.length, 1);
});

Deno.test("pages hold together all notifications, oldest or newest first, and fit no other order", async () => {
  const { app } = await apiWith(...SEVERAL, ...SEVERAL.map((each) => ({ ...each, rule: "again" })));
  for (const sort of ["startedAt", "-startedAt"]) {
    const path = `${PATH}?sort=${sort}`;
    const { data } = await get(app, path);
    strictEqual(data.length, 12);
    for (const limit of [1, 5, 12]) deepStrictEqual(await getAll(app, path, limit), data);
  }
  const { nextCursor } = await get(app, `${PATH}?limit=1`);
  const problem = await get(app, `${PATH}?sort=-startedAt&cursor=${nextCursor}`, 400);
  match(problem.detail, /cursor is of a list that is sorted by startedAt/);
});

Deno.test("one that is resolved between two pages keeps its place, and new ones are met in theirs", async () => {
  for (const sort of ["startedAt", "-startedAt"]) {
    const { app, queries } = await apiWith({ hour: 1 }, { hour: 2 }, { hour: 3 }, { hour: 4 });
    const first = await get(app, `${PATH}?limit=2&sort=${sort}`);
    const resolved = [1, 2, 3, 4].map((hour) => notification({ hour, state: "resolved" }));
    await queries.writeNotifications([...resolved, notification({ hour: 5 })]);
    const second = await get(app, `${PATH}?sort=${sort}&cursor=${first.nextCursor}`);
    const seen = [...first.data, ...second.data].map(({ startedAt, state }) =>
      `${startedAt.slice(12, 13)} ${state}`
    );
    deepStrictEqual(
      seen,
      sort === "startedAt"
        ? ["1 firing", "2 firing", "3 resolved", "4 resolved", "5 firing"]
        : ["4 firing", "3 firing", "2 resolved", "1 resolved"],
    );
  }
});

Deno.test("a cursor holds the longest id there may be", async () => {
  const name = (character: string) => character.repeat(ID_LENGTH_MAX);
  const [rule, exchange, instrument] = [name("規"), name("所"), name("対")];
  const { app } = await apiWith({ rule, exchange, instrument }, { hour: 9e5 });
  strictEqual((await getAll(app, PATH, 1)).length, 2);
});

async function textOf(path: string, accept: string): Promise<string> {
  const { app } = await apiWith(...SEVERAL);
  const response = await app.request(path, { headers: { accept } });
  strictEqual(response.status, 200);
  return await response.text();
}

Deno.test("NDJSON holds the rows of JSON, and CSV the baseline's fields as columns", async () => {
  const { app } = await apiWith(...SEVERAL);
  const { data } = await get(app, PATH);
  const lines = (await textOf(PATH, "application/x-ndjson")).trimEnd().split("\n");
  deepStrictEqual(lines.map((line) => JSON.parse(line)), data);
  const rows = (await textOf(`${PATH}?limit=4`, "text/csv")).trimEnd().split("\r\n");
  strictEqual(
    rows[0],
    "id,rule,kind,state,subject,exchange,instrument,base,quote,source,windowStart,windowEnd," +
      "startedAt,endedAt,price,value,threshold,baseline.windowStart,baseline.count,baseline.mean," +
      "baseline.stddev,past",
  );
  strictEqual(rows.length, 5);
  const times = "2024-01-01T00:00:00.000Z,2024-01-01T01:00:00.000Z,2024-01-01T00:00:00.000Z";
  strictEqual(
    rows[1],
    "tripled/kraken:btcusd/1704067200000,tripled,ratioAbove,firing,kraken:btcusd,kraken,btcusd," +
      `btc,usd,,${times},,20500.25,3.1000000000000005,3,2023-12-31T23:00:00.000Z,60,` +
      "6612.983870967742,12.5,false",
  );
  match(rows[4]!, /^quiet\/.*,,3\.1000000000000005,3,,,,,false$/);
});

Deno.test("who has the notifications is told that they have not changed, until one has", async () => {
  const { app, queries } = await apiWith({ hour: 1 });
  const first = await app.request(PATH);
  const tag = first.headers.get("etag")!;
  strictEqual(first.headers.get("cache-control"), "no-cache");
  strictEqual(first.headers.get("vary"), "Accept");
  await first.body?.cancel();
  const ask = async () => {
    const answer = await app.request(PATH, { headers: { "if-none-match": tag } });
    await answer.body?.cancel();
    return answer.status;
  };
  strictEqual(await ask(), 304);
  await queries.writeNotifications([notification({ hour: 1, state: "resolved" })]);
  strictEqual(await ask(), 200);
});
