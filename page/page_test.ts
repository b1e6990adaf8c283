import { deepStrictEqual, strictEqual } from "node:assert";
import { MemoryBroker } from "../adapters/memory/topic_log.ts";
import { get, testApi } from "../tests/api_fixture.ts";
import { topicSpecs } from "../topology.ts";
import { keyText, linesOf, parseExactly, previewOf } from "./format.js";
import { MessageList } from "./messages.js";
import { placeProblem, readState, timeOf, writeState } from "./state.js";

const HOUR_MS = Date.UTC(2018, 3, 5, 10);

Deno.test("a value is shown digit by digit, its times readable", () => {
  const text = '{"price":9007199254740993,"half":0.50,"startMs":1522922400000,"intervalMs":60000,' +
    '"open":[6770,1522922460000,7],"none":{},"list":[]}';
  deepStrictEqual(
    linesOf(parseExactly(text)).map(({ text, note }) => note === null ? text : `${text} ${note}`),
    [
      "{",
      '  "price": 9007199254740993,',
      '  "half": 0.50,',
      '  "startMs": 1522922400000, 2018-04-05 10:00:00',
      '  "intervalMs": 60000, 1 min',
      '  "open": [',
      "    6770,",
      "    1522922460000, 2018-04-05 10:01:00",
      "    7",
      "  ],",
      '  "none": {},',
      '  "list": []',
      "}",
    ],
  );
});

Deno.test("a value as deep and long as it likes is shown in bounded lines", () => {
  for (const text of ["[".repeat(100_000) + "]".repeat(100_000), `[${"0,".repeat(1e5)}0]`]) {
    const lines = linesOf(parseExactly(text));
    strictEqual(lines.length, 20_001);
    strictEqual(lines.every((line: { text: string }) => line.text.length < 100), true);
    strictEqual(
      previewOf("other", { value: parseExactly(text), headers: {}, encoding: "json" }).length < 302,
      true,
    );
  }
});

Deno.test("keys and values have a line that a person reads", () => {
  const json = (value: unknown, headers = {}) => ({ value, headers, encoding: "json" });
  strictEqual(keyText(`kraken:btcusd@${HOUR_MS}`), "kraken:btcusd @ 2018-04-05 10:00");
  strictEqual(keyText("kraken:btc@usd"), "kraken:btc@usd");
  const window = { startMs: HOUR_MS, endMs: HOUR_MS + 3_600_000, count: 3, state: "open" };
  strictEqual(
    previewOf("statistics", json({ ...window, mean: [2, 0], m2: [2, 0] })),
    "2018-04-05 10:00–11:00 · open · 3 samples · mean 2 ± 1",
  );
  strictEqual(
    previewOf("samples", json({ price: 5, timestampMs: HOUR_MS })),
    "5 at 2018-04-05 10:00:00",
  );
  strictEqual(previewOf("rejected", json(null, { reason: "skew", detail: "1 h" })), "skew: 1 h");
  for (const topic of ["samples", "statistics", "polls", "rejected", "other"]) {
    strictEqual(previewOf(topic, json(null)), "null");
    strictEqual(
      previewOf(topic, json({ startMs: "<b>", mean: 5 })),
      '{ "startMs": "<b>", "mean": 5 }',
    );
  }
});

Deno.test("the address keeps what is looked at, and survives nonsense", () => {
  const query =
    "?topic=samples&partition=3&from=time&at=2018-04-05+10%3A31&key=btc&limit=200&live=yes";
  strictEqual(writeState(readState(query)), query);
  strictEqual(writeState(readState("?partition=x&from=nowhere&limit=7&live=1&at=5")), "");
  strictEqual(placeProblem(readState(query)), null);
  strictEqual(placeProblem(readState("?from=offset&at=-1")), "The offset must be a whole number");
});

for (
  const [text, timeMs] of [
    ["2018-04-05 10:00", HOUR_MS],
    ["2018-04-05T10:00:00Z", HOUR_MS],
    ["2018-04-05T12:00:00+02:00", HOUR_MS],
    ["2018-04-05", Date.UTC(2018, 3, 5)],
    [`${HOUR_MS}`, HOUR_MS],
    ["noon", null],
    ["2018-13-05", null],
  ] as const
) {
  Deno.test(`a typed time ${text} is ${timeMs}`, () => strictEqual(timeOf(text), timeMs));
}

/** A list over a log of `count` records that lie by turns in three partitions, a second apart. */
async function listOf(count: number, query: string) {
  let nowMs = HOUR_MS;
  const broker = new MemoryBroker({ nowMs: () => nowMs, sleep: () => Promise.resolve() });
  const log = broker.connect();
  await log.create(topicSpecs("embedded", 3));
  let made = 0;
  const append = async (count: number) => {
    for (let i = 0; i < count; i++) {
      const value = new TextEncoder().encode("1");
      await log.append([{ topic: "samples", partition: made % 3, key: `${made}`, value }]);
      made++;
      nowMs += 1000;
    }
  };
  await append(count);
  const app = testApi({ topics: { log, admin: log } });
  const ask = (path: string) => get(app, `/${path}`);
  const row = async () => (await ask("v1/topics")).data[0];
  const state = readState(`?topic=samples&${query}`);
  const list = new MessageList({ ...state, limit: 10 }, await row(), ask);
  await list.begin();
  const keys = () => list.messages.map(({ key }: { key: string }) => Number(key));
  return { list, append, row, keys };
}

const from = (first: number, last: number) =>
  Array.from({ length: last - first + 1 }, (_, i) => first + i);

Deno.test("messages of all partitions are merged by time, earlier and later ones join without a gap", async () => {
  const { list, append, row, keys } = await listOf(50, "");
  deepStrictEqual(keys(), from(40, 49));
  await list.loadEarlier();
  deepStrictEqual(keys(), from(30, 49));
  await append(4);
  strictEqual(await list.loadArrived(await row()), 4);
  deepStrictEqual(keys(), from(30, 53));
  strictEqual(await list.loadArrived(await row()), 0);
  for (let i = 0; i < 4; i++) await list.loadEarlier();
  deepStrictEqual([keys(), list.hasEarlier], [from(0, 53), false]);
});

Deno.test("messages around a time are those before it and those after", async () => {
  const { list, keys } = await listOf(50, `from=time&at=${HOUR_MS + 20_000}`);
  deepStrictEqual(keys(), from(15, 24));
  await list.loadLater();
  await list.loadEarlier();
  deepStrictEqual(keys(), from(5, 34));
});

Deno.test("from an offset, one partition is read on", async () => {
  const { list, keys } = await listOf(90, "from=offset&at=3&partition=1");
  deepStrictEqual(keys(), from(3, 12).map((i) => 3 * i + 1));
  await list.loadEarlier();
  deepStrictEqual(keys(), from(0, 12).map((i) => 3 * i + 1));
});

Deno.test("live, of what arrives only what matches joins", async () => {
  const { list, append, row, keys } = await listOf(0, "key=1");
  await append(30);
  strictEqual(await list.loadArrived(await row()), 12);
  deepStrictEqual(keys(), [1, ...from(10, 19), 21]);
});
