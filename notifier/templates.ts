/**
 * A digest → the texts that people get: subject, plain text, HTML, and a text message. Pure, and all
 * wording is here and in `wording.ts`; `tests/golden/digest_test.ts` shows what comes out.
 *
 * @module
 */
import type { Digest } from "../ports/channel.ts";
import type { Notification } from "../stats/notification.ts";
import {
  baselineText,
  countText,
  durationText,
  findingText,
  priceText,
  subjectText,
  summaryText,
  timeText,
} from "./wording.ts";

/** Characters of a text message: two of those that it is paid by. */
export const SMS_LENGTH_MAX = 320;
/** Characters of a subject: what mail programs show of it at most. */
const SUBJECT_LENGTH_MAX = 120;

/** The texts of one digest. */
export interface DigestTexts {
  /** One line. */
  subject: string;
  text: string;
  /** A whole document, with nothing that is loaded from elsewhere. */
  html: string;
  /** {@link SMS_LENGTH_MAX} characters at most, ASCII. */
  sms: string;
}

/** Writes a digest. */
export function renderDigest(digest: Digest): DigestTexts {
  return {
    subject: cut(subjectOf(digest), SUBJECT_LENGTH_MAX),
    text: textOf(digest),
    html: htmlOf(digest),
    sms: smsOf(digest),
  };
}

/** `leap: 3 firing, 1 resolved (exchange kraken)`; one alone is named. */
function subjectOf(digest: Digest): string {
  const { firing, resolved, firingCount, resolvedCount } = digest;
  const rule = ruleOf(digest);
  if (firingCount + resolvedCount !== 1) return `${rule}: ${countsOf(digest)}${groupOf(digest)}`;
  const [only] = [...firing, ...resolved];
  if (only === undefined) return `${rule}: ${countsOf(digest)}`;
  const ending = only.state === "resolved" ? ", over" : digest.isRepeat ? ", still" : "";
  return `${rule}: ${summaryText(only)}${ending}`;
}

/** The rule where there is one alone. */
function ruleOf({ group, firing, resolved }: Digest): string {
  const rules = new Set([...firing, ...resolved].map(({ rule }) => rule));
  return group.rule ?? (rules.size === 1 ? [...rules][0]! : `${rules.size} rules`);
}

function countsOf({ firingCount, resolvedCount, isRepeat }: Digest): string {
  const firing = `${countText(firingCount)} ${isRepeat ? "still firing" : "firing"}`;
  const resolved = `${countText(resolvedCount)} resolved`;
  if (firingCount === 0) return resolved;
  return resolvedCount === 0 ? firing : `${firing}, ${resolved}`;
}

/** What all have in common beside the rule. */
function groupOf({ group }: Digest): string {
  const rest = Object.entries(group).filter(([label]) => label !== "rule");
  return rest.length === 0
    ? ""
    : ` (${rest.map(([label, value]) => `${label} ${value}`).join(", ")})`;
}

/** What a digest says of itself: when it was put together, and of which time it tells. */
function periodOf({ fromMs, toMs, isRepeat }: Digest): string {
  const to = `${new Date(toMs).toISOString().slice(0, 10)} ${timeText(toMs, toMs)}`;
  return isRepeat ? `As of ${to}; nothing is new` : `${to}; first at ${timeText(fromMs, toMs)}`;
}

/** The parts in the order in which they are told. */
function sectionsOf(digest: Digest) {
  const { firing, resolved, firingCount, resolvedCount, isRepeat } = digest;
  return [
    { title: isRepeat ? "Still firing" : "Firing", list: firing, count: firingCount },
    { title: "Resolved", list: resolved, count: resolvedCount },
  ].filter(({ count }) => count > 0)
    // The newest first: they are why it was sent.
    .map(({ title, list, count }) => ({
      ...{ title, list: [...list].reverse(), count, moreCount: count - list.length },
    }));
}

function moreText(count: number, isAll: boolean): string {
  return isAll ? `${countText(count)}, not named here` : `and ${countText(count)} more`;
}

function textOf(digest: Digest): string {
  const lines = [`${ruleOf(digest)}: ${countsOf(digest)}${groupOf(digest)}`, periodOf(digest)];
  for (const { title, list, count, moreCount } of sectionsOf(digest)) {
    lines.push("", `${title.toUpperCase()} (${countText(count)})`);
    for (const notification of list) {
      lines.push("", `  ${summaryText(notification)}`, `  ${detailOf(notification, digest)}`);
    }
    if (moreCount > 0) lines.push("", `  ${moreText(moreCount, list.length === 0)}`);
  }
  return [...lines, "", "-- ", "Data Tracker", ""].join("\n");
}

/** `leap; mean 40,123.4 of the hour before, n = 60; since 10:05 UTC`. */
function detailOf(notification: Notification, { toMs }: Digest): string {
  return [notification.rule, baselineText(notification), durationText(notification, toMs)]
    .filter((part) => part !== "").join("; ");
}

/** As many as there is room for, in what every telephone can show and costs least. */
function smsOf(digest: Digest): string {
  const all = [...digest.firing].reverse().concat([...digest.resolved].reverse());
  const totalCount = digest.firingCount + digest.resolvedCount;
  let text = ascii(`${ruleOf(digest)}: ${countsOf(digest)}${groupOf(digest)}.`);
  for (const [i, notification] of all.entries()) {
    const over = notification.state === "resolved" ? ", over" : "";
    const next = ascii(` ${summaryText(notification)}${over}.`);
    const rest = totalCount - i - 1;
    const more = rest === 0 ? "" : ` And ${countText(rest)} more.`;
    if ((text + next + more).length > SMS_LENGTH_MAX) {
      text += ` And ${countText(totalCount - i)} more.`;
      break;
    }
    text += next;
    if (i === all.length - 1) text += more;
  }
  return cut(text, SMS_LENGTH_MAX, "...");
}

function ascii(text: string): string {
  return text.replaceAll(" × the mean", "x the mean").replaceAll(/[^ -~]/gu, "?");
}

function cut(text: string, lengthMax: number, mark = "…"): string {
  const line = text.replaceAll(/\s+/g, " ");
  return line.length <= lengthMax ? line : line.slice(0, lengthMax - mark.length) + mark;
}

const STYLES = {
  body: "margin:0;padding:24px;background:#f4f5f7;color:#1c2430;" +
    "font:15px/1.45 -apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif",
  card:
    "max-width:760px;margin:0 auto;background:#fff;border:1px solid #dfe3e8;border-radius:8px;" +
    "padding:20px 24px",
  title: "margin:0;font-size:20px;font-weight:600",
  quiet: "margin:2px 0 0;color:#66707d;font-size:13px",
  table: "border-collapse:collapse;width:100%;font-size:14px",
  head: "text-align:left;padding:6px 12px 6px 0;border-bottom:1px solid #dfe3e8;color:#66707d;" +
    "font-weight:500;font-size:12px",
  cell: "vertical-align:top;padding:8px 12px 8px 0;border-bottom:1px solid #eef0f3",
  number: "text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums",
} as const;

const SECTION_COLORS = { Resolved: "#1a7f4b", Firing: "#c22f2f", "Still firing": "#c22f2f" };

function htmlOf(digest: Digest): string {
  const title = `${ruleOf(digest)}: ${countsOf(digest)}`;
  const group = groupOf(digest).trim().replace(/^\((.*)\)$/, "$1; ");
  return `<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><title>${escapeHtml(title)}</title></head>
<body style="${STYLES.body}">
<div style="${STYLES.card}">
<h1 style="${STYLES.title}">${escapeHtml(title)}</h1>
<p style="${STYLES.quiet}">${escapeHtml(group + periodOf(digest))}</p>
${sectionsOf(digest).map((section) => sectionHtml(section, digest)).join("\n")}
<p style="${STYLES.quiet};margin-top:20px">Data Tracker</p>
</div>
</body>
</html>
`;
}

function sectionHtml(
  { title, list, count, moreCount }: ReturnType<typeof sectionsOf>[number],
  digest: Digest,
): string {
  const color = SECTION_COLORS[title as keyof typeof SECTION_COLORS];
  const heading = `<h2 style="margin:20px 0 6px;font-size:15px;color:${color}">` +
    `${title} (${countText(count)})</h2>`;
  const more = moreCount > 0
    ? `\n<p style="${STYLES.quiet};margin-top:8px">${moreText(moreCount, list.length === 0)}</p>`
    : "";
  if (list.length === 0) return heading + more;
  const heads = ["Market", "Price", "Found", "Held against", "When"]
    .map((name, i) =>
      `<th style="${STYLES.head}${i === 1 ? `;${STYLES.number}` : ""}">${name}</th>`
    )
    .join("");
  return `${heading}
<table style="${STYLES.table}">
<tr>${heads}</tr>
${list.map((notification) => rowHtml(notification, digest)).join("\n")}
</table>${more}`;
}

function rowHtml(notification: Notification, { toMs }: Digest): string {
  const { price, rule } = notification;
  const cell = (text: string, style = "") =>
    `<td style="${STYLES.cell}${style && `;${style}`}">${text}</td>`;
  const small = (text: string) => `<br><span style="${STYLES.quiet}">${escapeHtml(text)}</span>`;
  return `<tr>${
    [
      cell(`<b>${escapeHtml(subjectText(notification))}</b>${small(rule)}`),
      cell(price === null ? "–" : priceText(price), STYLES.number),
      cell(escapeHtml(findingText(notification))),
      cell(escapeHtml(baselineText(notification) || "–")),
      cell(escapeHtml(durationText(notification, toMs))),
    ].join("")
  }</tr>`;
}

function escapeHtml(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;").replaceAll("'", "&#39;");
}
