/**
 * What of channels is secret: for logs to hide, and the setting as it may be shown.
 *
 * @module
 */
import { parseJson } from "./named_list.ts";
import type { AlertmanagerConfig, ChannelConfig, WebhookConfig } from "./channels.ts";

/** The secrets of channels, for logs to hide. */
export function channelSecrets(channel: ChannelConfig): string[] {
  switch (channel.type) {
    case "smtp":
      return channel.login === null ? [] : [channel.login.password];
    case "twilio":
      return [channel.authToken];
    case "webhook":
      return [channel.secret ?? "", ...headerSecrets(channel)];
    case "alertmanager":
      return headerSecrets(channel);
    case "log":
      return [];
  }
}

/** A shorter part of a path is a word, which would spoil honest text; keys are longer. */
const PATH_KEY_LENGTH_MIN = 16;

/** Whole values, and what stands behind `Bearer`; of the address its query, and its path where that may be a key. */
function headerSecrets({ headers, url }: WebhookConfig | AlertmanagerConfig): string[] {
  const values = Object.values(headers);
  const words = values.flatMap((value) => value.split(" ").slice(1));
  // One whose variable is another process's to see.
  if (url === "") return [...values, ...words];
  const { pathname, search, searchParams } = new URL(url);
  const parts = [pathname, ...pathname.split("/")]
    .filter(({ length }) => length >= PATH_KEY_LENGTH_MIN);
  return [
    ...[...values, ...words, search.slice(1), ...searchParams.values()],
    ...new Set(parts.flatMap((part) => [part, decoded(part)])),
  ];
}

/** A part of an address as people write it. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Fields that hold no secret; what else there is, known or not, may. */
const SHOWN_FIELDS = new Set([
  ..."name type groupBy wait interval repeat rules exchange instrument base quote".split(" "),
  ..."sendResolved host port security username caFile from to accountSid format labels".split(" "),
]);

/** The setting's text as it may be shown: whole but for what may be secret. */
export function shownChannels(text: string): string {
  const json = parseJson(text);
  if (!Array.isArray(json)) return "(hidden)";
  return JSON.stringify(
    json.map((channel) =>
      channel === null || typeof channel !== "object" || Array.isArray(channel)
        ? "(hidden)"
        : Object.fromEntries(
          Object.entries(channel).map(([key, value]) => [key, shown(key, value)]),
        )
    ),
  );
}

function shown(key: string, value: unknown): unknown {
  if (SHOWN_FIELDS.has(key)) return value;
  if (key === "url" && typeof value === "string") {
    const url = URL.parse(value);
    if (url === null || url.username || url.password || url.hash) return "(hidden)";
    // Many hooks have their key in the path.
    return url.search === "" && url.pathname === "/" ? value : `${url.origin}/(hidden)`;
  }
  if (key === "headers" && value !== null && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, shown("", item)]));
  }
  const variable = (value as { env?: unknown } | null)?.env;
  const isReference = typeof variable === "string" && Object.keys(value as object).length === 1;
  return isReference ? value : "(hidden)";
}
