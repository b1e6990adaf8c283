import { strictEqual } from "node:assert";
import fc from "fast-check";
import { csv, ndjson } from "./row_text.ts";

Deno.test("csv() has the fields within a field as columns, empty where it is null", () => {
  const { head, line } = csv(["a", "b.x", "b.y"]);
  strictEqual(head, "a,b.x,b.y\r\n");
  strictEqual(line({ a: 1, b: { x: "2", y: null } }), "1,2,\r\n");
  strictEqual(line({ a: 1, b: null }), "1,,\r\n");
});

Deno.test.each([
  [null, ""],
  ["", '""'],
  ["plain", "plain"],
  ["=SUM(A1)", "=SUM(A1)"],
  [-0.5, "-0.5"],
  [1e21, "1e+21"],
  [5e-324, "5e-324"],
  [false, "false"],
  ["a,b", '"a,b"'],
  ['say "x"', '"say ""x"""'],
  ["two\r\nlines", '"two\r\nlines"'],
  [" spaces ", '" spaces "'],
])("csv() writes %j as %s", (value, text) => {
  strictEqual(csv(["a", "b"]).line({ a: value, b: 1 }), `${text},1\r\n`);
});

Deno.test("csv() leaves a column empty that a row has not, and leaves out what is no column", () => {
  strictEqual(csv(["a", "b"]).head, "a,b\r\n");
  strictEqual(csv(["a", "b"]).line({ b: 1, c: 2 }), ",1\r\n");
});

Deno.test("every number and text reads back from a line of CSV", () => {
  fc.assert(fc.property(fc.string(), fc.double({ noNaN: true }), (text, number) => {
    const line = csv(["text", "number"]).line({ text, number }).slice(0, -2);
    const [, quoted, plain, rest] = /^(?:"((?:[^"]|"")*)"|([^]*)),([^,]*)$/.exec(line)!;
    strictEqual(quoted?.replaceAll('""', '"') ?? plain, text);
    strictEqual(Number(rest) === number, true);
  }));
});

Deno.test("ndjson writes one object a line, whatever is in it", () => {
  strictEqual(ndjson.line({ a: "two\nlines", b: null }), '{"a":"two\\nlines","b":null}\n');
});
