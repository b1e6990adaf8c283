/**
 * What is looked at, as the address bar keeps it: a link shows another the same.
 *
 * @module
 */

export const LIMITS = [50, 200, 1000];
const FROM = ["latest", "start", "offset", "time"];

/** Reads what is looked at from a query; what is missing or nonsense is as at first. */
export function readState(query) {
  const parameters = new URLSearchParams(query);
  const text = (name) => parameters.get(name) ?? "";
  const from = FROM.includes(text("from")) ? text("from") : "latest";
  const limit = Number(text("limit"));
  return {
    topic: text("topic"),
    partition: /^\d{1,4}$/.test(text("partition")) ? Number(text("partition")) : null,
    from,
    at: from === "offset" || from === "time" ? text("at") : "",
    key: text("key").slice(0, 300),
    limit: LIMITS.includes(limit) ? limit : LIMITS[0],
    isLive: text("live") === "yes",
  };
}

/** Writes it as a query; what is as at first is left out. */
export function writeState({ topic, partition, from, at, key, limit, isLive }) {
  const parameters = new URLSearchParams();
  const set = (name, value, isSaid) => isSaid && parameters.set(name, value);
  set("topic", topic, topic !== "");
  set("partition", partition, partition !== null);
  set("from", from, from !== "latest");
  set("at", at, at !== "");
  set("key", key, key !== "");
  set("limit", limit, limit !== LIMITS[0]);
  set("live", "yes", isLive);
  const query = `${parameters}`;
  return query === "" ? "" : `?${query}`;
}

/** What is wrong with the place asked for, in words; `null`: nothing. */
export function placeProblem({ from, at }) {
  if (from === "offset" && !/^\d{1,15}$/.test(at)) return "The offset must be a whole number";
  if (from === "time" && timeOf(at) === null) {
    return "The time must be like 2018-04-05 10:31, in UTC, or milliseconds since 1970";
  }
  return null;
}

/** A time as it is typed, in ms since 1970; `null` where it is none. Without an offset it is UTC. */
export function timeOf(text) {
  const trimmed = text.trim();
  if (/^\d{11,15}$/.test(trimmed)) return Number(trimmed);
  if (!/^\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:\d\d)?$/.test(trimmed)) {
    return null;
  }
  const [day, clock = "00:00"] = trimmed.replace("T", " ").split(" ");
  const timeMs = Date.parse(
    `${day.slice(0, 10)}T${clock}${/Z$|[+-]\d\d:\d\d$/.test(clock) ? "" : "Z"}`,
  );
  return Number.isNaN(timeMs) ? null : timeMs;
}
