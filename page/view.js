/**
 * The page's elements. Whatever comes from the log or the API is set as text, never as markup; the
 * page's security policy refuses markup from scripts altogether.
 *
 * @module
 */
import { countText, keyText, linesOf, previewOf, rateText, timeText } from "./format.js";
import { idOf } from "./messages.js";

/** An element of the page, by its id. */
export function byId(id) {
  return document.getElementById(id);
}

/** Makes an element that holds texts and elements. */
function make(tag, properties, ...content) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...content);
  return element;
}

/** Shows rows of texts in a table's body; elements stay where they are, so that focus and selection do. */
function fillRows(body, rows, makeRow) {
  while (body.rows.length > rows.length) body.lastElementChild.remove();
  for (const [i, texts] of rows.entries()) {
    const row = body.rows[i] ?? body.appendChild(makeRow(texts));
    for (const [j, text] of texts.entries()) {
      const cell = row.cells[j].querySelector("a") ?? row.cells[j];
      if (cell.textContent !== text) cell.textContent = text;
    }
  }
}

/** Shows all topics; `rates` are new offsets per second by topic and partition, `null` where not known. */
export function showTopics(topics, rates, { selected, hrefOf }) {
  const body = byId("topics").tBodies[0];
  const rows = topics.map(({ topic, partitions, groups }) => [
    topic,
    countText(partitions.length),
    countText(sum(partitions, (range) => range.endOffset - range.startOffset)),
    rateText(rates === null ? null : sum(partitions, (_, i) => rates.get(topic)?.[i] ?? 0)),
    groups.map(({ group, lag }) => `${group} ${countText(lag)}`).join(", ") || "–",
  ]);
  fillRows(body, rows, (texts) =>
    make(
      "tr",
      {},
      make("th", { scope: "row" }, make("a")),
      ...texts.slice(1, 4).map(() => make("td", { className: "number" })),
      make("td"),
    ));
  for (const row of body.rows) {
    const link = row.querySelector("a");
    const href = hrefOf(link.textContent);
    if (link.getAttribute("href") !== href) link.setAttribute("href", href);
    if (link.textContent === selected) row.setAttribute("aria-current", "true");
    else row.removeAttribute("aria-current");
  }
}

/** Shows the partitions of one topic, and where each group stands in them. */
export function showPartitions({ topic, partitions, groups }, rates) {
  const table = byId("partitions").querySelector("table");
  const titles = [
    "Partition",
    "Start",
    "End",
    "New/s",
    ...groups.flatMap(({ group }) => [`${group} at`, `${group} lag`]),
  ];
  const head = table.tHead.rows[0];
  if (head.textContent !== titles.join("")) {
    head.replaceChildren(
      ...titles.map((title) => make("th", { scope: "col", className: "number" }, title)),
    );
    table.tBodies[0].replaceChildren();
  }
  const rows = partitions.map(({ partition, startOffset, endOffset }, i) => [
    `${partition}`,
    countText(startOffset),
    countText(endOffset),
    rateText(rates?.get(topic)?.[i] ?? null),
    ...groups.flatMap(({ offsets, lags }) => [
      offsets[i] === null ? "–" : countText(offsets[i]),
      countText(lags[i]),
    ]),
  ]);
  fillRows(
    table.tBodies[0],
    rows,
    (texts) => make("tr", {}, ...texts.map(() => make("td", { className: "number" }))),
  );
}

/** Shows messages in this order; those that are shown already stay, open or not. */
export function showMessages(topic, messages, hrefOf) {
  const list = byId("list");
  const shown = new Map([...list.children].map((item) => [item.dataset.id, item]));
  let next = list.firstElementChild;
  for (const message of messages) {
    const item = shown.get(idOf(message)) ?? messageItem(topic, message, hrefOf);
    shown.delete(idOf(message));
    if (item === next) next = next.nextElementSibling;
    else list.insertBefore(item, next);
  }
  for (const item of shown.values()) item.remove();
}

function messageItem(topic, message, hrefOf) {
  const { partition, offset, time, key } = message;
  const span = (className, text, title = text) => make("span", { className, title }, text);
  const details = make(
    "details",
    {},
    make(
      "summary",
      {},
      span("time", timeText(Date.parse(time)), `Appended ${time}`),
      span("place", idOf(message), `Partition ${partition}, offset ${offset}`),
      span("key", keyText(key), key ?? ""),
      make("span", { className: "value" }, previewOf(topic, message)),
    ),
  );
  details.addEventListener("toggle", () => {
    if (details.childElementCount === 1) details.append(messageBody(message, hrefOf));
  }, { once: true });
  const item = make("li", {}, details);
  item.dataset.id = idOf(message);
  return item;
}

function messageBody(message, hrefOf) {
  const { partition, offset, time, key, headers, encoding, value } = message;
  const facts = [
    ["Key", key ?? "(none)"],
    ["Appended", time],
    ["Partition, offset", `${partition}, ${offset}`],
    ...Object.entries(headers).map(([name, text]) => [`Header ${name}`, text]),
    ["Value", value === null ? "(none)" : encoding === "json" ? "JSON" : "bytes, in base64"],
  ];
  const list = make(
    "dl",
    {},
    ...facts.flatMap(([name, text]) => [make("dt", {}, name), make("dd", {}, text)]),
  );
  const lines = encoding === "json" ? linesOf(value) : [{ text: value, note: null }];
  const text = lines.map((line) => line.text).join("\n");
  const pre = make("pre", { tabIndex: 0, ariaLabel: "Value" });
  for (const [i, { text, note }] of lines.entries()) {
    pre.append(i === 0 ? text : `\n${text}`);
    if (note !== null) pre.append(make("span", { className: "note" }, `  ${note}`));
  }
  const copy = make("button", { type: "button" }, "Copy value");
  copy.addEventListener("click", () => copyText(text, copy));
  const link = make("a", { href: hrefOf(message) }, "Link to this message");
  const actions = make("div", { className: "actions" }, copy, link);
  return make("div", { className: "message" }, list, ...value === null ? [] : [pre], actions);
}

/** Copies a text, and says so on the button for a moment. */
export async function copyText(text, button) {
  const before = button.dataset.label ??= button.textContent;
  try {
    await navigator.clipboard.writeText(text);
    button.textContent = "Copied";
  } catch {
    // Browsers allow it on localhost and over HTTPS only.
    button.textContent = "Not allowed here";
  }
  setTimeout(() => button.textContent = before, 1500);
}

function sum(items, of) {
  return items.reduce((total, item, i) => total + of(item, i), 0);
}
