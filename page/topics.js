/**
 * The topic browser: looks at `/v1/topics` every two seconds, and at the messages that the address
 * bar names. Read-only; it asks no host but its own.
 *
 * @module
 */
import { countText, parseExactly } from "./format.js";
import { MessageList } from "./messages.js";
import { placeProblem, readState, writeState } from "./state.js";
import { headersOf, keepToken, refusalOf, tokenProblem } from "./token.js";
import { byId, copyText, showMessages, showPartitions, showTopics } from "./view.js";

const LOOK_INTERVAL_MS = 2000;
/** Without an answer for so long, in ms, the API counts as not reached: it gives up after 10 s itself. */
const ASK_TIME_MAX_MS = 15_000;

const form = byId("filter");
const fields = form.elements;

let state = readState(location.search);
/** Rows of `/v1/topics` at the last look, when it was, and how fast partitions grew since the one before. */
let topics = [];
let lookedMs = 0;
let rates = null;
/** The messages shown; `null` before the first have come. */
let list = null;

/** Answers a path of the API. @throws {Error} In words for the page. */
async function ask(path) {
  let response;
  try {
    response = await fetch(path, {
      headers: headersOf(sessionStorage),
      signal: AbortSignal.timeout(ASK_TIME_MAX_MS),
    });
  } catch {
    throw new Error("The API cannot be reached; trying again");
  }
  const body = await response.text();
  if (response.ok || response.status === 401) byId("login").hidden = response.ok;
  if (response.status === 401) throw new Error(refusalOf(sessionStorage));
  if (response.ok) return parseExactly(body);
  let detail;
  try {
    detail = JSON.parse(body).detail;
  } catch {
    // Whatever stands between here and the API does not speak its language.
  }
  throw new Error(detail ?? `The API answered ${response.status}`);
}

function hrefOf(changes) {
  return location.pathname +
    writeState({ ...readState(""), limit: state.limit, ...changes });
}

/** One look at all topics; live messages follow it. */
async function look() {
  const { data } = await ask("v1/topics");
  const nowMs = performance.now();
  const before = new Map(topics.map((row) => [row.topic, row.partitions]));
  const seconds = (nowMs - lookedMs) / 1000;
  const isFirst = topics.length === 0;
  rates = isFirst ? null : new Map(data.map(({ topic, partitions }) => [
    topic,
    partitions.map(({ endOffset }, i) =>
      Math.max(0, endOffset - (before.get(topic)?.[i]?.endOffset ?? endOffset)) / seconds
    ),
  ]));
  [topics, lookedMs] = [data, nowMs];
  showTopics(topics, rates, { selected: state.topic, hrefOf: (topic) => hrefOf({ topic }) });
  const selected = topics.find((row) => row.topic === state.topic);
  if (selected !== undefined) showPartitions(selected, rates);
  if (isFirst) await open();
  else if (state.isLive && list !== null && selected !== undefined) {
    const shown = list;
    if (await shown.loadArrived(selected) > 0 && shown === list) render();
  }
}

async function lookNow() {
  try {
    await look();
    say("status", `As of ${new Date().toISOString().slice(11, 19)} UTC`);
  } catch (error) {
    say("status", error.message, true);
  }
}

async function lookOn() {
  for (;;) {
    if (!document.hidden) await lookNow();
    await new Promise((resolve) => setTimeout(resolve, LOOK_INTERVAL_MS));
  }
}

/** Shows what the address names. */
async function open() {
  const row = topics.find(({ topic }) => topic === state.topic);
  list = null;
  byId("messages").hidden = row === undefined;
  document.title = row === undefined ? "Topics · Data Tracker" : `${row.topic} · Data Tracker`;
  showTopics(topics, rates, { selected: state.topic, hrefOf: (topic) => hrefOf({ topic }) });
  if (row === undefined) {
    if (state.topic !== "") say("status", `There is no topic ${state.topic}`, true);
    return;
  }
  byId("messages-title").textContent = row.topic;
  showPartitions(row, rates);
  fillForm(row);
  const problem = placeProblem(state);
  showMessages(row.topic, [], messageHref);
  for (const id of ["above", "below"]) byId(id).hidden = true;
  if (problem !== null) return say("found", problem, true);
  const loading = new MessageList(state, row, ask);
  await load(loading, () => loading.begin(), () => {
    list = loading;
  });
}

/** Runs what loads messages, and shows them, unless something else is looked at by then. */
async function load(loading, run, then = () => {}) {
  const wanted = state;
  say("found", "Loading…");
  try {
    await run();
  } catch (error) {
    if (state === wanted) say("found", error.message, true);
    return;
  }
  if (state !== wanted) return;
  then();
  if (loading === list) render();
}

function render() {
  const { messages } = list;
  const isNewestFirst = state.from === "latest";
  showMessages(state.topic, isNewestFirst ? messages.toReversed() : messages, messageHref);
  const [above, below] = [byId("above"), byId("below")];
  above.textContent = isNewestFirst ? "Later" : "Earlier";
  below.textContent = isNewestFirst ? "Earlier" : "Later";
  for (const button of [above, below]) {
    button.hidden = button.textContent === "Earlier" && !list.hasEarlier;
  }
  const where = state.partition === null ? "" : ` of partition ${state.partition}`;
  const which = state.key === "" ? "" : ` whose key contains “${state.key}”`;
  say(
    "found",
    `${countText(messages.length)} ${
      messages.length === 1 ? "message" : "messages"
    }${where}${which}, ` +
      (isNewestFirst ? "newest first" : "oldest first"),
  );
}

function messageHref({ partition, offset }) {
  return hrefOf({ topic: state.topic, partition, from: "offset", at: `${offset}` });
}

function say(id, text, isProblem = false) {
  const element = byId(id);
  if (element.textContent !== text) element.textContent = text;
  element.classList.toggle("problem", isProblem);
}

function fillForm({ partitions }) {
  const numbers = partitions.map(({ partition }) => `${partition}`);
  const option = (value, text) => {
    const made = document.createElement("option");
    [made.value, made.textContent] = [value, text];
    return made;
  };
  fields.partition.replaceChildren(option("", "all"), ...numbers.map((n) => option(n, n)));
  fields.partition.value = state.partition === null ? "" : `${state.partition}`;
  [fields.from.value, fields.at.value, fields.key.value] = [state.from, state.at, state.key];
  fields.limit.value = `${state.limit}`;
  fields.tail.checked = state.isLive;
  showPlace();
}

/** The field for an offset or a time, where one is needed. */
function showPlace() {
  const label = byId("at");
  const from = fields.from.value;
  label.hidden = from !== "offset" && from !== "time";
  label.firstElementChild.textContent = from === "time" ? "Time, UTC" : "Offset";
  fields.at.placeholder = from === "time"
    ? new Date().toISOString().slice(0, 16).replace("T", " ")
    : "0";
}

/** Goes where the query says, as one more step of the browser's history. */
function go(query) {
  state = readState(query);
  history.pushState(null, "", location.pathname + query);
  void open();
}

function formQuery() {
  const parameters = new URLSearchParams({
    topic: state.topic,
    partition: fields.partition.value,
    from: fields.from.value,
    at: fields.at.value.trim(),
    key: fields.key.value,
    limit: fields.limit.value,
    live: fields.tail.checked ? "yes" : "",
  });
  return writeState(readState(`${parameters}`));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  go(formQuery());
});
for (const name of ["partition", "limit", "key"]) {
  fields[name].addEventListener("change", () => form.requestSubmit());
}
fields.from.addEventListener("change", () => {
  showPlace();
  if (byId("at").hidden) form.requestSubmit();
  else {
    fields.at.value = "";
    fields.at.focus();
  }
});
fields.tail.addEventListener("change", () => {
  state.isLive = fields.tail.checked;
  history.replaceState(null, "", location.pathname + writeState(state));
});
byId("login").addEventListener("submit", (event) => {
  event.preventDefault();
  const { token } = event.currentTarget.elements;
  const problem = tokenProblem(token.value);
  if (problem !== null) return say("status", problem, true);
  keepToken(sessionStorage, token.value);
  token.value = "";
  say("status", "Asking with this token…");
  void showSimulated();
  void lookNow();
});
byId("copy").addEventListener(
  "click",
  ({ currentTarget }) => copyText(location.href, currentTarget),
);
byId("above").addEventListener("click", ({ currentTarget }) => more(currentTarget));
byId("below").addEventListener("click", ({ currentTarget }) => more(currentTarget));
byId("topics").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (link === null || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  go(new URL(link.href).search);
});
globalThis.addEventListener("popstate", () => {
  state = readState(location.search);
  void open();
});

function more(button) {
  const shown = list;
  if (shown === null) return;
  void load(
    shown,
    () => button.textContent === "Earlier" ? shown.loadEarlier() : shown.loadLater(),
  );
}

async function showSimulated() {
  try {
    const { simulated } = await ask(".");
    byId("simulated").hidden = !simulated;
  } catch {
    // The look at the topics says what is wrong.
  }
}

void showSimulated();
void lookOn();
