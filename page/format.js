/**
 * How numbers, times, keys and values of the log are written for people. Pure: values in, text out;
 * nothing here, and nothing that comes from the log, ever becomes markup.
 *
 * @module
 */

/** Longest preview of a value, in characters: more than any screen shows. */
const PREVIEW_LENGTH_MAX = 300;

/** Most lines of a value that are shown, of its preview, and deepest indentation: whoever sends a value must not choose what it costs. */
const LINES_MAX = 20_000;
const PREVIEW_LINES_MAX = 60;
const INDENT_MAX = " ".repeat(80);

/** Whole milliseconds that can be a time: 2001 to 2286. */
const TIME_MIN_MS = 1e12;
const TIME_MAX_MS = 1e13;

/** A number as the log has it, where a double would be written otherwise. */
export class ExactNumber {
  constructor(source) {
    this.source = source;
  }
}

/** Reads JSON; a number that would lose a digit is kept as it stands, where the browser tells it. */
export function parseExactly(text) {
  try {
    return JSON.parse(text, (_name, value, context) => {
      const source = context?.source;
      const isExact = typeof value !== "number" || source === undefined || `${value}` === source;
      return isExact ? value : new ExactNumber(source);
    });
  } catch {
    // Nested more deeply than a reviver can go, or not JSON: then this says what is wrong.
    return JSON.parse(text);
  }
}

/** A count with its thousands parted. */
export function countText(count) {
  return Math.round(count).toLocaleString("en-GB");
}

/** A rate per second: few digits, and a dash where it is not known yet. */
export function rateText(rate) {
  if (rate === null) return "–";
  return rate === 0 || rate >= 10 ? countText(rate) : rate.toFixed(1);
}

/** A time as `2018-04-05 10:31:07`, in UTC; with milliseconds where it has some. */
export function timeText(timeMs) {
  const text = new Date(timeMs).toISOString().replace("T", " ").replace("Z", "");
  return text.endsWith(".000") ? text.slice(0, -4) : text;
}

/** A key with the window's start in it written as a time: `kraken:btcusd @ 2018-04-05 10:00`. */
export function keyText(key) {
  const parts = /^(.+)@(\d{13})$/s.exec(key ?? "");
  return parts === null ? key ?? "(no key)" : `${parts[1]} @ ${minuteText(Number(parts[2]))}`;
}

/** What a message says, in a line. */
export function previewOf(topic, { value, headers, encoding }) {
  const known = encoding === "json" ? PREVIEWS[topic]?.(value ?? {}, headers) : undefined;
  const text = known ?? (typeof value === "string" ? value : compactText(value));
  return text.length > PREVIEW_LENGTH_MAX ? `${text.slice(0, PREVIEW_LENGTH_MAX)}…` : text;
}

function compactText(value) {
  return linesOf(value, PREVIEW_LINES_MAX).map((line) => line.text.trim()).join(" ");
}

const PREVIEWS = {
  samples({ price, timestampMs }) {
    return isNumber(price) && isTime(timestampMs)
      ? `${numberText(price)} at ${timeText(timestampMs)}`
      : undefined;
  },
  statistics({ startMs, endMs, count, mean, m2, state }) {
    if (!isTime(startMs) || !isTime(endMs) || !isNumber(count) || !isNumber(mean?.[0])) return;
    const stddev = count > 1 && isNumber(m2?.[0])
      ? ` ± ${digits(Math.sqrt(Number(m2[0]) / (count - 1)))}`
      : "";
    const window = `${minuteText(startMs)}–${minuteText(endMs).slice(11)}`;
    return `${window} · ${state} · ${count} samples · mean ${digits(Number(mean[0]))}${stddev}`;
  },
  polls({ outcome, reason, marketCount, latencyMs, tickMs }) {
    if (typeof outcome !== "string" || !isTime(tickMs)) return;
    const what = reason ?? `${marketCount} markets in ${latencyMs} ms`;
    return `${outcome} · tick ${timeText(tickMs)} · ${what}`;
  },
  rejected(_value, { reason, detail }) {
    return reason === undefined ? undefined : `${reason}: ${detail ?? ""}`;
  },
};

/**
 * A value as indented JSON, line by line: its text, and a note where a number is a time or a span.
 * Without recursion, so that no nesting is too deep.
 */
export function linesOf(value, lineCountMax = LINES_MAX) {
  const lines = [];
  const open = [{ value, name: null, owner: null, indent: "", comma: "" }];
  while (open.length > 0) {
    if (lines.length === lineCountMax) return [...lines, { text: "…", note: null }];
    const { value, name, owner, indent, comma, close } = open.pop();
    const label = name === null ? "" : `${JSON.stringify(name)}: `;
    if (close !== undefined) {
      lines.push({ text: `${indent}${close}${comma}`, note: null });
      continue;
    }
    const isTree = value !== null && typeof value === "object" && !(value instanceof ExactNumber);
    const items = isTree ? Object.entries(value) : [];
    if (items.length === 0) {
      const text = isTree ? Array.isArray(value) ? "[]" : "{}" : leafText(value);
      lines.push({ text: `${indent}${label}${text}${comma}`, note: noteOf(name ?? owner, value) });
      continue;
    }
    const [left, right] = Array.isArray(value) ? "[]" : "{}";
    lines.push({ text: `${indent}${label}${left}`, note: null });
    open.push({ close: right, indent, comma });
    for (const [i, [inner, item]] of [...items.entries()].reverse()) {
      open.push({
        value: item,
        name: Array.isArray(value) ? null : inner,
        owner: name,
        indent: indent.length < INDENT_MAX.length ? `${indent}  ` : INDENT_MAX,
        comma: i === items.length - 1 ? "" : ",",
      });
    }
  }
  return lines;
}

function leafText(value) {
  return value instanceof ExactNumber ? value.source : JSON.stringify(value);
}

/** `…Ms` is a time or a span; `open` and `close` of statistics hold a time beside the price. */
function noteOf(name, value) {
  if (typeof value !== "number" || !/Ms$|^open$|^close$/.test(name ?? "")) return null;
  if (isTime(value)) return timeText(value);
  if (!name.endsWith("Ms") || value < 1000) return null;
  return value % 60_000 === 0 ? `${value / 60_000} min` : `${value / 1000} s`;
}

function minuteText(timeMs) {
  return timeText(timeMs).slice(0, 16);
}

function isTime(value) {
  return Number.isInteger(value) && value >= TIME_MIN_MS && value < TIME_MAX_MS;
}

function isNumber(value) {
  return typeof value === "number" || value instanceof ExactNumber;
}

function numberText(value) {
  return value instanceof ExactNumber ? value.source : `${value}`;
}

/** Enough digits to tell two apart at a glance. */
function digits(value) {
  return `${Number(value.toPrecision(8))}`;
}
