/**
 * The API's description as the reference page shows it: an OpenAPI document in, plain texts out.
 *
 * @module
 */

/** How deep examples and fields are followed: a schema may name itself. */
const DEPTH_MAX = 6;

const METHODS = ["get", "post", "put", "patch", "delete"];

/** All operations of a document, in its order. */
export function operationsOf(api) {
  return Object.entries(api.paths).flatMap(([path, item]) =>
    METHODS.filter((method) => method in item).map((method) =>
      operationOf(api, method.toUpperCase(), path, item[method])
    )
  );
}

function operationOf(api, method, path, operation) {
  const { tags = [], summary = "", description = "", parameters = [], responses } = operation;
  return {
    id: `${method}${path}`.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, ""),
    method,
    path,
    tag: tags[0] ?? "",
    summary,
    description,
    request: requestOf(path, parameters),
    parameters: parameters.map((parameter) => {
      const schema = resolved(api, parameter.schema ?? {});
      return {
        name: parameter.name,
        place: parameter.in,
        isRequired: parameter.required === true,
        type: typeText(api, schema),
        initial: schema.default === undefined ? "" : JSON.stringify(schema.default),
        example: textOf(parameter.example ?? schema.example),
        description: parameter.description ?? schema.description ?? "",
      };
    }),
    responses: Object.entries(responses).map(([status, response]) =>
      responseOf(api, status, response)
    ),
  };
}

function responseOf(api, status, { description, content = {} }) {
  return {
    status,
    description,
    contents: Object.entries(content).map(([type, { schema = {}, example, examples }]) => {
      const given = example ?? Object.values(examples ?? {})[0]?.value;
      return {
        type,
        fields: fieldsOf(api, schema),
        example: textOf(given ?? exampleOf(api, schema)),
      };
    }),
  };
}

/** A request that can be made as it stands: its path with the examples of what it must have. */
function requestOf(path, parameters) {
  const exampleOfParameter = ({ example, schema }) => example ?? schema?.example ?? "…";
  const filled = parameters.filter(({ in: place }) => place === "path").reduce(
    (text, parameter) => text.replace(`{${parameter.name}}`, exampleOfParameter(parameter)),
    path,
  );
  const query = parameters.filter(({ in: place, required }) => place === "query" && required)
    .map((parameter) => `${parameter.name}=${encodeURIComponent(exampleOfParameter(parameter))}`);
  return filled + (query.length === 0 ? "" : `?${query.join("&")}`);
}

/** A schema, or the one that it refers to. */
function resolved(api, schema) {
  const name = schema.$ref?.replace("#/components/schemas/", "");
  return name === undefined ? schema : api.components?.schemas?.[name] ?? {};
}

function textOf(value) {
  if (value === undefined) return "";
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/** What values a schema takes, in words. */
export function typeText(api, given, depth = 0) {
  const schema = resolved(api, given);
  const orNull = [schema.type].flat().includes("null") ? " or null" : "";
  if (schema.const !== undefined) return JSON.stringify(schema.const);
  if (schema.enum !== undefined) {
    return schema.enum.filter((value) => value !== null).join(" | ") + orNull;
  }
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined && depth < DEPTH_MAX) {
    return choices.map((choice) => typeText(api, choice, depth + 1)).join(" or ");
  }
  const [type = "any"] = [schema.type].flat().filter((name) => name !== "null");
  if (type === "array" && depth < DEPTH_MAX) {
    return `list of ${typeText(api, schema.items ?? {}, depth + 1)}${orNull}`;
  }
  const { minimum, maximum, format, pattern } = schema;
  const range = minimum === undefined ? "" : ` from ${minimum}`;
  const upTo = maximum === undefined ? "" : ` to ${maximum}`;
  const form = format === "date-time"
    ? " (ISO 8601)"
    : pattern === undefined
    ? ""
    : ` like /${pattern}/`;
  return `${type}${range}${upTo}${form}${orNull}`;
}

/** The fields of a schema, those within others named by their way: `data[].mean`. */
export function fieldsOf(api, given, prefix = "", depth = 0) {
  const schema = resolved(api, given);
  if (depth > DEPTH_MAX) return [];
  if (schema.items !== undefined) return fieldsOf(api, schema.items, `${prefix}[]`, depth + 1);
  const required = schema.required ?? [];
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const path = prefix === "" ? name : `${prefix}.${name}`;
    const inner = resolved(api, property);
    const field = {
      name: required.includes(name) ? path : `${path}?`,
      type: typeText(api, inner),
      description: property.description ?? inner.description ?? "",
    };
    return [field, ...fieldsOf(api, inner, path, depth + 1)];
  });
}

/** A value that fits a schema, made of the examples within it. */
export function exampleOf(api, given, depth = 0) {
  const schema = resolved(api, given);
  if (depth > DEPTH_MAX) return null;
  const value = exampleValue(schema);
  if (value !== undefined) return value;
  const choices = schema.anyOf ?? schema.oneOf;
  if (choices !== undefined) return exampleOf(api, choices[0], depth + 1);
  const types = [schema.type].flat();
  if (types.includes("array")) return [exampleOf(api, schema.items ?? {}, depth + 1)];
  if (types.includes("object")) {
    const required = schema.required ?? [];
    const entries = Object.entries(schema.properties ?? {})
      .filter(([name]) => required.includes(name))
      .map(([name, property]) => [name, exampleOf(api, property, depth + 1)]);
    return Object.fromEntries(entries);
  }
  if (types.includes("null")) return null;
  return { boolean: false, integer: 0, number: 0 }[types[0]] ?? "…";
}

function exampleValue(schema) {
  if (schema.example !== undefined) return schema.example;
  if (schema.examples?.length > 0) return schema.examples[0];
  return schema.const ?? schema.default ?? schema.enum?.[0];
}

/** A description as paragraphs and lists of pieces, some of which are code: what Markdown says with blank lines, `- ` and backquotes. */
export function blocksOf(text) {
  return text.split(/\n{2,}/).filter((part) => part.trim() !== "").map((part) => {
    const items = part.startsWith("- ") ? part.slice(2).split(/\n- /) : [part];
    return { isList: part.startsWith("- "), items: items.map(piecesOf) };
  });
}

function piecesOf(text) {
  return text.replace(/\s*\n\s*/g, " ").split("`").map((piece, i) => ({
    text: piece,
    isCode: i % 2 === 1,
  })).filter((piece) => piece.text !== "");
}
