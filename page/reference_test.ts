import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { get, testApi } from "../tests/api_fixture.ts";
import { blocksOf, exampleOf, fieldsOf, operationsOf, typeText } from "./reference_model.js";

const api = await get(testApi(), "/openapi.json");
const operations = operationsOf(api);

Deno.test("the reference has every operation, with an id of its own", () => {
  const paths = Object.entries(api.paths as Record<string, object>)
    .flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path}`)
    );
  deepStrictEqual(operations.map(({ method, path }) => `${method} ${path}`), paths);
  strictEqual(new Set(operations.map(({ id }) => id)).size, operations.length);
});

for (const operation of operations) {
  const name = `${operation.method} ${operation.path}`;
  const given = api.paths[operation.path].get;
  Deno.test(`the reference shows each parameter, answer, field and example of ${name}`, () => {
    ok(operation.summary.length > 0);
    ok(!/[{}…]/.test(operation.request), operation.request);
    deepStrictEqual(
      operation.parameters.map(({ name }: { name: string }) => name),
      (given.parameters ?? []).map(({ name }: { name: string }) => name),
    );
    for (const parameter of operation.parameters) {
      ok(parameter.description.length > 0, `${parameter.name} is described`);
      ok(parameter.type.length > 0 && !parameter.type.includes("any"), parameter.type);
    }
    deepStrictEqual(operation.responses.map(({ status }) => status), Object.keys(given.responses));
    for (const { status, contents, description } of operation.responses) {
      ok(description.length > 0);
      // An answer that still stands is not sent again.
      ok(contents.length > 0 || status === "304", `${status} has a content`);
      for (const { type, fields, example } of contents) {
        ok(example.length > 0, `${status} has an example`);
        if (!/^application\/(\w+\+)?json$/.test(type)) continue;
        ok(fields.length > 0, `${status} has fields`);
        const value = JSON.parse(example);
        if (type === "application/problem+json") {
          strictEqual(value.status, Number(status));
          ok(value.title.length > 0 && value.detail.length > 0);
        }
      }
    }
  });
}

Deno.test("types, fields and examples are made of schemas, references and all", () => {
  const api = {
    paths: {},
    components: {
      schemas: {
        Row: {
          type: "object",
          properties: {
            name: { type: "string", example: "kraken" },
            size: { type: ["integer", "null"], minimum: 1, maximum: 5, description: "How big." },
            inner: { type: "array", items: { $ref: "#/components/schemas/Row" } },
          },
          required: ["name"],
        },
      },
    },
  };
  const schema = { type: "array", items: { $ref: "#/components/schemas/Row" } };
  deepStrictEqual(fieldsOf(api, schema).slice(0, 4), [
    { name: "[].name", type: "string", description: "" },
    { name: "[].size?", type: "integer from 1 to 5 or null", description: "How big." },
    { name: "[].inner?", type: "list of object", description: "" },
    { name: "[].inner[].name", type: "string", description: "" },
  ]);
  deepStrictEqual(exampleOf(api, schema), [{ name: "kraken" }]);
  strictEqual(typeText(api, { enum: ["a", "b"], type: "string" }), "a | b");
  strictEqual(
    typeText(api, { anyOf: [{ type: "string", format: "date-time" }, { type: "integer" }] }),
    "string (ISO 8601) or integer",
  );
});

Deno.test("descriptions are read as paragraphs, lists and code", () => {
  deepStrictEqual(blocksOf("One `two`\nthree.\n\n- a\n- b\n  c"), [
    {
      isList: false,
      items: [[
        { text: "One ", isCode: false },
        { text: "two", isCode: true },
        { text: " three.", isCode: false },
      ]],
    },
    {
      isList: true,
      items: [[{ text: "a", isCode: false }], [{ text: "b c", isCode: false }]],
    },
  ]);
});
