import { deepStrictEqual, match, ok } from "node:assert";
import fc from "fast-check";
import { isId, isPrice, isTickMs, isTimeMs, type Sample } from "../../stats/sample.ts";
import { decodeSample, encodeSample, isMalformed, SAMPLE_VERSION } from "./sample_codec.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

const id = fc.oneof(
  fc.constantFrom("kraken", "btcusd", "btc-usd", "usd", "__proto__", "constructor", 'a"b', "a\\b"),
  fc.string({ minLength: 1, maxLength: 12, unit: "grapheme" }).filter(isId),
);
const price = fc.oneof(
  fc.double({ min: 0, max: 1e100, noNaN: true }),
  fc.double({ min: 0, max: 1e5, noNaN: true }),
  fc.nat(10_000_000).map((cents) => cents / 100),
  fc.integer({ min: 0, max: 2 ** 31 - 1 }).map((n) => n / 2 ** 20),
  fc.constantFrom(0, -0, 5e-324, 1e-7, 1e21, 1e100, 0.1, 9007199254740993, 123456789.123456789),
);
const timeMs = fc.oneof(
  fc.integer({ min: 0, max: 253_402_300_799_999 }),
  fc.constantFrom(0, 999_999_999, 1_000_000_000, 253_402_300_799_999),
);
const seconds = fc.integer({ min: 0, max: 253_402_300_799 }).map((s) => s * 1000);
const sample: fc.Arbitrary<Sample> = fc.record({
  exchange: id,
  instrument: id,
  base: fc.option(id, { nil: undefined }),
  quote: fc.option(id, { nil: undefined }),
  price,
  timestampMs: timeMs,
  tickMs: fc.option(seconds, { nil: undefined }),
  intervalMs: fc.option(seconds.map((ms) => ms + 1000).filter(isTickMs), { nil: undefined }),
});

/** What the bytes say by JSON.parse alone; `null` where they are no sample. */
function readByJson(value: Uint8Array): Sample | null {
  let json;
  try {
    json = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(value));
  } catch {
    return null;
  }
  const { v, exchange, instrument, base, quote, price, timestampMs, tickMs, intervalMs } = json ??
    {};
  const good = v === SAMPLE_VERSION && isId(exchange) && isId(instrument) &&
    (base === undefined || isId(base)) && (quote === undefined || isId(quote)) &&
    isPrice(price) && isTimeMs(timestampMs) && (tickMs === undefined || isTickMs(tickMs)) &&
    (intervalMs === undefined || (isTickMs(intervalMs) && intervalMs > 0));
  return good
    ? { exchange, instrument, base, quote, price, timestampMs, tickMs, intervalMs }
    : null;
}

function agrees(value: Uint8Array): void {
  const decoded = decodeSample(value);
  const expected = readByJson(value);
  if (expected !== null) deepStrictEqual(decoded, expected);
  else ok(isMalformed(decoded) && decoded.malformed.length > 0);
}

Deno.test("a sample reads back as it was written, whether its market is known or not", () => {
  fc.assert(
    fc.property(sample, price, timeMs, (first, price, timestampMs) => {
      for (const written of [first, first, { ...first, price, timestampMs }]) {
        // JSON has no −0.
        deepStrictEqual(decodeSample(encodeSample(written)), {
          ...written,
          price: written.price + 0,
        });
      }
    }),
    { numRuns: 500 },
  );
});

Deno.test("one form of bytes for a sample, whatever the order of its properties", () => {
  const { exchange, instrument, ...rest } = {
    exchange: "a",
    instrument: "b",
    price: 1,
    timestampMs: 2,
  };
  deepStrictEqual(
    encodeSample({ ...rest, instrument, exchange }),
    bytes('{"v":1,"exchange":"a","instrument":"b","price":1,"timestampMs":2}'),
  );
});

Deno.test("a known market's sample with any bytes changed reads as JSON.parse reads it", () => {
  const piece = fc.oneof(
    fc.constantFrom(...'0123456789.eE+-",:{}[] \\\n\u0000\u007f', "", "00", "1e", "e-7", "true"),
    fc.constantFrom("null", '"price":', ',"tickMs":60000', ',"v":2', "\\u0030", "é", "-0", "1E400"),
  );
  const change = fc.record({
    at: fc.double({ min: 0, max: 1, noNaN: true }),
    drop: fc.nat(3),
    piece,
  });
  fc.assert(
    fc.property(sample, fc.array(change, { minLength: 1, maxLength: 3 }), (original, changes) => {
      const value = encodeSample(original);
      decodeSample(value);
      let text = new TextDecoder().decode(value);
      for (const { at, drop, piece } of changes) {
        const i = Math.floor(at * text.length);
        text = text.slice(0, i) + piece + text.slice(i + drop);
      }
      agrees(bytes(text));
    }),
    { numRuns: 5000 },
  );
});

Deno.test("numbers in any notation read to the same bit as JSON.parse reads them", () => {
  const write = (price: string, timestamp = "5", tick = "60000") =>
    bytes(
      `{"v":1,"exchange":"a","instrument":"b","price":${price},"timestampMs":${timestamp},"tickMs":${tick}}`,
    );
  agrees(write("1"));
  const number = fc.tuple(
    fc.constantFrom("", "-", "0", "00"),
    fc.oneof(fc.nat().map(String), fc.bigInt({ min: 0n, max: 10n ** 40n }).map(String)),
    fc.oneof(
      fc.constant(""),
      fc.constant("."),
      fc.bigInt({ min: 0n, max: 10n ** 25n }).map((n) => `.${n}`),
    ),
    fc.oneof(fc.constant(""), fc.integer({ min: -400, max: 400 }).map((n) => `e${n}`)),
  ).map((parts) => parts.join(""));
  fc.assert(
    fc.property(number, number, number, (price, timestamp, tick) => {
      agrees(write(price));
      agrees(write("1", timestamp));
      agrees(write("1", "5", tick));
    }),
    { numRuns: 2000 },
  );
  for (const price of ["0", "-0", "-1", "1.5", "0.1e1", "1e100", "1.1e100", "9007199254740993.0"]) {
    agrees(write(price));
  }
});

Deno.test("markets whose heads have one hash are not mistaken for each other", () => {
  // "Aa" and "BB" are alike to a hash that multiplies by 31.
  for (const exchange of ["Aa", "BB", "Aa", "Aa", "BB", "BB"]) {
    agrees(encodeSample({ exchange, instrument: "b", price: 1, timestampMs: 1 }));
  }
});

Deno.test("hostile JSON is refused in words, and never throws", () => {
  fc.assert(fc.property(fc.json({ maxDepth: 6 }), (text) => agrees(bytes(text))));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), agrees));
  const good = '"exchange":"a","instrument":"b","timestampMs":1';
  for (
    const [text, words] of [
      ["", /JSON/],
      ["null", /record: /],
      ["[]", /record: /],
      ['"{}"', /record: /],
      ["[".repeat(4000), /JSON/],
      [`{"v":1,${good},"price":1}` + " ".repeat(5000), /bytes are more than 4096/],
      [`{"v":2,${good},"price":1}`, /v: must be 1/],
      [`{"v":"1",${good},"price":1}`, /v: must be 1/],
      [`{"v":1,${good},"price":NaN}`, /JSON/],
      [`{"v":1,${good},"price":1e400}`, /price: /],
      [`{"v":1,${good},"price":1.1e100}`, /price: must be from 0 to 1e100/],
      [`{"v":1,${good},"price":-1e-300}`, /price: must be from 0/],
      [`{"v":1,${good},"price":"1"}`, /price: /],
      [`{"v":1,${good},"price":null}`, /price: /],
      [`{"v":1,${good},"price":1,"tickMs":1500}`, /tickMs: must be whole seconds/],
      [`{"v":1,${good},"price":1,"intervalMs":0}`, /intervalMs: must be more than 0/],
      [
        `{"v":1,${good},"price":1,"timestampMs":1e16}`,
        /timestampMs: must be whole ms|timestampMs: /,
      ],
      ['{"v":1,"price":1,"timestampMs":1,"exchange":"a b","instrument":"b"}', /exchange: must be/],
      ['{"v":1,"price":1,"timestampMs":1,"exchange":"\\ud800","instrument":"b"}', /exchange: /],
      [
        '{"v":1,"__proto__":{"exchange":"a","instrument":"b","price":1,"timestampMs":1}}',
        /exchange/,
      ],
    ] as const
  ) {
    const decoded = decodeSample(bytes(text));
    ok(isMalformed(decoded), text);
    match(decoded.malformed, words);
    ok(decoded.malformed.length < 1000);
  }
  deepStrictEqual(decodeSample(null), { malformed: "the record has no value" });
});

Deno.test("properties of a prototype's names are kept out of a sample", () => {
  const decoded = decodeSample(bytes(
    '{"v":1,"exchange":"a","instrument":"b","price":1,"timestampMs":1,"__proto__":{"tickMs":60000},"toString":1,"malformed":"no"}',
  ));
  ok(!isMalformed(decoded));
  deepStrictEqual(decoded.tickMs, undefined);
  deepStrictEqual(Object.getPrototypeOf(decoded), Object.prototype);
  deepStrictEqual(Object.keys(decoded).includes("toString"), false);
});

Deno.test("bytes that are no UTF-8 are refused: two exchanges must not become one", () => {
  const value = bytes('{"v":1,"exchange":"a?","instrument":"b","price":1,"timestampMs":1}');
  value[value.indexOf("?".charCodeAt(0))] = 0xff;
  const decoded = decodeSample(value);
  ok(isMalformed(decoded));
  match(decoded.malformed, /UTF-8/);
});
