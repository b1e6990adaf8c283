import { deepStrictEqual, match, ok, strictEqual, throws } from "node:assert";
import { type RefusedRow, type Row, rowReaderFor } from "./rows.ts";

const LIMITS = { timeMaxMs: Date.parse("2030-01-01T00:00:00Z"), skipsZeroPrices: true };
const HEADER = "exchange,instrument,timestamp,price";

function row(line: string, header = HEADER): Row {
  const result = rowReaderFor(header, LIMITS).read(line);
  ok(!("reason" in result), JSON.stringify(result));
  return result;
}

function refused(line: string, header = HEADER): RefusedRow {
  const result = rowReaderFor(header, LIMITS).read(line);
  ok("reason" in result, JSON.stringify(result));
  return result;
}

const EXPECTED = {
  exchange: "coinbase",
  instrument: "btc-usd",
  timestampMs: 1_522_886_400_000,
  price: 6800.5,
};

Deno.test("rowReaderFor() reads CSV whose columns stand in any order among others", () => {
  deepStrictEqual(row("coinbase,btc-usd,1522886400000,6800.5"), EXPECTED);
  const header = 'volume, Price ,"note",instrument,TIMESTAMP,exchange';
  deepStrictEqual(
    row('1.5, 6800.5 ,"said ""up"", then",btc-usd,2018-04-05T00:00:00Z,"coinbase"', header),
    EXPECTED,
  );
  deepStrictEqual(row(',6800.5,"",btc-usd,1522886400000,coinbase', header), EXPECTED);
});

Deno.test("rowReaderFor() reads NDJSON with numbers or texts", () => {
  const first =
    '{"exchange":"coinbase","instrument":"btc-usd","timestamp":1522886400000,"price":6800.5}';
  const { read, isRow } = rowReaderFor(first, LIMITS);
  ok(isRow);
  deepStrictEqual(read(first), EXPECTED);
  deepStrictEqual(
    read(
      '{"price":"6.8005e3","timestamp":"2018-04-05T02:00:00+02:00","instrument":"btc-usd","exchange":"coinbase","x":[]}',
    ),
    EXPECTED,
  );
});

Deno.test("rowReaderFor() reads times as ISO 8601 has them, in UTC where no zone is given", () => {
  for (
    const [text, iso] of [
      ["2018-04-05", "2018-04-05T00:00:00.000Z"],
      ["2018-04-05T10:30Z", "2018-04-05T10:30:00.000Z"],
      ["2018-04-05 10:30:15", "2018-04-05T10:30:15.000Z"],
      ["2018-04-05T10:30:15.123456789Z", "2018-04-05T10:30:15.123Z"],
      ["2018-04-05T10:30:15+0530", "2018-04-05T05:00:15.000Z"],
      ["2018-04-05T10:30:15-05", "2018-04-05T15:30:15.000Z"],
      ["2020-02-29T00:00:00z", "2020-02-29T00:00:00.000Z"],
      ["0", "1970-01-01T00:00:00.000Z"],
    ] as const
  ) strictEqual(new Date(row(`a,b,${text},1`).timestampMs).toISOString(), iso, text);
});

Deno.test("rowReaderFor() refuses times that are none", () => {
  for (
    const text of [
      "",
      "soon",
      "2018-02-29T00:00Z",
      "2018-13-01",
      "1522886400.5",
      "-1",
      "2018-04-05T25:00Z",
      "04/05/2018",
    ]
  ) match(refused(`a,b,${text},1`).detail, /^timestamp ".*": must be ISO 8601/, text);
});

Deno.test("rowReaderFor() takes seconds for no milliseconds", () => {
  match(
    refused("a,b,1522886400,1").detail,
    /^timestamp "1522886400": is of 1970; are these seconds/,
  );
});

Deno.test("rowReaderFor() refuses prices that are none, and says which", () => {
  for (const text of ["", "NaN", "Infinity", "-1", "1e101", "0x10", "1_000", "1 000", "abc"]) {
    deepStrictEqual(refused(`a,b,0,${text}`), {
      reason: "malformed",
      detail: `price "${text}": must be from 0 to 1e100`,
    });
  }
  strictEqual(row("a,b,0,.5").price, 0.5);
  strictEqual(row("a,b,0,1e-300").price, 1e-300);
});

Deno.test("rowReaderFor() refuses lines that are no rows and goes on", () => {
  match(refused("a,b,0").detail, /^3 fields, and the header has 4/);
  match(refused("a,b,0,1,234").detail, /^5 fields/);
  match(refused('a,"b,0,1').detail, /quoted field/);
  match(refused('a,"b"x,0,1').detail, /quoted field/);
  match(refused("a b,c,0,1").detail, /^exchange "a b"/);
  match(refused(`a,${"x".repeat(101)},0,1`).detail, /^instrument "x{40}…"/);
  for (const line of ["{", "[]", "null", "7", "{}"]) match(refused(line, "{}").reason, /malformed/);
});

Deno.test("rowReaderFor() counts zero prices and times in the future by words of their own", () => {
  strictEqual(refused("a,b,0,0").reason, "zero-price");
  strictEqual(refused("a,b,2030-01-01T00:00:00.001Z,1").reason, "skew");
  const keeping = rowReaderFor(HEADER, { ...LIMITS, skipsZeroPrices: false });
  deepStrictEqual(keeping.read("a,b,0,0"), {
    exchange: "a",
    instrument: "b",
    timestampMs: 0,
    price: 0,
  });
});

Deno.test("rowReaderFor() names the columns that a header lacks", () => {
  throws(
    () => rowReaderFor("exchange;instrument;timestamp;price", LIMITS),
    /has no column exchange, instrument/,
  );
  throws(() => rowReaderFor("exchange,instrument,time,price", LIMITS), /has no column timestamp; /);
});
