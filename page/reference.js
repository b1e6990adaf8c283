/**
 * The reference page: reads the API's description from the API itself and shows all of it. Whatever it
 * says is set as text, never as markup.
 *
 * @module
 */
import { blocksOf, operationsOf } from "./reference_model.js";
import { headersOf, keepToken, refusalOf, tokenProblem } from "./token.js";

/** Makes an element that holds texts and elements. */
function make(tag, properties, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}

function inline(pieces) {
  return pieces.map(({ text, isCode }) => isCode ? make("code", {}, text) : text);
}

function described(text) {
  return blocksOf(text).map(({ isList, items }) => {
    const lines = items.map((pieces) => make(isList ? "li" : "p", {}, ...inline(pieces)));
    return isList ? make("ul", {}, ...lines) : lines[0];
  });
}

function table(titles, rows) {
  const head = make("tr", {}, ...titles.map((title) => make("th", { scope: "col" }, title)));
  const body = rows.map(([name, ...cells]) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("code", {}, name)),
      ...cells.map((cell) => make("td", {}, ...[cell].flat())),
    )
  );
  const made = make("table", {}, make("thead", {}, head), make("tbody", {}, ...body));
  return make("div", { className: "wide", tabIndex: 0 }, made);
}

function parametersOf({ parameters }) {
  if (parameters.length === 0) return [];
  const rows = parameters.map((
    { name, place, isRequired, type, initial, example, description },
  ) => [
    name,
    isRequired ? `${place}, required` : place,
    type,
    [
      ...described(description),
      ...(initial === "" ? [] : [make("p", {}, "Default ", make("code", {}, initial))]),
      ...(example === "" ? [] : [make("p", {}, "Example ", make("code", {}, example))]),
    ],
  ]);
  return [make("h4", {}, "Parameters"), table(["Name", "In", "Type", "What it does"], rows)];
}

function responseOf({ status, description, contents }) {
  const parts = contents.flatMap(({ type, fields, example }) => [
    make("p", {}, make("code", {}, type)),
    ...(example === "" ? [] : [make("pre", { tabIndex: 0, ariaLabel: "Example" }, example)]),
    ...(fields.length === 0 ? [] : [
      table(
        ["Field", "Type", "What it is"],
        fields.map(({ name, type, description }) => [name, type, described(description)]),
      ),
    ]),
  ]);
  const summary = make(
    "summary",
    {},
    make("code", {}, status),
    " ",
    ...blocksOf(description).flatMap(({ items }) => items.flatMap(inline)),
  );
  return make(
    "details",
    { open: status.startsWith("2"), className: "response" },
    summary,
    ...parts,
  );
}

function operationSection(operation) {
  const { id, method, path, summary, description, request } = operation;
  return make(
    "section",
    { id, className: "operation" },
    make("h3", {}, make("a", { href: `#${id}` }, `${method} ${path}`)),
    make("p", { className: "summary" }, summary),
    ...described(description),
    make("pre", { tabIndex: 0, ariaLabel: "Request" }, `curl '${location.origin}${request}'`),
    ...parametersOf(operation),
    make("h4", {}, "Answers"),
    ...operation.responses.map(responseOf),
  );
}

/** Shows a description. */
function show(api) {
  const { info, tags = [] } = api;
  const operations = operationsOf(api);
  document.title = `${info.title} API`;
  document.getElementById("title").textContent = `${info.title} API ${info.version}`;
  document.getElementById("about").replaceChildren(...described(info.description ?? ""));
  const names = new Set([...tags.map(({ name }) => name), ...operations.map(({ tag }) => tag)]);
  const groups = [...names].map((name) => ({
    name,
    description: tags.find((tag) => tag.name === name)?.description ?? "",
    own: operations.filter(({ tag }) => tag === name),
  }));
  document.getElementById("contents").replaceChildren(...groups.flatMap(({ name, own }) => [
    make("h2", {}, name),
    make(
      "ul",
      {},
      ...own.map(({ id, path }) => make("li", {}, make("a", { href: `#${id}` }, path))),
    ),
  ]));
  document.getElementById("operations").replaceChildren(
    ...groups.flatMap(({ name, description, own }) => [
      make("h2", {}, description === "" ? name : `${name}: ${description}`),
      ...own.map(operationSection),
    ]),
  );
  // Its target was not there yet when the address was opened.
  if (location.hash !== "") document.getElementById(location.hash.slice(1))?.scrollIntoView();
}

/** Reads what the page is made from, with the token that this tab has, if any. */
async function load() {
  const status = document.getElementById("about");
  const login = document.getElementById("login");
  try {
    const response = await fetch("openapi.json", { headers: headersOf(sessionStorage) });
    if (response.ok || response.status === 401) login.hidden = response.ok;
    if (response.status === 401) throw new Error(refusalOf(sessionStorage));
    if (!response.ok) throw new Error(`it answers ${response.status}`);
    status.className = "";
    show(await response.json());
  } catch (error) {
    status.className = "problem";
    status.textContent = `/openapi.json cannot be read: ${error.message}`;
  }
}

document.getElementById("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const { token } = event.currentTarget.elements;
  const problem = tokenProblem(token.value);
  if (problem !== null) return void (document.getElementById("about").textContent = problem);
  keepToken(sessionStorage, token.value);
  token.value = "";
  void load();
});
await load();
