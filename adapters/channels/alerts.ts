/**
 * Notifications as Prometheus Alertmanager knows alerts. Pure.
 *
 * @module
 */
import { baselineText, findingText, summaryText } from "../../notifier/wording.ts";
import type { Notification } from "../../stats/notification.ts";

/** Labels or annotations. */
export type Labels = Readonly<Record<string, string>>;

/** What an alert is, for Alertmanager: alerts of the same labels are the same. */
export function labelsOf(notification: Notification, further: Labels = {}): Labels {
  const { rule, kind, exchange, instrument, base, quote, source } = notification;
  const own = { alertname: rule, exchange, instrument, base, quote, source, kind };
  const given = Object.entries(own).filter((entry): entry is [string, string] => !!entry[1]);
  return { ...further, ...Object.fromEntries(given) };
}

/** What is said of it. */
export function annotationsOf(notification: Notification): Labels {
  const { value, threshold, price } = notification;
  return {
    summary: summaryText(notification),
    description: [findingText(notification), baselineText(notification)]
      .filter((part) => part !== "").join("; "),
    ...{ value: numberText(value), threshold: numberText(threshold) },
    ...(price !== null && { price: numberText(price) }),
  };
}

/** A number for a template to reckon with, without the digits that say nothing. */
function numberText(value: number): string {
  return `${Number(value.toPrecision(10))}`;
}

/**
 * One notification for each set of labels: a market may have crossed in this hour and the one before,
 * which Alertmanager takes for one alert. What is firing stands, then what was over last.
 */
export function distinctAlerts(
  firing: readonly Notification[],
  resolved: readonly Notification[],
): Notification[] {
  const byLabels = new Map<string, Notification>();
  const oldestFirst = [...resolved].sort((a, b) => (a.endedMs ?? 0) - (b.endedMs ?? 0));
  for (const notification of [...oldestFirst, ...firing]) {
    byLabels.set(fingerprintOf(labelsOf(notification)), notification);
  }
  return [...byLabels.values()];
}

/** What a set of labels has in common with others. */
export function commonOf(all: readonly Labels[]): Labels {
  const [first = {}, ...rest] = all;
  return Object.fromEntries(
    Object.entries(first).filter(([name, value]) => rest.every((labels) => labels[name] === value)),
  );
}

const FNV_OFFSET = 0xcbf29ce484222325n;
const FNV_PRIME = 0x100000001b3n;

/** Alertmanager's name for a set of labels: FNV-1a, 64 bits, over the sorted labels. */
export function fingerprintOf(labels: Labels): string {
  const encoder = new TextEncoder();
  let hash = FNV_OFFSET;
  const add = (byte: number) => {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * FNV_PRIME);
  };
  for (const name of Object.keys(labels).sort()) {
    for (const text of [name, labels[name]!]) {
      encoder.encode(text).forEach(add);
      add(0xff);
    }
  }
  return hash.toString(16).padStart(16, "0");
}
